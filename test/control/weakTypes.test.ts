/** Bare numbers keep adapting to what they meet when they cross a boundary: the types are JAX's. */
import { describe, expect, test } from "vitest";
import {
  checkpoint,
  cond,
  customJvp,
  customVjp,
  fixedPointIteration,
  foriLoop,
  grad,
  jit,
  jvp,
  linearize,
  linearTranspose,
  np,
  random,
  scan,
  switchCase,
  type Tensor,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";
import fixture from "../fixtures/weak-types.json" with { type: "json" };
import { f64, i32 } from "../support/numbers.ts";

type Bare = number | boolean;
// A bare number is a tensor where it arrives; TypeScript is told so where it is handed over.
const arriving = (n: Bare) => n as unknown as Tensor;

const custom = (x: Tensor, n: Tensor) => np.add(x, n);
const customized = customJvp(custom, ([x, n], [dx]) => [custom(x, n), dx]);
const reversed = customVjp(
  custom,
  (x, n) => [custom(x, n), null],
  (_: null, ct: Tensor | null) => [ct, ct && np.sum(ct)],
);
const twice = (b: Tensor) => np.add(b, b);

/** As in test/oracle/weak_types.py. */
const boundaries: Record<keyof typeof fixture, (x: Tensor, n: Tensor) => Tensor> = {
  "none": (x, n) => np.add(x, n),
  "jit": (x, n) => jit(custom)(x, n),
  "jit of the number alone": (x, n) => np.add(x, jit(twice)(n)),
  "vmap": (x, n) => vmap(custom, { inAxes: [0, null] })(x, n),
  "cond": (x, n) => cond(true, custom, custom, x, n),
  "what cond gives": (x, n) => np.add(x, cond(true, (b) => b, twice, n)),
  "switch": (x, n) => switchCase(1, [custom, custom, custom], x, n),
  "what switch gives": (x, n) => np.add(x, switchCase(1, [(b) => b, twice], n)),
  "scan: the carry": (x, n) => scan((c: Tensor, e: Tensor) => [np.add(c, e), null], n, x)[0],
  "scan: a carry of its own": (x, n) =>
    np.add(x, scan((c: Tensor, _: Tensor) => [twice(c), null], n, x)[0]),
  "scan: what the step closes over": (x, n) =>
    scan(
      (c: Tensor, e: Tensor) => [np.add(np.add(c, e), n), null],
      np.add(np.take(x, 0, { mode: "clip" }), n),
      x,
    )[0],
  "scan: ys": (x, n) =>
    np.add(x, scan((c: Tensor, _: Tensor) => [c, n], np.take(x, 0, { mode: "clip" }), x)[1]),
  "fori: the carry": (x, n) =>
    foriLoop(0, 2, (_, c: Tensor) => np.add(c, np.take(x, 0, { mode: "clip" })), n),
  "fori: a carry of its own": (x, n) => np.add(x, foriLoop(0, 2, (_, c: Tensor) => twice(c), n)),
  "while: the carry": (x, n) =>
    whileLoop(
      (c: Tensor) => np.less(c, 1),
      (c: Tensor) => np.add(c, np.take(x, 0, { mode: "clip" })),
      n,
    ),
  "while: a carry of its own": (x, n) =>
    np.add(x, whileLoop((c: Tensor) => np.less(c, 1), twice, n)),
  "checkpoint": (x, n) => checkpoint(custom)(x, n),
  "customJvp": (x, n) => customized(x, n),
  "customVjp": (x, n) => reversed(x, n),
  "where": (x, n) => np.add(x, np.where(np.greater(x, 0), n, n)),
  "negative, sums, products": (x, n) =>
    np.add(x, jit((b: Tensor) => np.negative(b).mul(b).add(np.abs(b)).sub(b))(n)),
  "quotients": (x, n) => np.add(x, jit((b: Tensor) => np.divide(b, b))(n)),
};

/** Its type by JAX's name: to JAX a bare whole number is a weak integer. */
const typeOf = ({ aval: { dtype, weak, whole } }: Tensor) =>
  weak ? `${whole ? "int32" : dtype}*` : dtype;

const numbers: Record<string, Bare> = { "1": 1, "1.5": 1.5, true: true };

describe.each(Object.entries(boundaries))("%s", (name, f) => {
  const types: Record<string, string> = fixture[name as keyof typeof fixture];
  test.each(Object.entries(types))("%s", (given, type) => {
    const [dtype, number] = given.split(" ") as [Tensor["dtype"], string];
    const x = np.array([1, 1, 1], { dtype });
    const run = (g: typeof f) => g(x, arriving(numbers[number]!));
    // JAX has no negative booleans, and no carry that starts as one and becomes a number.
    if (type === "error") return;
    expect(typeOf(run(f))).toBe(type);
    expect(typeOf(run((a, n) => jit((b: Tensor, m: Tensor) => f(b, m))(a, n)))).toBe(type);
    expect(typeOf(run((a, n) => jit((b: Tensor) => f(b, n))(a)))).toBe(type);
  });
});

describe("numbers", () => {
  const large = 2 ** 24 + 1; // no float32

  test("are exact among integers, however large", async () => {
    const x = i32([1, 1]);
    const right = [large + 1, large + 1];
    expect(await jit(custom)(x, arriving(large)).array()).toEqual(right);
    expect(await vmap(custom, { inAxes: [0, null] })(x, arriving(large)).array()).toEqual(right);
    expect(await cond(true, custom, custom, x, arriving(large)).array()).toEqual(right);
    const [sum] = scan((c: Tensor, e: Tensor) => [c.add(e), null], arriving(0), i32([large, 1]));
    expect(await sum.array()).toBe(large + 1);
    const [far] = scan((c: Tensor, e: Tensor) => [c.add(e), null], arriving(large), x);
    expect(await far.array()).toBe(large + 2);
    // Alone they are reals.
    const squared = jit((n: Tensor) => n.mul(n))(arriving(large));
    expect([squared.dtype, await squared.item() > 2 ** 47]).toEqual(["float32", true]);
    expect(await grad((n: Tensor) => n.mul(n))(arriving(large)).item()).toBeCloseTo(2 * large, -2);
  });

  test("count, choose and index where they arrive", async () => {
    const x = f64([5, 6, 7]);
    expect(await jit((n: Tensor) => np.take(x, n))(arriving(2)).array()).toBe(7);
    expect(await jit((n: Tensor) => np.take(x, n.sub(1)))(arriving(2)).array()).toBe(6);
    expect(
      await jit((n: Tensor) => foriLoop(0, n, (_, c: Tensor) => c.mul(2), f64(1)))(arriving(3))
        .item(),
    ).toBe(8);
    const pick = (n: Tensor) => switchCase(n, [() => f64(1), () => f64(2), () => f64(3)]);
    expect(await jit(pick)(arriving(1)).item()).toBe(2);
    expect(await jit((n: Tensor) => random.key(n))(arriving(7)).array())
      .toEqual(await random.key(7).array());
    expect(await jit((n: Tensor) => np.bitwiseAnd(n, 6))(arriving(12)).item()).toBe(4);
  });

  test("take the type of what they stand for: carries, results of branches", () => {
    const x = i32(3);
    expect(cond(true, () => x, () => arriving(4)).dtype).toBe("int32");
    expect(cond(true, (y: Tensor) => y, (_: Tensor) => arriving(4), x).dtype).toBe("int32");
    expect(foriLoop(0, 2, (_: Tensor, _c: Tensor) => arriving(4), x).dtype).toBe("int32");
    expect(() => foriLoop(0, 2, (_: Tensor, _c: Tensor) => arriving(1.5), x)).toThrow(/astype/);
    expect(scan((c: Tensor, _: Tensor) => [c.add(0.5), null], arriving(0), f64([1, 2]))[0].dtype)
      .toBe("float32");
  });

  test("are reals where they are differentiated", async () => {
    const n = arriving(3);
    const f = (a: Tensor) => np.sum(i32([1, 2]).mul(a));
    expect(await grad(f)(n).item()).toBe(3);
    expect(await jit(grad(f))(n).item()).toBe(3);
    expect(await jvp(f, [n], [arriving(1)])[1].item()).toBe(3);
    expect(await vjp(f, n)[1](arriving(2))[0].item()).toBe(6);
    expect(await linearize(f, n)[1](arriving(1)).item()).toBe(3);
    expect(await linearTranspose((a: Tensor) => a.mul(3), n)(arriving(1))[0].item()).toBe(3);
    // The others are what they are.
    const g = (x: Tensor, k: Tensor) => np.sum(x).mul(np.sum(i32([1, 2]).mul(k)).astype("float64"));
    expect(await grad(g)(f64([1]), n).array()).toEqual([9]);
    expect(() => grad((k: Tensor) => k.astype("float32"))(i32(2))).toThrow(/only floats/);
  });

  test("are tangents and cotangents of any type", async () => {
    const f = (x: Tensor) => x.mul(x);
    const pushed = jit((t: Tensor) => jvp(f, [f64(3)], [t])[1]);
    expect([pushed(arriving(1)).dtype, await pushed(arriving(1)).item()]).toEqual(["float64", 6]);
    const ruled = customVjp(f, (x) => [f(x), null], (_: null) => [arriving(5)]);
    expect(await grad(ruled)(f64(3)).item()).toBe(5);
    const forwards = customJvp(f, ([x]) => [f(x), arriving(7)]);
    expect(await jit((x: Tensor) => jvp(forwards, [x], [x])[1])(f64(3)).item()).toBe(7);
  });

  test("start fixed points, and parametrize them", async () => {
    const solve = fixedPointIteration((z: Tensor, a: Tensor) => np.cos(z).mul(a));
    const one = solve(arriving(0), f64(1)).value;
    expect([one.dtype, await one.item()]).toEqual(["float64", expect.closeTo(0.7390851332, 8)]);
    const other = solve(f64(0), arriving(1)).value;
    expect([other.dtype, await other.item()]).toEqual(["float64", expect.closeTo(0.7390851332, 8)]);
    const slope = grad((a: Tensor) => solve(arriving(0), a).value)(f64(1));
    expect(await slope.item()).toBeCloseTo(0.7390851332 / (1 + Math.sin(0.7390851332)), 6);
  });
});

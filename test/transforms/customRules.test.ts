/** `customVjp` and `customJvp`: rules of the user's own, under every transformation, to any order. */
import { describe, expect, test } from "vitest";
import {
  checkGrads,
  checkpoint,
  customJvp,
  customVjp,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  NotDifferentiableError,
  np,
  scan,
  ShapeError,
  type Tensor,
  TreeError,
  vjp,
  vmap,
} from "trilevel";
import { expectEqual, f64, i32 } from "../support/numbers.ts";

interface Pair {
  readonly a: Tensor;
  readonly b: Tensor;
}
const product = ({ a, b }: Pair, n: Tensor) => np.sin(a).mul(b).mul(n.astype("float64"));

/** a·sin with the derivatives it has, by a rule for each mode. */
const rules: Record<string, (p: Pair, n: Tensor) => Tensor> = {
  customVjp: customVjp(
    product,
    (p, n) => [product(p, n), { p, n: [n] as [Tensor] }],
    ({ p: { a, b }, n: [n] }: { p: Pair; n: [Tensor] }, ct: Tensor) => {
      const s = ct.mul(n.astype("float64"));
      return [{ a: s.mul(np.cos(a)).mul(b), b: s.mul(np.sin(a)) }, null];
    },
  ),
  customJvp: customJvp(product, ([p, n], [dp]) => [
    product(p, n),
    np.cos(p.a).mul(p.b).mul(dp.a).add(np.sin(p.a).mul(dp.b)).mul(n.astype("float64")),
  ]),
};

describe.each(Object.entries(rules))("%s with trees and integers", (name, f) => {
  const p = { a: f64([0.3, -1]), b: f64([2, 0.5]) };
  const n = i32(3);
  const loss = (g: typeof product) => (q: Pair) => g(q, n).sum();

  test("is the function, eager and compiled", async () => {
    await expectEqual(f(p, n), product(p, n));
    await expectEqual(jit(f)(p, n), product(p, n));
  });

  test("has its derivatives, of second order too", async () => {
    await checkGrads(f, [p, n], {
      order: 2,
      modes: name === "customVjp" ? ["rev"] : ["fwd", "rev"],
    });
    await expectEqual(grad(loss(f))(p), grad(loss(product))(p));
    await expectEqual(jit(grad(loss(f)))(p), grad(loss(product))(p));
    const again = (g: typeof product) => grad((q: Pair) => grad(loss(g))(q).a.sum())(p);
    await expectEqual(again(f), again(product));
  });

  test("commutes with vmap, whichever arguments have a batch", async () => {
    const q = { a: f64([[1, 2], [3, 4], [5, 6]]), b: f64([2, 3]) };
    const axes = { inAxes: [{ a: 0, b: null }, null] } as const;
    const slopes = (g: typeof product) =>
      vmap((r: Pair, k: Tensor) => grad((s: Pair) => g(s, k).sum())(r), axes)(q, n);
    await expectEqual(slopes(f), slopes(product));
    const outside = (g: typeof product) => grad((r: Pair) => vmap(g, axes)(r, n).sum())(q);
    await expectEqual(outside(f), outside(product));
  });

  test("commutes with loops and checkpoint", async () => {
    const through = (g: typeof product) =>
      grad((q: Pair) =>
        scan(
          (c: Tensor, _: Tensor) => [checkpoint(g)({ a: c, b: q.b }, n).mul(0.2), c],
          q.a,
          f64([1, 2, 3]),
        )[0]
          .sum()
      )(p);
    await expectEqual(through(f), through(product));
  });
});

describe("a rule is used, not the function's own derivative", () => {
  const marked = customVjp(
    (x: Tensor) => np.sin(x),
    (x) => [np.sin(x), null],
    (_: null, ct: Tensor) => [ct.mul(100)],
  );
  const forward = customJvp((x: Tensor) => np.sin(x), ([x], [dx]) => [np.sin(x), dx.mul(100)]);

  test.each([["customVjp", marked], ["customJvp", forward]])("%s", async (_, f) => {
    await expectEqual(grad(f)(f64(1)), [100]);
    await expectEqual(jit(grad(f))(f64(1)), [100]);
    await expectEqual(vmap(grad(f))(f64([1, 2])), [100, 100]);
    await expectEqual(grad((x: Tensor) => vmap(f)(x).sum())(f64([1, 2])), [100, 100]);
    await expectEqual(grad(jit(checkpoint(f)))(f64(1)), [100]);
    await expectEqual(jacrev(f)(f64(1)), [100]);
    await expectEqual(grad((x: Tensor) => grad(f)(x).mul(x))(f64(2)), [100]);
  });

  test("customVjp has no forward mode, and says so", () => {
    expect(() => jvp(marked, [f64(1)], [f64(1)])).toThrow(NotDifferentiableError);
    expect(() => jacfwd(marked)(f64(1))).toThrow("has no forward derivative");
  });
});

describe("a rule that calls its own function", () => {
  // (eˣ)′ = eˣ, written with the function itself: as solvers do, whose derivative is at their own solution.
  const exp = customVjp(
    (x: Tensor) => np.exp(x),
    (x) => {
      const y = exp(x);
      return [y, y];
    },
    (y: Tensor, ct: Tensor) => [ct.mul(y)],
  ) as (x: Tensor) => Tensor;
  const expForward = customJvp((x: Tensor) => np.exp(x), ([x], [dx]) => {
    const y = expForward(x);
    return [y, dx.mul(y)];
  }) as (x: Tensor) => Tensor;

  test.each([["customVjp", exp], ["customJvp", expForward]])("%s has all orders", async (_, f) => {
    const third = grad((x: Tensor) => grad((y: Tensor) => grad(f)(y))(x));
    await expectEqual(third(f64(0.5)), [Math.exp(0.5)]);
    await expectEqual(jit(third)(f64(0.5)), [Math.exp(0.5)]);
    await expectEqual(vmap(third)(f64([0, 1])), [1, Math.E]);
    const scaled = (c: Tensor) => grad((x: Tensor) => grad((y: Tensor) => f(y.mul(c)))(x))(f64(1));
    await expectEqual(grad(scaled)(f64(2)), [2 * 2 * Math.exp(2) + 4 * Math.exp(2)]);
  });

  test("customJvp has the right Hessian", async () => {
    const h = hessian((x: Tensor) => expForward(x.mul(f64([1, 2]))).sum())(f64([0.1, 0.2]));
    await expectEqual(h, [Math.exp(0.1), 0, 0, 4 * Math.exp(0.4)]);
  });
});

describe("closures over traced values", () => {
  const closing = (c: Tensor) =>
    customVjp(
      (x: Tensor) => x.mul(c),
      (x) => [x.mul(c), null],
      (_: null, ct: Tensor) => [ct.mul(c)],
    );
  const closingForward = (c: Tensor) =>
    customJvp((x: Tensor) => x.mul(c), ([x], [dx]) => [x.mul(c), dx.mul(c)]);

  test.each([["customVjp", closing], ["customJvp", closingForward]])(
    "%s reads them, also in its rule, and under jit and vmap",
    async (_, make) => {
      await expectEqual(jit((x: Tensor, c: Tensor) => grad(make(c))(x))(f64(3), f64(5)), [5]);
      await expectEqual(
        vmap((x: Tensor, c: Tensor) => grad(make(c))(x))(f64([3, 4]), f64([5, 6])),
        [5, 6],
      );
    },
  );

  test.each([["customVjp", closing], ["customJvp", closingForward]])(
    "%s refuses to drop a derivative in silence",
    (_, make) => {
      const through = grad((c: Tensor) => make(c)(f64(3)));
      expect(() => through(f64(5))).toThrow(NotDifferentiableError);
      expect(() => through(f64(5))).toThrow("pass that value as an argument");
    },
  );
});

describe("cotangents", () => {
  const pair = (x: Tensor, n: Tensor) => ({ y: x.mul(2), z: x.mul(3), n });
  const f = customVjp(
    pair,
    (x, n) => [pair(x, n), null],
    (_: null, ct: { y: Tensor; z: Tensor; n: Tensor }) => [
      ct.y.mul(2).add(ct.z.mul(3)),
      null,
    ],
  );
  const [x, n] = [f64([1, 2]), i32(7)];

  test("null means zero, to and fro", async () => {
    const [value, pullback] = vjp(f, x, n);
    await expectEqual(value, [7, 2, 4, 3, 6]);
    const [dx, dn] = pullback({ y: f64([1, 1]), z: null, n: null });
    await expectEqual(dx, [2, 2]);
    expect(dn).toBeNull();
    const [zero] = pullback({ y: null, z: null, n: null });
    await expectEqual(zero, [0, 0]);
  });

  test("absent from a rule, they are zero", async () => {
    const none = customVjp(
      (a: Pair) => a.a.mul(a.b),
      (a) => [a.a.mul(a.b), null],
      () => [{ a: null }],
    );
    await expectEqual(grad((a: Pair) => none(a))({ a: f64(2), b: f64(3) }), [0, 0]);
  });

  const single = (x: Tensor) => x.mul(1);
  test.each<[string, () => unknown, typeof ShapeError | typeof TreeError]>([
    [
      "of another shape",
      () => customVjp(single, (x) => [x, null], () => [f64([1, 2, 3])]),
      ShapeError,
    ],
    ["of another number", () => customVjp(single, (x) => [x, null], () => []), TreeError],
    [
      "of another structure",
      () => customVjp(single, (x) => [x, null], (_, ct) => [{ x: ct }]),
      TreeError,
    ],
    [
      "for another value",
      () => customVjp(single, (x) => [x.sum(), null], (_, ct) => [ct]),
      ShapeError,
    ],
    ["without a pair", () => customVjp(single, (x) => x as never, (_, ct) => [ct]), TreeError],
    [
      "of another value forwards",
      () => customJvp(single, ([x], [dx]) => [x.sum(), dx]),
      ShapeError,
    ],
    ["of another tangent", () => customJvp(single, ([x], [dx]) => [x, dx.sum()]), ShapeError],
    ["not even a pair", () => customJvp(single, ([x]) => x as never), TreeError],
  ])("a rule %s is refused", (_, make, kind) => {
    const g = make() as typeof single;
    expect(() => grad((x: Tensor) => g(x).sum())(f64([1, 2]))).toThrow(kind);
  });
});

/** `customGradient`, `disableJit`, and policies of `checkpoint` by name. */
import { describe, expect, test } from "vitest";
import {
  checkpoint,
  checkpointName,
  customGradient,
  disableJit,
  foriLoop,
  grad,
  jit,
  jvp,
  linearTranspose,
  makeProgram,
  map,
  np,
  saveAnyNamesButThese,
  saveAnythingExceptTheseNames,
  saveFromBothPolicies,
  saveOnlyTheseNames,
  savePolicies,
  type SavePolicy,
  scan,
  setBackend,
  type Tensor,
  valueAndGrad,
  vmap,
} from "trilevel";
import { caught } from "../support/caught.ts";

await setBackend("reference"); // before the operands below are made

describe("checkpointName", () => {
  const f = (x: Tensor) => np.sin(checkpointName(np.sin(checkpointName(np.sin(x), "a")), "b"));
  /** How often value and gradient compute a sine: 3 for the value, and those that are computed again. */
  const sines = (policy?: SavePolicy) => {
    const slope = valueAndGrad(checkpoint(f, policy ? { policy } : {}));
    const text = String(makeProgram(slope, np.array(1)));
    return text.match(/\bsin\b/g)!.length;
  };

  test.each<[string, SavePolicy | undefined, number]>([
    // sin x and sin sin x are wanted, of which both are computed again.
    ["none", undefined, 5],
    ["saveOnlyTheseNames(a)", saveOnlyTheseNames("a"), 4],
    ["saveOnlyTheseNames(b)", saveOnlyTheseNames("b"), 4],
    ["saveOnlyTheseNames(a, b)", saveOnlyTheseNames("a", "b"), 3],
    ["saveOnlyTheseNames(c)", saveOnlyTheseNames("c"), 5],
    ["saveAnyNamesButThese(c)", saveAnyNamesButThese("c"), 3],
    ["saveAnyNamesButThese(a, b)", saveAnyNamesButThese("a", "b"), 5],
    ["saveAnythingExceptTheseNames()", saveAnythingExceptTheseNames(), 3],
    [
      "saveFromBothPolicies",
      saveFromBothPolicies(
        saveOnlyTheseNames("a"),
        saveOnlyTheseNames("b"),
      ),
      3,
    ],
  ])("%s", (_, policy, expected) => {
    expect(sines(policy)).toBe(expected);
  });

  test("changes neither values nor derivatives", async () => {
    const plain = (x: Tensor) => np.sin(np.sin(np.sin(x)));
    const x = np.array([0.5, -2]);
    const both = async (of: (g: (x: Tensor) => Tensor) => Tensor) =>
      expect([...await of(f).data()]).toEqual([...await of(plain).data()]);
    await both((g) => g(x));
    await both((g) => jvp(g, [x], [x])[1]);
    await both((g) => vmap(grad(grad(g)))(x));
    await both((g) => grad((x: Tensor) => np.sum(jit(checkpoint(g))(x)))(x));
    const [doubled] = linearTranspose((x: Tensor) => checkpointName(x.mul(2), "y"), x)(x);
    expect([...await doubled.data()]).toEqual([1, -4]);
  });

  test("dotsWithNoBatchDimsSaveable keeps products with weights, but not those of each element", () => {
    const { dotsWithNoBatchDimsSaveable: policy } = savePolicies;
    const dots = (f: (x: Tensor) => Tensor, x: Tensor) =>
      String(makeProgram(valueAndGrad((x: Tensor) => np.sum(checkpoint(f, { policy })(x))), x))
        .match(/\bdot\b/g)!.length;
    const w = np.eye(2);
    expect(dots((x) => np.sin(np.matmul(x, w)), np.eye(2))).toBe(2); // forwards, and backwards
    const each = (x: Tensor) => np.sin(np.einsum("bij,jk->bik", x, w));
    const squares = (x: Tensor) => np.sin(np.einsum("bij,bjk->bik", x, x));
    expect(dots(each, np.ones([3, 2, 2]))).toBe(2);
    expect(dots(squares, np.ones([3, 2, 2]))).toBe(4); // and once more
  });
});

describe("disableJit", () => {
  test("runs what would be compiled one operation after the other", async () => {
    const seen: Tensor[] = [];
    const look = (x: Tensor) => {
      seen.push(x);
      return x;
    };
    const f = jit((x: Tensor) => {
      const [sum] = scan((c: Tensor, x: Tensor) => [look(c.add(x)), null], 0 as never, x, {
        reverse: true,
      });
      const power = foriLoop(0, 3, (i: Tensor, c: Tensor) => look(c.mul(i.add(1))), sum);
      return map((y: Tensor) => look(y.mul(power)), x);
    });
    const x = np.array([1, 2, 4]);
    const compiled = await f(x).data();
    seen.length = 0;
    const result = disableJit(() => f(x));
    expect([...await result.data()]).toEqual([...compiled]);
    expect(await Promise.all(seen.map((x) => x.item())))
      .toEqual([4, 6, 7, 7, 14, 42, 42, 84, 168]);
  });

  test("is over when the function returns or throws, and leaves what is traced alone", async () => {
    let traced = 0;
    const f = jit((x: Tensor) => {
      traced++;
      return x.mul(2);
    });
    const x = np.array(1);
    disableJit(() => {
      f(x);
      f(x);
    });
    expect(traced).toBe(2);
    expect(() =>
      disableJit(() => {
        throw new Error("on the way");
      })
    ).toThrow("on the way");
    f(x);
    f(x);
    expect(traced).toBe(3);
    const slope = disableJit(() =>
      grad((x: Tensor) => scan((c: Tensor) => [f(c), null], x, null, { length: 3 })[0])(x)
    );
    expect(await slope.item()).toBe(8);
  });
});

describe("customGradient", () => {
  test("its derivative may use the function itself, at every kind of arguments", async () => {
    const exp: (x: Tensor) => Tensor = customGradient((x: Tensor) => [
      np.exp(x),
      (ct: Tensor) => ct.mul(exp(x)),
    ]);
    const x = np.array([0, 1]);
    const slopes = (x: Tensor) => np.sum(grad((x: Tensor) => np.sum(exp(x)))(x));
    const second = [...await grad(slopes)(x).data()];
    expect(second[1]).toBeCloseTo(Math.E, 6);
    const both = (x: Tensor) => np.sum(exp(x)).add(exp(np.sum(x)));
    expect((await grad(both)(x).data())[1]).toBeCloseTo(2 * Math.E, 6);
  });

  test("values may be trees with whole numbers, cotangents null, and what it closes over traced", async () => {
    const f = (x: Tensor, y: Tensor, scale: Tensor) => {
      const g = customGradient((x: Tensor, y: Tensor) => [
        { product: x.mul(y), place: np.argmax(x) },
        ({ product }: { product: Tensor }) => [product.mul(scale), null],
      ]);
      const { product, place } = g(x, y);
      return np.sum(product.mul(place.add(1)));
    };
    const x = np.array([1, 3]);
    const slopes = vmap(grad(f, { argnums: [0, 1] }), { inAxes: [null, null, 0] });
    const [dx, dy] = slopes(x, x, np.array([1, 10]));
    expect([...await dx.data()]).toEqual([2, 2, 20, 20]);
    expect([...await dy.data()]).toEqual([0, 0, 0, 0]);
  });

  test("a cotangent that fits no argument is refused in words", () => {
    const f = customGradient((x: Tensor) => [x, () => np.zeros([3])]);
    expect(caught(() => grad((x: Tensor) => np.sum(f(x)))(np.zeros([2]))).message)
      .toMatch(/float32\[3\].*float32\[2\]/s);
  });
});

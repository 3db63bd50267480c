/**
 * What other libraries of this kind get silently wrong (jax-js 0.1.25, as measured; tfjs's gradients): each case
 * once, with the right answer.
 */
import { describe, expect, test } from "vitest";
import {
  grad,
  jit,
  jvp,
  memory,
  nn,
  np,
  stopGradient,
  type Tensor,
  TracedValueError,
  tree,
  TreeError,
  valueAndGrad,
  vjp,
  vmap,
} from "trilevel";
import { aval, Var } from "../../src/core/aval.ts";
import { validateProgram } from "../../src/core/validate.ts";
import { traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { elements, expectEqual, f64, i32 } from "../support/numbers.ts";

describe("nested optimization: arguments that are not differentiated stay differentiable", () => {
  const f = (w: Tensor, lam: Tensor) => w.mul(lam);
  const [w, lam] = [f64(2), f64(3)];

  test("grad of grad through the other argument is 1, not 0", () =>
    expectEqual(grad((l: Tensor) => grad(f)(w, l))(lam), [1]));

  test("valueAndGrad too, value and gradient", async () => {
    const both = (l: Tensor) => {
      const [value, slope] = valueAndGrad(f)(w, l);
      return value.add(slope.mul(10));
    };
    await expectEqual(grad(both)(lam), [12]);
  });

  test("jvp over grad", () =>
    expectEqual(jvp((l: Tensor) => grad(f)(w, l), [lam], [f64(1)])[1], [1]));

  test("through jit, vmap and aux", async () => {
    await expectEqual(grad((l: Tensor) => jit(grad(f))(w, l))(lam), [1]);
    const batch = vmap(grad((l: Tensor) => grad(f)(w, l)));
    await expectEqual(batch(f64([1, 2])), [1, 1]);
    const aux = (w: Tensor, l: Tensor) => [w.mul(l), l.mul(5)] as [Tensor, Tensor];
    const through = (l: Tensor) => grad(aux, { hasAux: true })(w, l)[1];
    await expectEqual(grad(through)(lam), [5]);
  });

  test("three levels: d/da d/db d/dc a² b³ c⁴ = 2a 3b² 4c³", async () => {
    const g = (c: Tensor, b: Tensor, a: Tensor) =>
      np.power(a, 2).mul(np.power(b, 3)).mul(np.power(c, 4));
    const mixed = grad((a: Tensor) => grad((b: Tensor) => grad(g)(f64(2), b, a))(f64(3)));
    await expectEqual(mixed(f64(5)), [10 * 27 * 32]);
  });

  test("unrolled gradient descent has the hypergradient of finite differences", async () => {
    // Inner: ten steps on (w - λ)² + w⁴; outer: the loss of where it ends.
    const inner = (w: Tensor, l: Tensor) => np.square(w.sub(l)).add(np.power(w, 4));
    const outer = (l: Tensor) => {
      let w: Tensor = f64(0.5);
      for (let i = 0; i < 10; i++) w = w.sub(grad(inner)(w, l).mul(f64(0.05)));
      return np.square(w.sub(1));
    };
    const slope = await grad(outer)(f64(0.7)).item();
    const at = async (l: number) => await outer(f64(l)).item();
    expect(slope).toBeCloseTo((await at(0.7 + 1e-5) - await at(0.7 - 1e-5)) / 2e-5, 8);
  });

  test("a cut is made where it is asked for, and nowhere else", () =>
    expectEqual(grad((l: Tensor) => grad(f)(w, stopGradient(l)))(lam), [0]));
});

describe("values of traced tensors", () => {
  // deno-lint-ignore no-explicit-any -- as JavaScript users write
  const branching = (x: any) => (x > 0 ? x : x.neg());
  test.each<[string, () => unknown]>([
    ["jit", () => jit(branching)(f64(5))],
    ["grad", () => grad(branching)(f64(5))],
  ])("a branch on one throws in %s", (_, run) => expect(run).toThrow(TracedValueError));
});

describe("static arguments", () => {
  test("two functions do not collide", async () => {
    const apply = jit((x: Tensor, f: (x: Tensor) => Tensor) => f(x), { staticArgnums: [1] });
    await expectEqual(apply(f64(3), (x) => x.mul(2)), [6]);
    await expectEqual(apply(f64(3), (x) => x.mul(100)), [300]);
  });

  test("NaN and Infinity do not collide", async () => {
    const apply = jit((x: Tensor, n: number) => x.mul(Number.isNaN(n) ? 1 : 2), {
      staticArgnums: [1],
    });
    await expectEqual(apply(f64(3), NaN), [3]);
    await expectEqual(apply(f64(3), Infinity), [6]);
  });
});

describe("trees", () => {
  test("of other key order pair by key", () => {
    const sum = tree.map((a: number, b: number) => a - b, { a: 1, b: 2 }, { b: 2, a: 1 });
    expect(sum).toEqual({ a: 0, b: 0 });
  });

  test("of other structure are refused", () => {
    expect(() => tree.map((a: number) => a, { a: 1 } as never, { b: 1 } as never)).toThrow(
      TreeError,
    );
    const f = (p: { a: Tensor; b: Tensor }) => p.a.mul(p.b);
    const p = { a: f64(1), b: f64(2) };
    expect(() => jvp(f, [p], [{ a: f64(1), c: f64(1) } as never])).toThrow(TreeError);
  });
});

describe("integers under jvp", () => {
  test("mod gives its value, not its inputs", async () => {
    const f = (x: Tensor, y: Tensor) => [np.mod(x, y), np.remainder(x, y), np.fmod(x, y)];
    const [values, tangents] = jvp(f, [i32([5, 6]), i32([3, 2])], [null, null]);
    await expectEqual(values, [2, 0, 2, 0, 2, 0]);
    expect(tangents).toEqual([null, null, null]);
  });

  test.each(["rem", "div", "max", "min", "and", "shiftLeft", "mul", "sub"] as const)(
    "%s gives its value",
    async (name) => {
      const f = (x: Tensor, y: Tensor, z: Tensor) => [lax[name](x, y), lax.mul(z, z)];
      const [x, y] = [i32([5, -6]), i32([3, 2])];
      const [values, tangents] = jvp(f, [x, y, f64(3)], [null, null, f64(1)]);
      await expectEqual(values, f(x, y, f64(3)));
      await expectEqual(tangents[1], [6]);
    },
  );
});

describe("derivatives at special places", () => {
  const at = (f: (x: Tensor) => Tensor, x: number[]) => grad((y: Tensor) => f(y).sum())(f64(x));
  test.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
    ["prod with a zero", np.prod, [2, 0, 3], [0, 6, 0]],
    ["prod with two zeros", np.prod, [0, 0, 3], [0, 0, 0]],
    ["cumprod with a zero", np.cumprod, [2, 0, 3], [1, 8, 0]],
    ["power(x, 2) at 0", (x) => np.power(x, 2), [0, -3], [0, -6]],
    ["power(x, 0) at 0", (x) => np.power(x, 0), [0, 2], [0, 0]],
    ["power(x, 3.0 tensor) at 0", (x) => np.power(x, f64(3)), [0, -2], [0, 12]],
    ["power(0, y)", (y) => np.power(0, y), [2], [0]],
    ["softplus(100)", (x) => np.logaddexp(x, 0), [100, -100, 0], [1, 0, 0.5]],
    ["relu at 0, as in JAX's nn.relu", nn.relu, [0, 1, -1], [0, 1, 0]],
    ["abs at 0", np.abs, [0, -2], [0, -1]],
    [
      "sqrt away from 0, next to a where",
      (x) => np.where(x.greater(0), np.sqrt(np.where(x.greater(0), x, 1)), 0),
      [4, -1],
      [0.25, 0],
    ],
    ["logsumexp of -Infinity", np.logsumexp, [-Infinity, 0], [0, 1]],
    ["max of ties", (x) => np.max(x), [2, 2, 1], [0.5, 0.5, 0]],
    ["maximum of ties", (x) => np.maximum(x, 2), [2], [0.5]],
    ["tanh far out", np.tanh, [30, -30], [4 * Math.exp(-60), 4 * Math.exp(-60)]],
    ["sort of ties", (x) => np.sort(x).mul(f64([1, 10])), [3, 3], [1, 10]],
  ])("%s", (_, f, x, expected) => expectEqual(at(f, x), expected, 20));
});

describe("crashes and leaks", () => {
  test("jit(grad(take(…).sum()))", () =>
    expectEqual(
      jit(grad((x: Tensor) => np.take(x, i32([0, 0, 2])).sum()))(f64([1, 2, 3])),
      [2, 0, 1],
    ));

  test("a captured device scalar in jit", async () => {
    const scale = f64([2]).sum();
    await expectEqual(jit((x: Tensor) => x.mul(scale))(f64(3)), [6]);
  });

  test("types are compared by element type too", () => {
    const { equations, outputs } = traceClosed((x) => [lax.sin(x!)], [aval([], "float64")]);
    const input = new Var(aval([], "float32"));
    const wrong = { inputs: [input], equations: [{ ...equations[0]!, inputs: [input] }], outputs };
    expect(() => validateProgram(wrong)).toThrow();
  });

  test("eager gradients of functions that fail do not grow the stack of traces", async () => {
    const failing = (_: Tensor): Tensor => {
      throw new Error("mine");
    };
    const before = memory().reference!.tensors;
    const x = f64(3);
    for (let i = 0; i < 100; i++) expect(() => grad(failing)(x)).toThrow("mine");
    await expectEqual(grad((y: Tensor) => y.mul(y))(x), [6]);
    expect(memory().reference!.tensors).toBeLessThanOrEqual(before + 3);
  });

  test("pullbacks may be used again", async () => {
    const [, pullback] = vjp((x: Tensor) => np.sin(x), f64(1));
    const [one] = await elements(pullback(f64(1)));
    await expectEqual(pullback(f64(2)), [2 * one!]);
  });
});

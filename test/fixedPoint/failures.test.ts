/** Iterations that do not converge are told wherever their results are read: eager or compiled, in any transformation. */
import {
  argmin,
  checkpoint,
  cond,
  debug,
  fixedPointIteration,
  grad,
  hessian,
  hvp,
  implicit,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  np,
  oneStep,
  optim,
  scan,
  setBackend,
  type Tensor,
  tree,
  truncated,
  unrolled,
  valueAndGrad,
  vjp,
  vmap,
} from "trilevel";
import { describe, expect, it, vi } from "vitest";

await setBackend("reference");
const f64 = (x: number | number[]) => np.array(x, { dtype: "float64" });

type F = (a: Tensor) => Tensor;
type Results = unknown;

/** Ways to compute something of a function of a number. */
const ways: Record<string, (f: F, a: Tensor) => Results> = {
  plain: (f, a) => f(a),
  jit: (f, a) => jit(f)(a),
  grad: (f, a) => grad(f)(a),
  "jit of grad": (f, a) => jit(grad(f))(a),
  "grad of jit": (f, a) => grad(jit(f))(a),
  valueAndGrad: (f, a) => valueAndGrad(f)(a),
  "grad of grad": (f, a) => grad(grad(f))(a),
  jvp: (f, a) => jvp(f, [a], [f64(1)]),
  vjp: (f, a) => {
    const [value, pullback] = vjp(f, a);
    return [value, pullback(f64(1))];
  },
  linearize: (f, a) => {
    const [value, lin] = linearize(f, a);
    return [value, lin(f64(1))];
  },
  jacfwd: (f, a) => jacfwd(f)(a),
  jacrev: (f, a) => jacrev(f)(a),
  hessian: (f, a) => hessian(f)(a),
  hvp: (f, a) => hvp(f, [a], [f64(1)]),
  vmap: (f, a) => vmap(f)(np.stack([a, a])),
  "vmap of grad": (f, a) => vmap(grad(f))(np.stack([a, a])),
  "grad of vmap": (f, a) => grad((a: Tensor) => np.sum(vmap(f)(np.stack([a, a]))))(a),
  checkpoint: (f, a) => checkpoint(f)(a),
  "grad of checkpoint": (f, a) => grad(checkpoint(f))(a),
  scan: (f, a) => scan((c: Tensor, x: Tensor) => [c.add(f(x)), null], f64(0), np.stack([a, a]))[0],
  "grad of scan": (f, a) =>
    grad((a: Tensor) =>
      scan((c: Tensor, x: Tensor) => [c.add(f(x)), null], f64(0), np.stack([a, a]))[0]
    )(a),
  cond: (f, a) => cond(a.greater(0), f, (x: Tensor) => x, a),
  "used afterwards": (f, a) => grad(f)(a).mul(2).add(1),
};

const problems: Record<string, (options: object) => F> = {
  // z a from 1/2 grows where a = 2, and shrinks where a = 1/10.
  fixedPointIteration: (options) => (a) =>
    fixedPointIteration((z: Tensor, a: Tensor) => z.mul(a), { maxSteps: 14, ...options })(
      f64(0.5),
      a,
    ).value,
  "fixedPointIteration, closing over what is differentiated": (options) => (a) =>
    fixedPointIteration((z: Tensor) => z.mul(a), { maxSteps: 14, ...options })(f64(0.5)).value,
  argmin: (options) => (a) =>
    argmin((z: Tensor, a: Tensor) => np.square(z).mul(np.subtract(1, a)).mul(0.5), {
      optimizer: optim.sgd(1),
      steps: 14,
      ...options,
    })(f64(0.5), a).value,
};
const adjoints = [oneStep(), unrolled(), implicit(), truncated({ steps: 2 })];
// Every adjoint for one problem, two for the others: that is what they are differentiated by.
const cases = Object.entries(problems).map(([name, problem], i) => ({
  name,
  problem,
  tried: i === 0 ? adjoints : adjoints.slice(0, 2),
}));

describe.each(cases)("$name", ({ problem, tried }) => {
  describe.each(tried)("$name", (adjoint) => {
    it.each(Object.entries(ways))("%s", async (_, way) => {
      const f = problem({ adjoint, onFail: "throw" });
      const good = tree.leaves(way(f, f64(0.1)) as Tensor[]);
      for (const x of good) expect(Number.isFinite((await x.data())[0])).toBe(true);
      const a = f64(2);
      const bad = tree.leaves(way(f, a) as Tensor[]);
      expect(bad.length).toBeGreaterThan(0);
      for (const x of bad) await expect(x.data()).rejects.toThrow(/did not converge/);
      // What was given is not to blame.
      expect(await a.item()).toBe(2);
    });
  });
});

it("the value and the other results of a program that fails reject, its inputs do not", async () => {
  const f = problems["fixedPointIteration"]!({ onFail: "throw", adjoint: oneStep() });
  const a = f64(2);
  const [same, other] = jit((a: Tensor) => [a, f(a)])(a) as [Tensor, Tensor];
  await expect(other.data()).rejects.toThrow(/did not converge/);
  expect(await a.item()).toBe(2);
  expect(await same.item()).toBe(2);
});

it("a warning tells, and the results are there", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const f = problems["fixedPointIteration"]!({ onFail: "warn" });
  expect(await grad(f)(f64(0.1)).item()).toBeCloseTo(0, 8);
  await debug.done();
  expect(warn).not.toHaveBeenCalled();
  expect(Number.isFinite(await f(f64(2)).item())).toBe(true);
  await debug.done();
  expect(warn.mock.calls).toHaveLength(1);
  expect(warn.mock.calls[0]![0]).toMatch(/^fixedPointIteration: 1 of 1 samples did not converge; /);
  warn.mockRestore();
});

it("a run that fails may have been given its memory", async () => {
  const f = problems["fixedPointIteration"]!({ onFail: "throw", adjoint: oneStep() });
  const step = jit((a: Tensor) => [a.add(1), f(a)] as const, { donate: [0] });
  for (const x of step(f64(2))) await expect(x.data()).rejects.toThrow(/did not converge/);
  const [a, b] = step(f64(0.1));
  expect(await a.item()).toBe(1.1);
  expect(Number.isFinite(await b.item())).toBe(true);
});

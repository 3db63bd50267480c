/** Every solver with every adjoint: gradients, forward derivatives and Hessians, in float64. */
import {
  type Adjoint,
  anderson,
  bicgstab,
  broyden,
  dense,
  fixedPointIteration,
  type FixedPointSolver,
  forward,
  gmres,
  grad,
  implicit,
  jacfwd,
  jacrev,
  jit,
  jvp,
  neumann,
  neumannSeries,
  newton,
  normalCg,
  np,
  oneStep,
  phantom,
  setBackend,
  type Tensor,
  type Tree,
  tree,
  unrolled,
  vjp,
  vmap,
} from "trilevel";
import { describe, expect, it } from "vitest";
import { expectClose } from "../support/close.ts";
import { mapLeaves, moved, type Problem, problems, vectorOf } from "./problems.ts";
import { someOf } from "../support/tier.ts";

const solvers: Record<string, FixedPointSolver> = {
  forward: forward(),
  damped: forward({ damping: 0.7 }),
  anderson: anderson(),
  broyden: broyden(),
  "broyden with line search": broyden({ lineSearch: true }),
  newton: newton(),
};

const exact: Record<string, Adjoint> = {
  gmres: implicit({ linear: gmres() }),
  bicgstab: implicit({ linear: bicgstab() }),
  normalCg: implicit({ linear: normalCg() }),
  dense: implicit({ linear: dense() }),
  "broyden's adjoint": implicit({ linear: broyden({ memory: 30 }) }),
  "anderson's adjoint": implicit({ linear: anderson({ window: 12 }) }),
  neumannSeries: implicit({ linear: neumannSeries({ terms: 100 }) }),
  "a long Neumann series": neumann({ terms: 80 }),
};

const approximate: Record<string, Adjoint> = {
  oneStep: oneStep(),
  neumann: neumann({ terms: 3 }),
  phantom: phantom({ terms: 3, damping: 0.6 }),
};

const tight = { maxSteps: 200, atol: 1e-13, rtol: 0 };
const scalar = (x: number) => np.array(x, { dtype: "float64" });
const numbers = (x: Tree<Tensor>) =>
  Promise.all(tree.leaves(x).map(async (leaf) => [...await leaf.data()]));

await setBackend("reference");

/** The loss at the fixed point, as a function of θ. */
const lossOf =
  ({ step, z0, loss }: Problem, solver: FixedPointSolver, adjoint: Adjoint, options = tight) =>
  (theta: Tree<Tensor>): Tensor =>
    loss(fixedPointIteration(step, { solver, adjoint, ...options })(z0(), theta).value);

/** The same along a line in the space of θ. */
const alongLine =
  (problem: Problem, solver: FixedPointSolver, adjoint: Adjoint) => (t: Tensor): Tensor =>
    lossOf(problem, solver, adjoint)(moved(problem.theta(), t));

/** Central differences of a scalar function of a number at 0. */
async function slope(f: (t: Tensor) => Tensor, h = 1e-5): Promise<number> {
  return (await f(scalar(h)).item() - await f(scalar(-h)).item()) / (2 * h);
}

/** x with A x = b, by elimination with pivots. */
function eliminate(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i]!]);
  const n = b.length;
  for (let k = 0; k < n; k++) {
    const pivot = rows.reduce(
      (best, row, i) => i > k && Math.abs(row[k]!) > Math.abs(rows[best]![k]!) ? i : best,
      k,
    );
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]! / rows[k]![k]!;
      rows[i] = rows[i]!.map((x, j) => x - factor * rows[k]![j]!);
    }
  }
  return rows.map((row, k) => row[n]! / row[k]!);
}

/** z̄ᵀ (I - J)⁻¹ f_t with every factor written out, at a fixed point found by plain iteration. */
async function slopeByMatrices({ step, z0, theta, loss }: Problem): Promise<number> {
  const { pack, unpack } = vectorOf(z0());
  let z = pack(z0());
  for (let k = 0; k < 90; k++) z = pack(step(unpack(z), theta()));
  const n = z.size;
  const jacobian = await jacrev((v: Tensor) => pack(step(unpack(v), theta())))(z).data();
  const ft = await jacfwd((t: Tensor) => pack(step(unpack(z), moved(theta(), t))))(scalar(0))
    .data();
  const ct = await grad((v: Tensor) => loss(unpack(v)))(z).data();
  const matrix = Array.from(
    { length: n },
    (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0) - jacobian[i * n + j]!),
  );
  return eliminate(matrix, [...ft]).reduce((sum, x, i) => sum + x * ct[i]!, 0);
}

describe.each(problems)("$name", (problem) => {
  const { theta } = problem;
  const some = <T>(cases: Readonly<Record<string, T>>) =>
    someOf(Object.entries(cases), problems.indexOf(problem));
  let byMatrices: Promise<number> | undefined;

  it.each(some(exact))(
    "implicit by %s: all solvers give z̄ᵀ (I - J)⁻¹ f_θ, and differences agree",
    async (_, adjoint) => {
      const expected = await (byMatrices ??= slopeByMatrices(problem));
      for (const solver of Object.values(solvers)) {
        const found = await grad(alongLine(problem, solver, adjoint))(scalar(0)).item();
        expect(Math.abs(found / expected - 1)).toBeLessThan(1e-9);
      }
      const difference = await slope(alongLine(problem, forward(), adjoint));
      expect(Math.abs(difference / expected - 1)).toBeLessThan(1e-6);
    },
  );

  it.each(some(approximate))("%s: the same for all solvers", async (_, adjoint) => {
    const expected = await numbers(grad(lossOf(problem, forward(), adjoint))(theta()));
    for (const solver of Object.values(solvers)) {
      const found = await numbers(grad(lossOf(problem, solver, adjoint))(theta()));
      expectClose(found, expected, { relative: 1e-10, absolute: 1e-11 });
    }
  });

  it.each([["forward", 150], ["damped", 150], ["anderson", 40], ["broyden", 30], ["newton", 12]])(
    "%s: unrolled to the end is the implicit derivative, and recomputing changes nothing",
    async (name, maxSteps) => {
      const options = { ...tight, maxSteps };
      const of = (adjoint: Adjoint) =>
        numbers(grad(lossOf(problem, solvers[name]!, adjoint, options))(theta()));
      const stored = await of(unrolled());
      expectClose(stored, await of(implicit({ linear: dense() })), {
        relative: 1e-7,
        absolute: 1e-9,
      });
      expect(await of(unrolled({ checkpoint: true }))).toEqual(stored);
    },
  );

  it.each(some({ ...exact, ...approximate, unrolled: unrolled() }))(
    "%s: forward and reverse mode are transposes of each other",
    async (_, adjoint) => {
      const f = lossOf(problem, forward(), adjoint, { ...tight, maxSteps: 120 });
      const direction = mapLeaves((x) => np.ones(x.shape, { dtype: "float64" }), theta());
      const pushed = await jvp(f, [theta()], [direction])[1].item();
      const [pulled] = vjp(f, theta())[1](scalar(1));
      const total = (await numbers(pulled)).flat().reduce((a, b) => a + b, 0);
      expectClose([[pushed]], [[total]], { relative: 1e-11, absolute: 1e-12 });
    },
  );

  it.each(some(exact))(
    "implicit by %s: second derivatives, reverse over reverse, forward over reverse, differences",
    async (_, adjoint) => {
      const along = alongLine(problem, forward(), adjoint);
      const expected = await slope((t) => grad(along)(t));
      const reverse = await grad(grad(along))(scalar(0)).item();
      const forwards = await jvp(grad(along), [scalar(0)], [scalar(1)])[1].item();
      expect(Math.abs(reverse - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)));
      expectClose([[forwards]], [[reverse]], { relative: 1e-9, absolute: 1e-10 });
    },
  );

  it.each(some(solvers))("%s: jit and vmap change nothing", async (_, solver) => {
    const slopeAt = grad(alongLine(problem, solver, implicit()));
    const at = [-0.1, 0, 0.2];
    const one = await Promise.all(at.map((t) => slopeAt(scalar(t)).item()));
    const batched = [...await vmap(slopeAt)(np.array(at, { dtype: "float64" })).data()];
    const compiled = await jit(vmap(slopeAt))(np.array(at, { dtype: "float64" })).data();
    expectClose([batched], [one], { relative: 1e-10, absolute: 1e-11 });
    expect([...compiled]).toEqual(batched);
  });
});

/** Fixed points and their gradients in float32 on the other backends, against the reference. */
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
  hvp,
  implicit,
  jit,
  neumann,
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
  vmap,
} from "trilevel";
import { describe, expect, it } from "vitest";
import { backends } from "../support/backends.ts";
import { expectClose } from "../support/close.ts";
import { moved, type Problem, problems } from "./problems.ts";
import { someOf } from "../support/tier.ts";

const solvers = {
  forward: forward(),
  anderson: anderson(),
  broyden: broyden({ lineSearch: true }),
  newton: newton(),
};
const adjoints = {
  gmres: implicit({ linear: gmres({ maxSteps: 20 }) }),
  oneStep: oneStep(),
  unrolled: unrolled(),
  bicgstab: implicit({ linear: bicgstab({ maxSteps: 30 }) }),
  normalCg: implicit({ linear: normalCg({ maxSteps: 60 }) }),
  dense: implicit({ linear: dense() }),
  broyden: implicit({ linear: broyden() }),
  neumann: neumann({ terms: 4 }),
  phantom: phantom({ terms: 3, damping: 0.7 }),
  checkpoint: unrolled({ checkpoint: true }),
};
type Pair = readonly [keyof typeof solvers, keyof typeof adjoints];
const all = Object.keys(solvers).flatMap((s) => Object.keys(adjoints).map((a) => [s, a] as Pair) // keys of these very objects
);
// Compiling takes its time, on software devices seconds: every solver and every kind of adjoint once.
const few: readonly Pair[] = [
  ["forward", "oneStep"],
  ["anderson", "gmres"],
  ["broyden", "neumann"],
  ["newton", "phantom"],
  ["forward", "checkpoint"],
];

const tolerance = { relative: 1e-3, absolute: 1e-4 };

/** Loss and gradient; arguments are made on the backend in use. */
function run(
  { step, z0, theta, loss }: Problem,
  solver: FixedPointSolver,
  adjoint: Adjoint,
): Promise<number[][]> {
  const options = { solver, adjoint, maxSteps: solver.name === "newton" ? 6 : 40 };
  const f = (th: Tree<Tensor>) => loss(fixedPointIteration(step, options)(z0("float32"), th).value);
  const both = jit((th: Tree<Tensor>) => [f(th), grad(f)(th)] as const);
  const [value, gradient] = both(theta("float32"));
  const xs = [value, ...tree.leaves(gradient)];
  return Promise.all(xs.map(async (x) => [...await x.data()]));
}

describe.each(backends)("$name", ({ name }) => {
  for (const [i, problem] of problems.entries()) {
    if (name === "webgpu" && i !== 1) continue;
    it.each(name === "onnx" && i === 1 ? someOf(all) : few)(
      `${problem.name}: %s with %s`,
      async (s, a) => {
        await setBackend("reference");
        const expected = await run(problem, solvers[s], adjoints[a]);
        await setBackend(name);
        expectClose(await run(problem, solvers[s], adjoints[a]), expected, tolerance);
      },
    );
  }

  it("second derivatives, vmap, and samples that stop on their own", async () => {
    const { step, z0, theta, loss } = problems[0]!;
    const solve = (adjoint: Adjoint) => (t: Tensor) =>
      loss(
        fixedPointIteration(step, { adjoint, maxSteps: 40 })(
          z0("float32"),
          moved(theta("float32"), t),
        ).value,
      );
    const batch = () =>
      fixedPointIteration((z: Tensor, a: Tensor) => np.cos(z).mul(a), {
        batchAxis: 0,
        maxSteps: 40,
      })(
        np.full([3, 1], 0.3),
        np.array([[0], [0.5], [0.9]]),
      );
    const results = () => {
      const f = solve(implicit({ linear: gmres({ maxSteps: 3 }) }));
      const at = np.array([-0.1, 0, 0.2]);
      const bend = jit(vmap((t: Tensor) => hvp(f, [t], [np.array(1)])))(at);
      const { value, stats } = batch();
      return Promise.all([bend, value, stats.steps].map(async (x) => [...await x.data()]));
    };
    await setBackend("reference");
    const expected = await results();
    await setBackend(name);
    const found = await results();
    expectClose(found.slice(0, 2), expected.slice(0, 2), tolerance);
    // Rounding may decide one step sooner or later.
    found[2]!.forEach((n, i) => expect(Math.abs(n - expected[2]![i]!)).toBeLessThanOrEqual(1));
    expect(found[2]![0]).toBeLessThan(found[2]![2]!);
  });
});

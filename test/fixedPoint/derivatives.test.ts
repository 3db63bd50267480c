/** Every solver with every adjoint: gradients, forward derivatives and Hessians, in float64. */
import {
  type Adjoint,
  anderson,
  bicgstab,
  broyden,
  broydenAdjoint,
  dense,
  fixedPointIteration,
  type FixedPointSolver,
  forward,
  gmres,
  grad,
  implicit,
  jit,
  jvp,
  neumann,
  newton,
  normalCg,
  np,
  setBackend,
  type Tensor,
  tree,
  unrolled,
  vmap,
} from "trilevel";
import { beforeAll, describe, expect, it } from "vitest";
import { problems } from "./problems.ts";

const solvers: Record<string, () => FixedPointSolver> = {
  forward: () => forward(),
  damped: () => forward({ damping: 0.7 }),
  anderson: () => anderson(),
  broyden: () => broyden(),
  "broyden with line search": () => broyden({ lineSearch: true }),
  newton: () => newton(),
};

const exact: Record<string, () => Adjoint> = {
  gmres: () => implicit({ linear: gmres() }),
  bicgstab: () => implicit({ linear: bicgstab() }),
  normalCg: () => implicit({ linear: normalCg() }),
  dense: () => implicit({ linear: dense() }),
  "broyden's adjoint": () => broydenAdjoint(broyden({ memory: 30 })),
  "a long Neumann series": () => neumann({ terms: 80 }),
};

const tight = { maxSteps: 200, atol: 1e-13, rtol: 0 };
type Leaves = Tensor[];

beforeAll(() => setBackend("reference"));

/** Central differences of a scalar function along a direction. */
async function slope(f: (t: Tensor) => Tensor, h = 1e-5): Promise<number> {
  const at = async (t: number) => await f(np.array(t, { dtype: "float64" })).item();
  return (await at(h) - await at(-h)) / (2 * h);
}

/** θ moved along a fixed direction by t. */
function moved(theta: unknown, t: Tensor): unknown {
  let k = 0;
  return tree.map(
    (x: Tensor) => x.add(np.cos(np.arange(x.size).add(k++)).reshape(x.shape).mul(t)),
    theta,
  );
}

describe.each(problems)("$name", ({ step, z0, theta, loss }) => {
  const value = (solver: FixedPointSolver, adjoint: Adjoint, options = tight) => (th: unknown) =>
    loss(fixedPointIteration(step, { solver, adjoint, ...options })(z0(), th).value as never);

  it.each(Object.entries(exact))(
    "implicit by %s: all solvers agree with differences",
    async (_, adjoint) => {
      const expected = await slope((t) => value(forward(), implicit())(moved(theta(), t)));
      for (const solver of Object.values(solvers)) {
        const along = (t: Tensor) => value(solver(), adjoint())(moved(theta(), t));
        const found = await grad(along)(np.array(0, { dtype: "float64" })).item();
        expect(found).toBeCloseTo(expected, 8);
      }
    },
  );

  it("the converged unrolled derivative is the implicit one", async () => {
    const g = (adjoint: Adjoint, options = tight) =>
      grad(value(forward(), adjoint, options))(theta());
    const leaves = async (x: unknown) =>
      (await Promise.all(tree.leaves(x as Leaves).map((l) => l.data()))).flatMap((d) => [...d]);
    const implicitly = await leaves(g(implicit({ linear: dense() })));
    const options = { ...tight, maxSteps: 120 };
    const stored = await leaves(g(unrolled(), options));
    const recomputed = await leaves(g(unrolled({ checkpoint: true }), options));
    implicitly.forEach((x, i) => expect(stored[i]).toBeCloseTo(x, 8));
    expect(recomputed).toEqual(stored);
  });

  it("forward and reverse mode are transposes of each other", async () => {
    const f = value(forward(), implicit());
    const direction = tree.map((x: Tensor) => np.ones(x.shape, { dtype: "float64" }), theta());
    const pushed = await jvp(f, [theta()], [direction])[1].item();
    const gradient = grad(f)(theta());
    const pulled = tree.leaves(gradient as Leaves).map((x) => np.sum(x));
    const sums = await Promise.all(pulled.map((x) => x.item()));
    expect(pushed).toBeCloseTo(sums.reduce((a, b) => a + b, 0), 11);
  });

  it("second derivatives: reverse over reverse, forward over reverse, differences", async () => {
    const along = (t: Tensor) => value(forward(), implicit())(moved(theta(), t));
    const zero = np.array(0, { dtype: "float64" });
    const expected = await slope((t) => grad(along)(t));
    const reverse = await grad(grad(along))(zero).item();
    const forwards = await jvp(grad(along), [zero], [np.array(1, { dtype: "float64" })])[1].item();
    expect(reverse).toBeCloseTo(expected, 6);
    expect(forwards).toBeCloseTo(reverse, 9);
  });

  it("jit and vmap change nothing", async () => {
    const along = (t: Tensor) => value(anderson(), implicit())(moved(theta(), t));
    const t = np.array([-0.1, 0, 0.2], { dtype: "float64" });
    const one = await Promise.all(
      [-0.1, 0, 0.2].map((x) => grad(along)(np.array(x, { dtype: "float64" })).item()),
    );
    const batched = await vmap(grad(along))(t).data();
    const compiled = await jit(vmap(grad(along)))(t).data();
    one.forEach((x, i) => expect(batched[i]).toBeCloseTo(x, 9));
    expect([...compiled]).toEqual([...batched]);
  });
});

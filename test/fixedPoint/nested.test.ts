/**
 * A fixed point inside a fixed point: x*(y, p) solves x = ½ cos x + 0.3 y p, and y*(p) solves
 * y = ½ sin x*(y, p) + p. The numbers at p = 0.7 were found in 40-digit arithmetic.
 */
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
  jvp,
  newton,
  normalCg,
  np,
  setBackend,
  type Tensor,
  vmap,
} from "trilevel";
import { describe, expect, it } from "vitest";
import { someOf } from "../support/tier.ts";

const solvers: Record<string, () => FixedPointSolver> = {
  forward: () => forward(),
  anderson: () => anderson(),
  broyden: () => broyden(),
  newton: () => newton(),
};
const adjoints: Record<string, () => Adjoint> = {
  gmres: () => implicit({ linear: gmres() }),
  bicgstab: () => implicit({ linear: bicgstab() }),
  normalCg: () => implicit({ linear: normalCg() }),
  dense: () => implicit({ linear: dense() }),
  broyden: () => implicit({ linear: broyden() }),
};
const pairs = Object.entries(solvers).flatMap(([s, solver]) =>
  Object.entries(adjoints).map(([a, adjoint]) => ({ s, a, solver, adjoint }))
);
const scalar = (x: number) => np.array(x, { dtype: "float64" });
const expected = { y: 0.988807589305, dy: 1.17188032024, d2y: 0.159117675631 };

await setBackend("reference");

describe.each(someOf(pairs))("$s with $a", ({ solver, adjoint }) => {
  const options = () => ({
    solver: solver(),
    adjoint: adjoint(),
    maxSteps: 100,
    atol: 1e-13,
    rtol: 0,
  });
  const inner = (y: Tensor, p: Tensor) =>
    fixedPointIteration(
      (x: Tensor) => np.cos(x).mul(0.5).add(y.mul(p).mul(0.3)), // closes over y and p
      options(),
    )(scalar(0.1)).value;
  const outer = (p: Tensor) =>
    fixedPointIteration((y: Tensor) => np.sin(inner(y, p)).mul(0.5).add(p), options())(scalar(0.5))
      .value;

  it("value, first and second derivative", async () => {
    const p = scalar(0.7);
    expect(await outer(p).item()).toBeCloseTo(expected.y, 11);
    expect(await grad(outer)(p).item()).toBeCloseTo(expected.dy, 10);
    expect(await grad(grad(outer))(p).item()).toBeCloseTo(expected.d2y, 10);
    expect(await jvp(grad(outer), [p], [scalar(1)])[1].item()).toBeCloseTo(expected.d2y, 10);
    expect(await hvp(outer, [p], [scalar(1)]).item()).toBeCloseTo(expected.d2y, 10);
  });

  it("under jit and vmap", async () => {
    const ps = np.array([0.7, 0.2, 0.7], { dtype: "float64" });
    const [first, other, last] = await jit(vmap(grad(outer)))(ps).data();
    expect(first).toBeCloseTo(expected.dy, 10);
    expect(last).toBeCloseTo(expected.dy, 10);
    expect(other).toBeCloseTo(await grad(outer)(scalar(0.2)).item(), 10);
  });
});

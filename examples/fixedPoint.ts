/**
 * A fixed point and its derivative: Kepler's equation E = M + e sin E has no solution in closed form, but its solution has a
 * derivative. `deno run -A examples/fixedPoint.ts` compares the adjoints.
 */
import {
  type Adjoint,
  fixedPointIteration,
  grad,
  implicit,
  neumann,
  np,
  oneStep,
  type Tensor,
  unrolled,
} from "trilevel";

/** The eccentric anomaly E for a mean anomaly M and an eccentricity e below 1. */
export function anomaly(e: Tensor, M: Tensor, adjoint: Adjoint): Tensor {
  const step = (E: Tensor, e: Tensor, M: Tensor) => M.add(e.mul(np.sin(E)));
  return fixedPointIteration(step, { adjoint, maxSteps: 60 })(M, e, M).value;
}

/** The ways to differentiate it. */
export const adjoints: Readonly<Record<string, Adjoint>> = {
  unrolled: unrolled(),
  implicit: implicit(),
  neumann: neumann({ terms: 30 }),
  oneStep: oneStep(),
};

/** dE/de by an adjoint. By implicit differentiation it is sin E / (1 − e cos E). */
export const slope = (e: Tensor, M: Tensor, adjoint: Adjoint): Tensor =>
  grad((e: Tensor) => anomaly(e, M, adjoint))(e);

if (import.meta.main) {
  const [e, M] = [np.array(0.3), np.array(1)];
  for (const [name, adjoint] of Object.entries(adjoints)) {
    console.log(name, await slope(e, M, adjoint).item());
  }
}

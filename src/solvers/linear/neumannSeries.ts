/** The Neumann series. */
import { foriLoop } from "../../control/index.ts";
import { ArgumentError } from "../../core/errors.ts";
import { declareOptions, nonNegative, size } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import type { LinearSolver } from "../solver.ts";
import { linearSolver } from "./solver.ts";

/** Options of `neumannSeries`. */
export interface NeumannSeriesOptions {
  /** The number of terms to sum, the first (b itself) included. Default 10. */
  terms?: number;
  /** The residual up to which the result counts as converged. Default 1e-6 (1e-12 in float64). */
  rtol?: number;
}

const checkOptions = declareOptions<NeumannSeriesOptions>("neumannSeries", [], {
  terms: size,
  rtol: nonNegative,
});

/**
 * A⁻¹ b ≈ Σ_{i<k} (I - A)ⁱ b: k terms, k - 1 applications of the matrix. It converges only where all
 * eigenvalues of I - A are smaller than 1; the residual says how far it got.
 */
export function neumannSeries(options: NeumannSeriesOptions = {}): LinearSolver {
  checkOptions(options);
  const { terms = 10, rtol } = options;
  if (!(Number.isInteger(terms) && terms >= 1)) {
    throw new ArgumentError(
      `neumannSeries: \`terms\` must be a positive integer, got ${terms}`,
      "write for example neumannSeries({ terms: 5 })",
    );
  }
  return linearSolver("neumannSeries", rtol === undefined ? {} : { rtol }, (multiply, b) => ({
    // x ← b + (I - A) x
    x: foriLoop(0, terms - 1, (_, x) => lax.sub(lax.add(b, x), multiply(x)), b),
    steps: lax.full([b.shape[0]!], terms - 1, "int32"),
  }));
}

/** Anderson acceleration. */
import { ArgumentError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { declareOptions, finite, nonNegative, size } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { combine, like, modulo, perRow, safeDivide, store } from "./rows.ts";
import type { FixedPointSolver } from "./solver.ts";

/** Options of `anderson`. */
export interface AndersonOptions {
  /** The number of past iterates to combine. Default 5. */
  window?: number;
  /** λ, relative to the mean of the Gram matrix's diagonal. Default 1e-5 (1e-10 in float64). */
  ridge?: number;
  /** β: 1 steps from the f(z), 0 from the z. Default 1. */
  mixing?: number;
}

/** The last iterates and their values, [batch, window, n], and how many there are. */
interface State {
  readonly z: Tensor;
  readonly f: Tensor;
  readonly count: Tensor;
  readonly [key: string]: Tensor;
}

const checkOptions = declareOptions<AndersonOptions>("anderson", [], {
  window: size,
  ridge: nonNegative,
  mixing: finite,
});

/**
 * Anderson acceleration (type II; Walker & Ni, 2011): over the last m iterates, with gᵢ = f(zᵢ) - zᵢ,
 * it solves (G Gᵀ + λ·tr(G Gᵀ)/m·I) y = 1 and steps to z⁺ = Σ αᵢ (β f(zᵢ) + (1 - β) zᵢ), α = y / 1ᵀy.
 * The ridge is relative, so that the result does not depend on the scale of z; a step that is not finite
 * falls back to f(z).
 *
 * ```ts
 * import { anderson, fixedPointIteration, np, type Tensor } from "trilevel";
 * const solve = fixedPointIteration((z: Tensor) => np.cos(z), { solver: anderson({ window: 3 }) });
 * const { value, stats } = solve(np.array(1));
 * console.assert(Math.abs(await value.item() - 0.739085) < 1e-4 && await stats.steps.item() < 8);
 * ```
 *
 * @throws ArgumentError when window < 1.
 */
export function anderson(options: AndersonOptions = {}): FixedPointSolver {
  checkOptions(options);
  const { window = 5, ridge, mixing = 1 } = options;
  if (!(Number.isInteger(window) && window >= 1)) {
    throw new ArgumentError(
      `anderson: \`window\` must be a positive integer, got ${window}`,
      "it is the number of past iterates that are mixed: anderson({ window: 5 })",
    );
  }
  const solver: FixedPointSolver<State> = {
    kind: "fixedPoint",
    name: "anderson",
    returns: "best",
    init(z0) {
      const none = lax.full([z0.shape[0]!, window, z0.shape[1]!], 0, z0.dtype);
      return { z: none, f: none, count: lax.full([], 0, "int32") };
    },
    next(z, f, state) {
      const at = modulo(state.count, window);
      const zs = store(state.z, at, z);
      const fs = store(state.f, at, f);
      const count = lax.add(state.count, like(state.count, 1));
      const weights = mixingWeights(
        lax.sub(fs, zs),
        count,
        ridge ?? (z.dtype === "float64" ? 1e-10 : 1e-5),
      );
      const mixed = mixing === 1 ? fs : lax.add(
        lax.mul(fs, like(fs, mixing)),
        lax.mul(zs, like(zs, 1 - mixing)),
      );
      const proposal = combine(weights, mixed);
      const next = lax.select(lax.finite(proposal), proposal, f);
      return { z: next, state: { z: zs, f: fs, count } };
    },
  };
  return solver;
}

/** α, [batch, window]: the combination of residuals that is smallest, with weights that sum to 1. */
function mixingWeights(g: Tensor, count: Tensor, ridge: number): Tensor {
  const [batch, window] = g.shape as readonly [number, number, number];
  const square = [batch, window, window];
  const gram = lax.dot(g, g, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [2] });
  const identity = lax.convert(
    lax.eq(lax.iota(square, "int32", 1), lax.iota(square, "int32", 2)),
    g.dtype,
  );
  const filled = lax.lt(
    lax.iota([batch, window], "int32", 1),
    lax.broadcast(count, [batch, window], []),
  );
  const entries = lax.convert(lax.min(count, like(count, window)), g.dtype);
  const mean = lax.div(lax.reduceSum(lax.mul(gram, identity), [1, 2]), perRow(entries, [batch]));
  // An exact fixed point has no residuals to scale by; empty places get a row of their own.
  const scale = lax.select(lax.gt(mean, like(mean, 0)), mean, like(mean, 1));
  const relative = lax.div(gram, perRow(scale, square));
  const empty = lax.mul(
    identity,
    lax.broadcast(lax.convert(lax.not(filled), g.dtype), square, [0, 1]),
  );
  const matrix = lax.add(lax.add(relative, lax.mul(identity, like(identity, ridge))), empty);
  const y = solvePositive(matrix, lax.convert(filled, g.dtype));
  return safeDivide(y, perRow(lax.reduceSum(y, [1]), y.shape));
}

/**
 * Gauss–Jordan elimination of small positive definite systems, one per sample; such matrices need no
 * pivoting.
 */
function solvePositive(matrix: Tensor, rhs: Tensor): Tensor {
  const [batch, m] = rhs.shape as readonly [number, number];
  let rows = lax.concatenate([matrix, lax.reshape(rhs, [batch, m, 1])], 2);
  const number = lax.iota([batch, m, 1], "int32", 1);
  for (let k = 0; k < m; k++) {
    const pick = (start: readonly number[], limit: readonly number[]) =>
      lax.slice(rows, { start, limit, strides: [1, 1, 1] });
    const row = pick([0, k, 0], [batch, k + 1, m + 1]);
    const pivot = pick([0, k, k], [batch, k + 1, k + 1]);
    const scaled = lax.div(row, lax.broadcast(pivot, row.shape, [0, 1, 2]));
    const column = pick([0, 0, k], [batch, m, k + 1]);
    // The pivot's own row becomes the scaled one: subtract (pivot - 1) times it.
    const own = lax.eq(number, like(number, k));
    const factor = lax.select(own, lax.sub(column, like(column, 1)), column);
    rows = lax.sub(
      rows,
      lax.mul(
        lax.broadcast(factor, rows.shape, [0, 1, 2]),
        lax.broadcast(scaled, rows.shape, [0, 1, 2]),
      ),
    );
  }
  const solution = lax.slice(rows, {
    start: [0, 0, m],
    limit: [batch, m, m + 1],
    strides: [1, 1, 1],
  });
  return lax.reshape(solution, [batch, m]);
}

/** Broyden's method with limited memory. */
import { whileLoop } from "../control/index.ts";
import { ArgumentError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { boolean, declareOptions, size } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import {
  chooseRows,
  combine,
  inner,
  like,
  modulo,
  perRow,
  products,
  rowNorm,
  scaleRows,
  store,
} from "./rows.ts";
import type { FixedPointSolver, RowMap } from "./solver.ts";

/** Options of `broyden`. */
export interface BroydenOptions {
  /** The number of updates to keep before a restart. Costs 2·memory·n per sample. Default 10. */
  memory?: number;
  /** Halve steps that do not reduce the residual (Armijo), at most 5 times. Default false. */
  lineSearch?: boolean;
}

/** The inverse Jacobian B = -I + Σ u vᵀ, and what the next update needs: the last g and step. */
interface State {
  readonly u: Tensor;
  readonly v: Tensor;
  readonly g: Tensor;
  readonly dz: Tensor;
  readonly count: Tensor;
  readonly [key: string]: Tensor;
}

const checkOptions = declareOptions<BroydenOptions>("broyden", [], {
  memory: size,
  lineSearch: boolean,
});

/**
 * Broyden's "good" method (Broyden, 1965) on g(z) = f(z) - z, with the inverse Jacobian as B = -I + U Vᵀ:
 *
 *     z⁺ = z - B g,   u = (Δz - B Δg) / (Δzᵀ B Δg),   vᵀ = Δzᵀ B
 *
 * starting as plain iteration, with an update skipped where its denominator is 0. All inner products are per
 * sample. A full memory is cleared: each update corrects the matrix that those before it made, so that
 * dropping the oldest alone would leave corrections to what is no longer there, and may diverge.
 *
 * ```ts
 * import { broyden, fixedPointIteration, np, type Tensor } from "trilevel";
 * const solve = fixedPointIteration((z: Tensor) => np.cos(z), { solver: broyden({ memory: 3 }) });
 * const { value, stats } = solve(np.array(1));
 * console.assert(Math.abs(await value.item() - 0.739085) < 1e-4 && await stats.steps.item() < 8);
 * ```
 *
 * @throws ArgumentError when memory < 1.
 */
export function broyden(options: BroydenOptions = {}): FixedPointSolver {
  checkOptions(options);
  const { memory = 10, lineSearch = false } = options;
  if (!(Number.isInteger(memory) && memory >= 1)) {
    throw new ArgumentError(
      `broyden: \`memory\` must be a positive integer, got ${memory}`,
      "it is the number of updates that are kept: broyden({ memory: 10 })",
    );
  }
  const solver: FixedPointSolver<State> = {
    kind: "fixedPoint",
    name: "broyden",
    returns: "best",
    init(z0) {
      const none = lax.full([z0.shape[0]!, memory, z0.shape[1]!], 0, z0.dtype);
      const zero = like(z0, 0);
      return { u: none, v: none, g: zero, dz: zero, count: lax.full([], 0, "int32") };
    },
    next(z, f, state, map) {
      const g = lax.sub(f, z);
      const first = lax.eq(state.count, like(state.count, 0));
      const dg = lax.sub(g, state.g);
      // The first step has no past: its place stays empty for the next.
      const past = lax.max(lax.sub(state.count, like(state.count, 1)), like(state.count, 0));
      const at = modulo(past, memory);
      const full = lax.eq(at, like(at, 0));
      const clear = (x: Tensor) => lax.select(lax.broadcast(full, x.shape, []), like(x, 0), x);
      const [oldU, oldV] = [clear(state.u), clear(state.v)];
      // B x = -x + U (V x), and xᵀ B likewise.
      const apply = (x: Tensor) => lax.sub(combine(products(oldV, x), oldU), x);
      const vector = lax.sub(combine(products(oldU, state.dz), oldV), state.dz);
      const denominator = inner(vector, dg);
      const tiny = lax.mul(
        lax.mul(rowNorm(vector), rowNorm(dg)),
        like(denominator, z.dtype === "float64" ? 1e-14 : 1e-7),
      );
      const usable = lax.and(
        lax.gt(lax.abs(denominator), tiny),
        lax.not(perRow(first, denominator.shape)),
      );
      const divisor = lax.select(usable, denominator, like(denominator, 1));
      const update = scaleRows(lax.div(like(divisor, 1), divisor), lax.sub(state.dz, apply(dg)));
      const u = store(oldU, at, chooseRows(usable, update, like(update, 0)));
      const v = store(oldV, at, chooseRows(usable, vector, like(vector, 0)));
      const direction = lax.sub(g, combine(products(v, g), u));
      const safe = lax.select(lax.finite(direction), direction, g);
      const dz = lineSearch ? scaleRows(stepLength(z, safe, g, map), safe) : safe;
      const count = lax.add(state.count, like(state.count, 1));
      return { z: lax.add(z, dz), state: { u, v, g, dz, count } };
    },
  };
  return solver;
}

/**
 * The first of 1, ½, ¼ … at which ‖g(z + αp)‖ ≤ (1 - 10⁻⁴ α) ‖g(z)‖, for each sample; 1 if there is none
 * among six, since a quasi-Newton step that fails locally may still be the way out.
 */
function stepLength(z: Tensor, direction: Tensor, g: Tensor, map: RowMap): Tensor {
  const before = rowNorm(g);
  const one = like(before, 1);
  const found = whileLoop(
    ({ accepted, tries }) =>
      lax.and(
        lax.not(lax.reduceAnd(accepted, [0])),
        lax.lt(tries, like(tries, 6)),
      ),
    ({ alpha, accepted, tries }) => {
      const trial = lax.add(z, scaleRows(alpha, direction));
      const after = rowNorm(lax.sub(map(trial), trial));
      const bound = lax.mul(before, lax.sub(one, lax.mul(alpha, like(alpha, 1e-4))));
      const now = lax.or(accepted, lax.le(after, bound));
      return {
        alpha: lax.select(now, alpha, lax.mul(alpha, like(alpha, 0.5))),
        accepted: now,
        tries: lax.add(tries, like(tries, 1)),
      };
    },
    { alpha: one, accepted: lax.full(before.shape, 0, "bool"), tries: lax.full([], 0, "int32") },
    { maxSteps: 6 },
  );
  return lax.select(found.accepted, found.alpha, one);
}

/** Gradients of single examples, clipped before they are summed: differential privacy. */
import { ShapeError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  declareOptions,
  nonNegative,
  requireArgument,
  scalarOf,
} from "../options/index.ts";
import { tensors, withLeaves } from "./leaves.ts";
import type { Scalar } from "./transformation.ts";

/** The number of examples the first axis of all gradients has. */
function examples(name: string, gradients: unknown): number {
  const counts = tensors(gradients).map((g) => g.shape[0]);
  const [n] = counts;
  if (n !== undefined && counts.every((count) => count === n)) return n;
  throw new ShapeError(
    `optim.${name}: expected gradients of one number of examples, got first axes of ${
      counts.join(", ")
    }`,
    "give gradients of each example, along the first axis: vmap(grad(loss), { inAxes: [null, 0] })",
  );
}

/** The sum of examples, each at most so long, and how many were longer. */
function clippedSum(gradients: readonly Tensor[], n: number, limit: Scalar) {
  const norms = gradients.map((g) => np.linalg.norm(np.reshape(g, [n, g.size / n]), { axis: 1 }));
  const norm = np.linalg.norm(np.stack(norms), { axis: 0 });
  // Zeros are within every limit, and NaN is within none.
  const fits = np.lessEqual(norm, limit);
  const factor = np.where(fits, 1, np.divide(limit, np.where(fits, 1, norm)));
  const sums = gradients.map((g) =>
    np.tensordot(np.astype(factor, g.dtype), g, { axes: [[0], [0]] })
  );
  return { sums, count: np.sum(np.astype(np.logicalNot(fits), "int32")) };
}

/**
 * Clips the gradient of each example, along the first axis, to the Euclidean norm `limit` of all its leaves, and sums
 * them (Abadi et al., 2016). Gives the sums, without that axis, and how many examples were longer, int32. One NaN makes
 * the sum NaN (optax sums such an example unclipped).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [sum, count] = optim.perExampleGlobalNormClip(np.array([[3, 4], [0, 1]]), 1);
 * console.assert(Math.abs((await sum.data())[1]! - 1.8) < 1e-6 && await count.item() === 1);
 * ```
 *
 * @throws ShapeError unless all first axes have one size.
 */
export function perExampleGlobalNormClip<G>(
  gradients: G,
  limit: Scalar,
): [sum: G, clipped: Tensor] {
  const name = "perExampleGlobalNormClip";
  requireArgument(`optim.${name}`, "limit", scalarOf(nonNegative), limit, ["gradients"]);
  const { sums, count } = clippedSum(tensors(gradients), examples(name, gradients), limit);
  return [withLeaves(gradients, sums), count];
}

const checkLayers = declareOptions<{ readonly uniform?: boolean }>(
  "optim.perExampleLayerNormClip",
  ["gradients", "1"],
  { uniform: boolean },
);

/**
 * {@link perExampleGlobalNormClip} of every leaf by itself, with limits whose squares add up to that of `limit`: equal
 * ones, or, unless `uniform`, by the number of elements (McMahan et al., 2018). Gives the sums, and how many examples of
 * each leaf were longer.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const gradients = { w: np.array([[3, 4]]), b: np.array([[0.5]]) };
 * const [sum, counts] = optim.perExampleLayerNormClip(gradients, Math.SQRT2);
 * console.assert(Math.abs((await sum.w.data())[1]! - 0.8) < 1e-6 && await counts.b.item() === 0);
 * ```
 *
 * @throws ShapeError unless all first axes have one size.
 */
export function perExampleLayerNormClip<G>(
  gradients: G,
  limit: number,
  options: { readonly uniform?: boolean } = {},
): [sum: G, clipped: G] {
  const name = "perExampleLayerNormClip";
  requireArgument(`optim.${name}`, "limit", nonNegative, limit, ["gradients"]);
  checkLayers(options);
  const { uniform = true } = options;
  const n = examples(name, gradients);
  const leaves = tensors(gradients);
  const total = leaves.reduce((sum, g) => sum + g.size / n, 0);
  const share = (g: Tensor) => uniform ? 1 / leaves.length : g.size / n / total;
  const results = leaves.map((g) => clippedSum([g], n, limit * Math.sqrt(share(g))));
  return [
    withLeaves(gradients, results.map(({ sums }) => sums[0]!)),
    withLeaves(gradients, results.map(({ count }) => count)),
  ];
}

/** Losses of embeddings that compare samples with each other. */
import { ShapeError, type Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { declareOptions, describeTree, positive } from "../../options/index.ts";
import { cosineSimilarity } from "./regression.ts";

const checkOptions = declareOptions<{ readonly temperature?: number }>(
  "nn.losses.ntxent",
  ["embeddings", "labels"],
  { temperature: positive },
);

/**
 * The normalized temperature-scaled cross-entropy (Chen et al., 2020): for every pair `i ≠ j` of one label,
 * `-log e^(s(i,j)/τ) / (e^(s(i,j)/τ) + Σ e^(s(i,k)/τ))` over the `k` of other labels, with `s` the cosine; the
 * mean of all pairs. Embeddings [n, size], labels int32 [n] → a scalar. Without a pair it is NaN.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const embeddings = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]);
 * const labels = np.array([0, 0, 1, 1], { dtype: "int32" });
 * console.assert(await nn.losses.ntxent(embeddings, labels).item() < 0.01);
 * ```
 *
 * @throws ShapeError unless there is one label for each embedding.
 */
export function ntxent(
  embeddings: Tensor,
  labels: Tensor,
  options: { readonly temperature?: number } = {},
): Tensor {
  checkOptions(options);
  const { temperature = 0.07 } = options;
  const [n] = embeddings.shape;
  if (embeddings.ndim !== 2 || labels.ndim !== 1 || labels.shape[0] !== n) {
    const [given, of] = [embeddings, labels].map((x) => describeTree(x));
    throw new ShapeError(
      `nn.losses.ntxent: the embeddings are ${given}, the labels ${of}`,
      "give embeddings [n, size] and labels [n]",
    );
  }
  const epsilon = embeddings.dtype === "float64" ? 2 ** -52 : 2 ** -23;
  const [rows, columns] = [np.expandDims(embeddings, 0), np.expandDims(embeddings, 1)];
  const similarity = cosineSimilarity(rows, columns, { epsilon }).div(temperature);
  const alike = np.equal(np.expandDims(labels, 1), np.expandDims(labels, 0));
  const pairs = np.logicalAnd(alike, np.equal(np.eye(n!), 0));
  const others = np.where(alike, -Infinity, similarity);
  // For each pair, the logarithm of its own term and of those of other labels.
  const rest = np.logsumexp(others, { axis: 1, keepdims: true });
  const own = np.where(pairs, similarity, 0);
  const terms = np.where(pairs, np.logaddexp(own, rest).sub(own), 0);
  // NaN in an embedding without a pair is seen, too.
  const seen = np.sum(np.where(np.isnan(similarity), similarity, 0));
  return np.sum(terms).div(np.sum(np.astype(pairs, embeddings.dtype))).add(seen);
}

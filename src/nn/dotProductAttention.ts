/** Attention with the arguments and the meaning of `jax.nn.dot_product_attention`. */
import { ArgumentError, DTypeError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  count,
  declareOptions,
  describeTree,
  either,
  finite,
  listOf,
  tensor,
} from "../options/index.ts";

/** Options of {@link dotProductAttention}. */
export interface DotProductAttentionOptions {
  /** Added to the logits: broadcast to [batch, heads, queries, keys]. */
  readonly bias?: Tensor;
  /** Booleans, true where a query may look: broadcast to [batch, heads, queries, keys]. */
  readonly mask?: Tensor;
  /** The factor of logits; `1/√size` unless given. */
  readonly scale?: number;
  /** If true, each query looks at its own position and those before only. Default false. */
  readonly isCausal?: boolean;
  /** The number of queries of each sample that count, int32 [batch]: the results of the others are 0. */
  readonly querySeqLengths?: Tensor;
  /** The number of keys of each sample that count, int32 [batch]. */
  readonly keyValueSeqLengths?: Tensor;
  /** The distance back and ahead within which a query attends: one number for both, or two. */
  readonly localWindowSize?: number | readonly number[];
}

const checkOptions = declareOptions<DotProductAttentionOptions>(
  "nn.dotProductAttention",
  ["query", "key", "value"],
  {
    mask: tensor,
    bias: tensor,
    scale: finite,
    isCausal: boolean,
    querySeqLengths: tensor,
    keyValueSeqLengths: tensor,
    localWindowSize: either(count, listOf(count, 2)),
  },
);

/**
 * `softmax(scale · Q Kᵀ + bias) V`, with what a mask excludes left out: queries […, queries, heads, d], keys and
 * values […, keys, groups, d] → […, queries, heads, d], all of 3 axes or, with a batch, of 4. The groups divide
 * the heads, which share their keys and values (Ainslie et al., 2023). A query that may look at nothing weights
 * all keys alike.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const x = random.normal(random.key(0), [1, 5, 2, 4]); // a batch of 1, 5 positions, 2 heads of size 4
 * const y = nn.dotProductAttention(x, x, x, { isCausal: true });
 * console.assert(await np.allclose(y.slice(0, 0), x.slice(0, 0)).item() === 1); // the first sees itself alone
 * ```
 *
 * @throws ShapeError when sizes differ; ArgumentError unless groups divide heads; DTypeError for a mask that is
 * not boolean.
 */
export function dotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: DotProductAttentionOptions = {},
): Tensor {
  checkOptions(options);
  const name = "nn.dotProductAttention";
  if (query.ndim === 3) {
    const batched = [query, key, value].map((x) => np.expandDims(x, 0)) as [Tensor, Tensor, Tensor];
    return np.squeeze(dotProductAttention(...batched, options), 0);
  }
  const hint = "positions stand before heads: [batch, positions, heads, size]";
  requireShape(`${name}: the query is`, query, ["batch", "queries", "heads", "size"], hint);
  const [batch, queries, heads, size] = query.shape as [number, number, number, number];
  requireShape(`${name}: the key is`, key, [batch, "keys", "groups", size], hint);
  const [, keys, groups] = key.shape as [number, number, number, number];
  requireShape(`${name}: the value is`, value, [batch, keys, groups, size], hint);
  if (heads % groups !== 0) {
    throw new ArgumentError(
      `${name}: ${heads} heads of queries share ${groups} of keys`,
      "give a number of heads of keys and values that divides that of queries",
    );
  }
  const { scale = 1 / Math.sqrt(size), bias } = options;
  // Neighbouring heads share a group.
  const grouped = np.reshape(query.mul(scale), [batch, queries, groups, heads / groups, size]);
  const products = np.einsum("btghd,bsgd->bghts", grouped, key);
  const logits = np.reshape(products, [batch, heads, queries, keys]);
  const allowed = allowedBy(options, queries, keys);
  const biased = bias === undefined ? logits : logits.add(bias);
  const weights = np.softmax(allowed === undefined ? biased : np.where(allowed, biased, -2e38));
  const together = np.reshape(weights, [batch, groups, heads / groups, queries, keys]);
  const found = np.einsum("bghts,bsgd->btghd", together, value);
  const result = np.reshape(found, [batch, queries, heads, size]);
  const { querySeqLengths: lengths } = options;
  return lengths === undefined
    ? result
    : np.where(np.expandDims(within(lengths, queries), [2, 3]), result, 0);
}

/** True at the positions [batch, n] that are within lengths [batch]. */
function within(lengths: Tensor, n: number): Tensor {
  return np.less(np.arange(n), np.expandDims(lengths, 1));
}

/** The conjunction of all masks of the options, broadcast to [batch, heads, queries, keys]; undefined without any. */
function allowedBy(
  options: DotProductAttentionOptions,
  queries: number,
  keys: number,
): Tensor | undefined {
  const { mask, isCausal, querySeqLengths, keyValueSeqLengths, localWindowSize } = options;
  if (mask !== undefined && mask.dtype !== "bool") {
    throw new DTypeError(
      `nn.dotProductAttention: the mask is ${describeTree(mask)}`,
      "give booleans, true where a query may look, or add numbers to the logits as `bias`",
    );
  }
  // The number of places that a key is ahead of a query.
  const ahead = np.subtract(np.arange(keys), np.expandDims(np.arange(queries), 1));
  const [back, forth] = typeof localWindowSize === "number"
    ? [localWindowSize, localWindowSize]
    : localWindowSize ?? [];
  const masks = [
    mask,
    isCausal ? np.lessEqual(ahead, 0) : undefined,
    back === undefined ? undefined : np.greaterEqual(ahead, -back),
    forth === undefined ? undefined : np.lessEqual(ahead, forth),
    querySeqLengths && np.expandDims(within(querySeqLengths, queries), [1, 3]),
    keyValueSeqLengths && np.expandDims(within(keyValueSeqLengths, keys), [1, 2]),
  ].filter((m) => m !== undefined);
  return masks.length === 0 ? undefined : masks.reduce((a, b) => np.logicalAnd(a, b));
}

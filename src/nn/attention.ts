/** Attention by dot products (Vaswani et al., 2017). */
import { ArgumentError, DTypeError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  declareOptions,
  describeTree,
  finite,
  floatType,
  required,
  size as sizeKind,
  tensor,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { requireInput, requireParams } from "./checks.ts";
import { initializerKind, initKinds } from "./kinds.ts";
import { xavierUniform, zeros } from "./initializers.ts";
import type { Layer } from "./layer.ts";
import { type InitOptions, linear, type LinearParams } from "./linear.ts";

/** Options of {@link attention}. */
export interface AttentionOptions {
  /** The keys that each query may attend to: booleans broadcast to […, queries, keys]; all by default. */
  readonly mask?: Tensor | undefined;
  /** The factor of logits; `1/√size` unless given. */
  readonly scale?: number | undefined;
}

/**
 * The weights `softmax(Q Kᵀ / √d)` of attention: […, queries, d] and […, keys, d] give
 * […, queries, keys]. A query that may look at nothing gets equal weights.
 *
 * @throws ShapeError when sizes differ; DTypeError for a mask of floats.
 */
export function attentionWeights(
  query: Tensor,
  key: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkWeights(options);
  const { mask, scale = 1 / Math.sqrt(query.shape.at(-1)!) } = options;
  if (mask !== undefined && floatType.accepts(mask.dtype)) {
    throw new DTypeError(
      `nn.attention: the mask is ${describeTree(mask)}`,
      "give booleans, true where a query may look: np.greater(mask, -1) of one that is to be added",
    );
  }
  const logits = np.einsum("...qd,...kd->...qk", query.mul(scale), key);
  return np.softmax(mask === undefined ? logits : np.where(mask, logits, -1e30));
}

/**
 * `softmax(Q Kᵀ / √d) V`: […, queries, d], […, keys, d], […, keys, e] → […, queries, e].
 *
 * @throws ShapeError when sizes differ; DTypeError for a mask of floats.
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkAttention(options);
  return np.einsum("...qk,...ke->...qe", attentionWeights(query, key, options), value);
}

/** The mask [n, n] with which each position looks at itself and those before. */
export function causalMask(n: number): Tensor {
  const i = np.arange(n);
  return np.greaterEqual(np.expandDims(i, 1), np.expandDims(i, 0));
}

const attentionKinds = { mask: tensor, scale: finite } as const;
const checkWeights = declareOptions<AttentionOptions>(
  "nn.attentionWeights",
  ["query", "key"],
  attentionKinds,
);
const checkAttention = declareOptions<AttentionOptions>(
  "nn.attention",
  ["query", "key", "value"],
  attentionKinds,
);
const checkApply = declareOptions<AttentionOptions>(
  "nn.multiHeadAttention.apply",
  ["params", "query", "key", "value"],
  attentionKinds,
);

/** Parameters of {@link multiHeadAttention}. */
export type AttentionParams = {
  readonly query: LinearParams;
  readonly key: LinearParams;
  readonly value: LinearParams;
  readonly out: LinearParams;
};

/** Options of {@link multiHeadAttention}. */
export interface MultiHeadOptions extends InitOptions {
  /** The size of queries and results. */
  readonly size: number;
  /** The number of heads that share it. */
  readonly heads: number;
  /** The size of keys and values; `size` unless given. */
  readonly keySize?: number;
  /** The initializer of the last projection; as PyTorch's linear layers unless given. */
  readonly outInit?: InitOptions["weightInit"];
}

const checkHeads = declareOptions<MultiHeadOptions>("nn.multiHeadAttention", [], {
  size: required(sizeKind),
  heads: required(sizeKind),
  keySize: sizeKind,
  outInit: initializerKind,
  ...initKinds,
});

/**
 * Attention with several heads, as PyTorch's `MultiheadAttention` with batches first:
 * `(query, key, value, { mask })`, […, queries, size] and […, keys, keySize] → […, queries, size].
 * PyTorch's `in_proj_weight` is `query.weight`, `key.weight` and `value.weight` one below the other.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const layer = nn.multiHeadAttention({ size: 8, heads: 2 });
 * const x = np.ones([1, 5, 8]);
 * const y = layer.apply(layer.init(random.key(0)), x, x, x, { mask: nn.causalMask(5) });
 * console.assert(y.shape.join() === "1,5,8");
 * ```
 *
 * @throws ArgumentError unless the heads divide the size; ShapeError for inputs of other sizes; TreeError for
 * parameters without its fields.
 */
export function multiHeadAttention(
  options: MultiHeadOptions,
): Layer<
  AttentionParams,
  [query: Tensor, key: Tensor, value: Tensor, options?: AttentionOptions]
> {
  checkHeads(options);
  const { size, heads, keySize = size, bias = true, outInit } = options;
  if (size % heads !== 0) {
    throw new ArgumentError(
      `nn.multiHeadAttention: ${heads} heads share ${size} channels`,
      "give a number of heads that divides the size",
    );
  }
  // PyTorch draws the three projections as one matrix, so that its fan-out is three times as large.
  const projection = (from: number) =>
    linear({
      in: from,
      out: size,
      bias,
      weightInit: options.weightInit ?? xavierUniform(from === size ? Math.SQRT1_2 : 1),
      biasInit: options.biasInit ?? zeros,
    });
  const [query, key, value] = [projection(size), projection(keySize), projection(keySize)];
  const out = linear({
    in: size,
    out: size,
    bias,
    biasInit: options.biasInit ?? zeros,
    ...(outInit === undefined ? {} : { weightInit: outInit }),
  });
  // […, n, size] → […, heads, n, size / heads]
  const split = (x: Tensor) =>
    np.swapaxes(np.reshape(x, [...x.shape.slice(0, -1), heads, size / heads]), -2, -3);
  return {
    init(from) {
      const [a, b, c, d] = random.split(from, 4);
      return { query: query.init(a), key: key.init(b), value: value.init(c), out: out.init(d) };
    },
    apply(p, q, k, v, given = {}) {
      const name = "nn.multiHeadAttention";
      checkApply(given);
      requireParams(name, p, ["query", "key", "value", "out"]);
      requireInput(`${name}: the queries are`, q, ["…", "queries", size]);
      requireInput(`${name}: the keys are`, k, ["…", "keys", keySize]);
      requireInput(`${name}: the values are`, v, ["…", "keys", keySize]);
      const { mask, scale } = given;
      const y = attention(
        split(query.apply(p.query, q)),
        split(key.apply(p.key, k)),
        split(value.apply(p.value, v)),
        // One mask for all heads, unless it has an axis for them.
        { mask: mask && mask.ndim === q.ndim ? np.expandDims(mask, -3) : mask, scale },
      );
      return out.apply(p.out, np.reshape(np.swapaxes(y, -2, -3), [...q.shape.slice(0, -1), size]));
    },
  };
}

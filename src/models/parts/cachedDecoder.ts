/**
 * The transformer decoder one token at a time. Keys and values of earlier tokens are kept: those of the row of tokens that
 * is being written in a small cache, which each token changes, and those of the rows before in a large one, which only
 * whole rows change. A loop gives its state a new copy wherever it changes, so that N tokens in rows of √N copy
 * 2 N √N entries instead of N².
 */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import { perceptron } from "./perceptron.ts";
import type { TransformerDecoderParams } from "./transformerDecoder.ts";

/** Keys and values of one block. */
interface KeysAndValues {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Keys and values of each block. */
export type DecoderCache = readonly KeysAndValues[];

/** Tokens of a grid, in the order in which they are written. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** A decoder of the tokens of a grid for a memory. */
export interface CachedDecoder {
  /** No rows yet. The newest row comes last, and pushes out the oldest. */
  readonly rows: DecoderCache;
  /** A row without tokens. */
  readonly row: DecoderCache;
  /** A token's vector [batch, size] at its place, the rows before and its own one → its row with it, and its result. */
  step(
    before: DecoderCache,
    own: DecoderCache,
    x: Tensor,
    at: { readonly row: Tensor; readonly column: Tensor },
  ): readonly [DecoderCache, Tensor];
  /** The rows before the next one. */
  append(before: DecoderCache, own: DecoderCache): DecoderCache;
}

/** Makes one for a decoder with this number of heads; `present`, booleans [batch, entries], hides entries of the memory. */
export function cachedDecoder(
  params: TransformerDecoderParams,
  heads: number,
  memory: Tensor,
  { rows, columns }: Grid,
  present: Tensor,
): CachedDecoder {
  const [batch, entries, size] = memory.shape as [number, number, number];
  const width = size / heads;
  const all = batch * heads;
  const earlier = Math.max(1, rows - 1) * columns;
  const norm = nn.layerNorm({ size });
  const mlp = perceptron([size, 4 * size, size]);
  const linear = nn.linear({ in: size, out: size, bias: false });
  // Heads lie beside each other in one axis with the batch, so that products take everything as it is.
  const split = (x: Tensor) => x.reshape([all, 1, width]);
  const join = (x: Tensor) => x.reshape([batch, size]);
  const numbers = (n: number) => np.arange(n, { dtype: "int32" });
  const zeros = (...shape: number[]) => np.zeros([all, ...shape], { dtype: memory.dtype });
  const scaled = (p: nn.LinearParams) => ({ weight: p.weight.mul(width ** -0.5), bias: null });
  const softmax = (logits: Tensor, mask: Tensor) => np.softmax(np.where(mask, logits, -1e30));

  /** All that does not depend on tokens, computed once. */
  const prepared = params.blocks.map(({ self, cross }) => {
    const parts = (p: nn.LinearParams) =>
      linear.apply(p, memory).reshape([batch, entries, heads, width]);
    return {
      query: scaled(self.query),
      ask: scaled(cross.query),
      k: np.transpose(parts(cross.key), [0, 2, 3, 1]).reshape([all, width, entries]),
      v: np.swapaxes(parts(cross.value), 1, 2).reshape([all, entries, width]),
    };
  });
  const shown = np.repeat(present, heads, { axis: 0 }).reshape([all, 1, entries]);

  return {
    rows: params.blocks.map(() => ({ k: zeros(width, earlier), v: zeros(earlier, width) })),
    row: params.blocks.map(() => ({ k: zeros(columns, width), v: zeros(columns, width) })),
    step(before, own, token, { row, column }) {
      const here = np.equal(numbers(columns), column).reshape([columns, 1]);
      const seen = np.concatenate([
        np.greaterEqual(numbers(earlier), row.mul(-columns).add(earlier)),
        np.lessEqual(numbers(columns), column),
      ]);
      const grown: KeysAndValues[] = [];
      const y = params.blocks.reduce((z, p, i) => {
        const { query, ask, k, v } = prepared[i]!;
        const normal = norm.apply(p.norm1, z);
        const put = (p: nn.LinearParams, old: Tensor) =>
          np.where(here, split(linear.apply(p, normal)), old);
        const entry = { k: put(p.self.key, own[i]!.k), v: put(p.self.value, own[i]!.v) };
        grown.push(entry);
        const q = split(linear.apply(query, normal));
        const logits = [np.matmul(q, before[i]!.k), np.matmul(q, np.swapaxes(entry.k, 1, 2))];
        const weights = softmax(np.concatenate(logits, { axis: -1 }), seen);
        const [ofRows, ofRow] = np.split(weights, [earlier], { axis: -1 });
        const found = np.matmul(ofRows!, before[i]!.v).add(np.matmul(ofRow!, entry.v));
        const added = (i === 0 ? normal : z).add(linear.apply(p.self.out, join(found)));
        const asked = split(linear.apply(ask, norm.apply(p.norm2, added)));
        const told = np.matmul(softmax(np.matmul(asked, k), shown), v);
        const crossed = added.add(linear.apply(p.cross.out, join(told)));
        return crossed.add(mlp.apply(p.mlp, norm.apply(p.norm3, crossed)));
      }, token);
      return [grown, norm.apply(params.norm, y)];
    },
    append(before, own) {
      const push = (old: Tensor, added: Tensor, axis: number) =>
        np.concatenate([np.split(old, [columns], { axis })[1]!, added], { axis });
      return before.map(({ k, v }, i) => ({
        k: push(k, np.swapaxes(own[i]!.k, 1, 2), 2),
        v: push(v, own[i]!.v, 1),
      }));
    },
  };
}

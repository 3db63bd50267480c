/**
 * The transformer decoder of SLATE: tokens look at themselves and those before, then at a memory. `cachedDecoder` gives
 * the same one token at a time.
 */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";
import { perceptron } from "./perceptron.ts";

/** Options of {@link transformerDecoder}. */
export interface TransformerDecoderOptions {
  readonly size: number;
  readonly blocks: number;
  readonly heads: number;
  /** The rate of dropout. */
  readonly dropout: number;
}

/** Parameters of one block. */
export type DecoderBlockParams = {
  readonly norm1: nn.NormParams;
  readonly self: nn.AttentionParams;
  readonly norm2: nn.NormParams;
  readonly cross: nn.AttentionParams;
  readonly norm3: nn.NormParams;
  readonly mlp: readonly nn.LinearParams[];
};

/** Parameters of {@link transformerDecoder}. */
export type TransformerDecoderParams = {
  readonly blocks: readonly DecoderBlockParams[];
  readonly norm: nn.NormParams;
};

/** A decoder of tokens. */
export interface TransformerDecoder {
  init(key: Tensor): TransformerDecoderParams;
  /**
   * Tokens [batch, n, size] and a memory [batch, entries, size] → [batch, n, size]. A key drops some out; `present`,
   * booleans [batch, entries], hides the entries that are false.
   */
  apply(
    params: TransformerDecoderParams,
    x: Tensor,
    memory: Tensor,
    key: Tensor | null,
    present?: Tensor,
  ): Tensor;
}

const { xavierUniform } = nn.initializers;

/**
 * Blocks with norms before each part, projections without bias, and weights of what is added to x of gain (3 L)^−½;
 * the first block normalizes x itself, as SLATE's code does: x ← LN(x), x ← x + attention(x).
 */
export function transformerDecoder(options: TransformerDecoderOptions): TransformerDecoder {
  const { size, blocks: count, heads, dropout: rate } = options;
  const gain = (3 * count) ** -0.5;
  const attention = nn.multiHeadAttention({
    size,
    heads,
    bias: false,
    weightInit: xavierUniform(),
    outInit: xavierUniform(gain),
  });
  const norm = nn.layerNorm({ size });
  const mlp = perceptron([size, 4 * size, size], gain);
  const project = nn.linear({ in: size, out: size, bias: false });

  /** [batch, n, size] → [batch, heads, n, size / heads] */
  const split = (x: Tensor) =>
    np.swapaxes(x.reshape([x.shape[0]!, x.shape[1]!, heads, size / heads]), 1, 2);
  const join = (x: Tensor) => np.swapaxes(x, 1, 2).reshape([x.shape[0]!, x.shape[2]!, size]);
  const keyed = (p: nn.AttentionParams, x: Tensor) => ({
    k: split(project.apply(p.key, x)),
    v: split(project.apply(p.value, x)),
  });
  const attend = (
    p: nn.AttentionParams,
    x: Tensor,
    { k, v }: { readonly k: Tensor; readonly v: Tensor },
    mask: Tensor | undefined,
    key: Tensor | null,
  ) => {
    const [ofWeights, ofResult] = key === null ? [null, null] : random.split(key);
    const weights = nn.attentionWeights(split(project.apply(p.query, x)), k, { mask });
    const seen = np.einsum("bhqk,bhke->bhqe", nn.dropout(ofWeights!, weights, rate), v);
    return nn.dropout(ofResult!, project.apply(p.out, join(seen)), rate);
  };
  const toMask = (present: Tensor | undefined) => present && np.expandDims(present, [1, 2]);

  return {
    init(key) {
      const keys = random.split(key, count);
      return {
        blocks: keys.map((own: Tensor) => {
          const [a, b, c] = random.split(own, 3);
          return {
            norm1: norm.init(a),
            self: attention.init(a),
            norm2: norm.init(b),
            cross: attention.init(b),
            norm3: norm.init(c),
            mlp: mlp.init(c),
          };
        }),
        norm: norm.init(key),
      };
    },
    apply(params, x, memory, key, present) {
      const causal = nn.causalMask(x.shape[1]!);
      const keys = key === null ? null : random.split(key, count);
      const y = params.blocks.reduce((z, p, i) => {
        const [a, b, c] = keys ? random.split(keys[i]!, 3) : [null, null, null];
        const normal = norm.apply(p.norm1, z);
        const self = (i === 0 ? normal : z).add(
          attend(p.self, normal, keyed(p.self, normal), causal, a!),
        );
        const across = norm.apply(p.norm2, self);
        const crossed = self.add(
          attend(p.cross, across, keyed(p.cross, memory), toMask(present), b!),
        );
        const wide = mlp.apply(p.mlp, norm.apply(p.norm3, crossed));
        return crossed.add(nn.dropout(c!, wide, rate));
      }, x);
      return norm.apply(params.norm, y);
    },
  };
}

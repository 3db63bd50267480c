/** Blocks of transformers: attention and a perceptron, each around a shortcut. */
import type { Tensor } from "../public.ts";
import {
  callable,
  declareOptions,
  fraction,
  key as keyKind,
  nonNegative,
  nullable,
  oneOf,
  required,
  size as sizeKind,
  tensor,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { relu } from "./activations.ts";
import { type AttentionParams, multiHeadAttention } from "./attention.ts";
import { requireInput, requireParams } from "./checks.ts";
import { dropout } from "./dropout.ts";
import { initKinds } from "./kinds.ts";
import type { Activation, Layer } from "./layer.ts";
import type { InitOptions, LinearParams } from "./linear.ts";
import { mlp } from "./mlp.ts";
import { layerNorm, type NormParams } from "./norm.ts";

/** Parameters of {@link transformerBlock}. */
export type TransformerBlockParams = {
  readonly attention: AttentionParams;
  readonly mlp: readonly LinearParams[];
  readonly norm1: NormParams;
  readonly norm2: NormParams;
};

/** Options of {@link transformerBlock}. */
export interface TransformerBlockOptions extends InitOptions {
  /** The size of positions. */
  readonly size: number;
  /** The number of heads attention has. */
  readonly heads: number;
  /** The size of the perceptron's hidden layer; `4 · size` unless given. */
  readonly hidden?: number;
  /** Between the perceptron's layers; `relu` unless given. */
  readonly activation?: Activation;
  /** The place of normalizations: before each part (`"pre"`, the default), or after its shortcut (`"post"`). */
  readonly norm?: "pre" | "post";
  /** With which probability results of both parts are dropped; 0 unless given. */
  readonly dropout?: number;
  /** The number that normalizations add to variances; 1e-5. */
  readonly eps?: number;
}

/** The options of a call of a block. */
export interface TransformerBlockCall {
  /** The positions that each may attend to, as `nn.attention` takes them; all by default. */
  readonly mask?: Tensor;
  /** The random key of dropout; null, or left out, in evaluation. */
  readonly key?: Tensor | null;
}

const checkOptions = declareOptions<TransformerBlockOptions>("nn.transformerBlock", [], {
  size: required(sizeKind),
  heads: required(sizeKind),
  hidden: sizeKind,
  activation: callable("nn.gelu"),
  norm: oneOf("pre", "post"),
  dropout: fraction,
  eps: nonNegative,
  ...initKinds,
});
const checkCall = declareOptions<TransformerBlockCall>(
  "nn.transformerBlock.apply",
  ["params", "x"],
  { mask: tensor, key: nullable(keyKind) },
);

/**
 * One block of a transformer: […, positions, size] → the same. With norms before (Xiong et al., 2020)
 * `x ← x + attention(norm1 x)`, then `x + mlp(norm2 x)`; with norms after (Vaswani et al., 2017)
 * `x ← norm1(x + attention x)`, then `norm2(x + mlp x)`. As PyTorch's `TransformerEncoderLayer`, but dropout
 * stands behind both parts alone.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const block = nn.transformerBlock({ size: 8, heads: 2, activation: nn.gelu });
 * const x = random.normal(random.key(1), [3, 5, 8]);
 * const y = block.apply(block.init(random.key(0)), x, { mask: nn.causalMask(5) });
 * console.assert(y.shape.join() === "3,5,8");
 * ```
 *
 * @throws ArgumentError unless the heads divide the size; ShapeError for inputs of other sizes; TreeError for
 * parameters without its fields.
 */
export function transformerBlock(
  options: TransformerBlockOptions,
): Layer<TransformerBlockParams, [x: Tensor, options?: TransformerBlockCall]> {
  checkOptions(options);
  const { size, heads, hidden = 4 * size, activation = relu, norm = "pre", eps = 1e-5 } = options;
  const { dropout: rate = 0, bias, weightInit, biasInit } = options;
  const init: InitOptions = {
    ...(bias === undefined ? {} : { bias }),
    ...(weightInit === undefined ? {} : { weightInit }),
    ...(biasInit === undefined ? {} : { biasInit }),
  };
  const attention = multiHeadAttention({ size, heads, ...init });
  const perceptron = mlp({ sizes: [size, hidden, size], activation, ...init });
  const normalization = layerNorm({ size, eps });
  return {
    init(key) {
      const [a, b, c, d] = random.split(key, 4);
      return {
        attention: attention.init(a),
        mlp: perceptron.init(b),
        norm1: normalization.init(c),
        norm2: normalization.init(d),
      };
    },
    apply(params, x, given = {}) {
      checkCall(given);
      requireParams("nn.transformerBlock", params, ["attention", "mlp", "norm1", "norm2"]);
      requireInput("nn.transformerBlock: the input is", x, ["…", "positions", size]);
      const { mask, key = null } = given;
      const [first, second] = key === null ? [null, null] : random.split(key);
      const around = (
        y: Tensor,
        scale: NormParams,
        dropped: Tensor | null,
        part: (x: Tensor) => Tensor,
      ) => {
        const normalized = (z: Tensor) => normalization.apply(scale, z);
        const result = (z: Tensor) => y.add(dropout(dropped, part(z), rate));
        return norm === "pre" ? result(normalized(y)) : normalized(result(y));
      };
      const seen = around(
        x,
        params.norm1,
        first!,
        (z) => attention.apply(params.attention, z, z, z, mask === undefined ? {} : { mask }),
      );
      return around(seen, params.norm2, second!, (z) => perceptron.apply(params.mlp, z));
    },
  };
}

/** Tokens as vectors. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, required, size as sizeKind } from "../options/index.ts";
import { requireParams } from "./checks.ts";
import { initializerKind } from "./kinds.ts";
import { type Initializer, normal } from "./initializers.ts";
import type { Layer } from "./layer.ts";

/** Parameters of {@link embedding} and of learned positions. */
export type EmbeddingParams = {
  /** [count, size] */
  readonly weight: Tensor;
};

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** The number of tokens. */
  readonly count: number;
  /** The size of a vector. */
  readonly size: number;
  /** Standard normal unless given. */
  readonly weightInit?: Initializer;
}

const checkOptions = declareOptions<EmbeddingOptions>("nn.embedding", [], {
  count: required(sizeKind),
  size: required(sizeKind),
  weightInit: initializerKind,
});

/**
 * A vector for each token: int32 […] → […, size]. Tokens that are not there read NaN.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const layer = nn.embedding({ count: 10, size: 4 });
 * const tokens = np.array([[1, 2, 1]], { dtype: "int32" });
 * console.assert(layer.apply(layer.init(random.key(0)), tokens).shape.join() === "1,3,4");
 * ```
 *
 * @throws DTypeError for tokens that are no integers; TreeError for parameters without a weight.
 */
export function embedding(options: EmbeddingOptions): Layer<EmbeddingParams> {
  checkOptions(options);
  const { count, size, weightInit = normal(1) } = options;
  return {
    init: (key) => ({ weight: weightInit(key, [count, size]) }),
    apply(params, tokens) {
      requireParams("nn.embedding", params, ["weight"]);
      return np.take(params.weight, tokens, { axis: 0 });
    },
  };
}

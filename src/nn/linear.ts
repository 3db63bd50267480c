/** The linear layer. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, required, size } from "../options/index.ts";
import * as random from "../random/index.ts";
import { requireInput, requireParams } from "./checks.ts";
import { initKinds } from "./kinds.ts";
import { fans, type Initializer, linearDefault, uniform } from "./initializers.ts";
import type { Layer } from "./layer.ts";

/** Parameters of {@link linear}, in PyTorch's layout and with its names. */
export type LinearParams = {
  /** [out, in] */
  readonly weight: Tensor;
  /** [out]; null without bias. */
  readonly bias: Tensor | null;
};

/** The initializers of weights and biases; PyTorch's by default. */
export interface InitOptions {
  /** If true, there is a bias. Default true. */
  readonly bias?: boolean;
  /** Uniform in ±1/√fanIn unless given; Keras has `initializers.glorotUniform`. */
  readonly weightInit?: Initializer;
  /** Uniform in ±1/√fanIn (of the weight) unless given; Keras and Flax have `initializers.zeros`. */
  readonly biasInit?: Initializer;
}

/** Options of {@link linear}. */
export interface LinearOptions extends InitOptions {
  /** The size of an input. */
  readonly in: number;
  /** The size of an output. */
  readonly out: number;
}

const checkOptions = declareOptions<LinearOptions>("nn.linear", [], {
  in: required(size),
  out: required(size),
  ...initKinds,
});

/** A weight of this shape, and a bias for its first axis (or `biasSize`). */
export function affineParams(
  key: Tensor,
  shape: readonly number[],
  options: InitOptions,
  biasSize = shape[0]!,
): LinearParams {
  const { bias = true, weightInit = linearDefault } = options;
  const biasInit = options.biasInit ?? uniform(1 / Math.sqrt(fans(shape).fanIn));
  const [forWeight, forBias] = random.split(key);
  return {
    weight: weightInit(forWeight, shape),
    bias: bias ? biasInit(forBias, [biasSize]) : null,
  };
}

/** `x Wᵀ + b` on the last axis, for a layer and an input of these names. */
export function affine(
  params: LinearParams,
  x: Tensor,
  layer = "nn.linear",
  input = "the input",
): Tensor {
  requireParams(layer, params, ["weight", "bias"]);
  const { weight, bias } = params;
  requireInput(`${layer}: ${input} is`, x, ["…", weight.shape.at(-1)!]);
  const y = np.tensordot(x, weight, { axes: [[-1], [1]] });
  return bias === null ? y : y.add(bias);
}

/**
 * `y = x Wᵀ + b` on the last axis: […, in] → […, out].
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const layer = nn.linear({ in: 3, out: 4 });
 * const params = layer.init(random.key(0));
 * console.assert(layer.apply(params, np.ones([2, 5, 3])).shape.join() === "2,5,4");
 * ```
 *
 * @throws ShapeError when the last axis is of another size; TreeError for parameters without weight and bias.
 */
export function linear(options: LinearOptions): Layer<LinearParams> {
  checkOptions(options);
  return {
    init: (key) => affineParams(key, [options.out, options.in], options),
    apply: (params, x) => affine(params, x),
  };
}

/** Linear layers with activations between. */
import type { Tensor } from "../public.ts";
import { callable, declareOptions, listOf, required, size } from "../options/index.ts";
import * as random from "../random/index.ts";
import { relu } from "./activations.ts";
import { requireParamsList } from "./checks.ts";
import { initKinds } from "./kinds.ts";
import type { Activation, Layer } from "./layer.ts";
import { affine, affineParams, type InitOptions, type LinearParams } from "./linear.ts";

/** Options of {@link mlp}. */
export interface MlpOptions extends InitOptions {
  /** The sizes of the input, of every hidden layer, and of the output. */
  readonly sizes: readonly number[];
  /** Between layers; `relu` unless given. */
  readonly activation?: Activation;
  /** After the last; none unless given. */
  readonly outActivation?: Activation;
}

const checkOptions = declareOptions<MlpOptions>("nn.mlp", [], {
  sizes: required(listOf(size)),
  activation: callable("nn.gelu"),
  outActivation: callable("nn.tanh"),
  ...initKinds,
});

/**
 * A multi-layer perceptron on the last axis: […, sizes[0]] → […, the last size].
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const layer = nn.mlp({ sizes: [3, 16, 2], activation: nn.gelu });
 * const params = layer.init(random.key(0));
 * console.assert(params.length === 2 && layer.apply(params, np.ones([5, 3])).shape[1] === 2);
 * ```
 *
 * @throws ShapeError when the last axis is of another size; TreeError for parameters of another number of layers.
 */
export function mlp(options: MlpOptions): Layer<readonly LinearParams[]> {
  checkOptions(options);
  const { sizes, activation = relu, outActivation } = options;
  const count = Math.max(0, sizes.length - 1);
  return {
    init: (key) =>
      random.split(key, count).map((k: Tensor, i: number) =>
        affineParams(k, [sizes[i + 1]!, sizes[i]!], options)
      ),
    apply(params, x) {
      requireParamsList("nn.mlp", params, count);
      return params.reduce((y, p, i) => {
        const after = i < count - 1 ? activation : outActivation;
        const z = affine(p, y, "nn.mlp", `the input of layer ${i}`);
        return after ? after(z) : z;
      }, x);
    },
  };
}

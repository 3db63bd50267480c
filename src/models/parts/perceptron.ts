/** The perceptron of SLATE: Kaiming's initializer before each ReLU, Xavier's for the last layer, biases of 0. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as random from "../../random/index.ts";

const { kaimingUniform, xavierUniform, zeros } = nn.initializers;

/** Linear layers of these sizes with ReLU between; the last one has Xavier's initializer with a gain. */
export function perceptron(
  sizes: readonly number[],
  gain = 1,
): nn.Layer<readonly nn.LinearParams[], [x: Tensor]> {
  const layers = sizes.slice(1).map((out, i) =>
    nn.linear({
      in: sizes[i]!,
      out,
      weightInit: i < sizes.length - 2 ? kaimingUniform() : xavierUniform(gain),
      biasInit: zeros,
    })
  );
  const { apply } = nn.mlp({ sizes });
  return {
    init(key) {
      const keys = random.split(key, layers.length);
      return layers.map((layer, i) => layer.init(keys[i]!));
    },
    apply,
  };
}

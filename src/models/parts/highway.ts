/** Perceptrons whose layers are plain or gated: the networks of iterative amortized inference. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";

/** Parameters of {@link gatedPerceptron}: gates and skip are null in a plain one. */
export type GatedParams = {
  readonly layers: readonly nn.LinearParams[];
  readonly gates: readonly nn.LinearParams[] | null;
  /** Brings the input to the size of the first layer. */
  readonly skip: nn.LinearParams | null;
};

/** Activations by name. */
export const activations = { elu: nn.elu, relu: nn.relu, tanh: np.tanh } as const;

const glorot = { weightInit: nn.initializers.glorotUniform, biasInit: nn.initializers.zeros };

/** A linear layer that begins with Glorot's uniform weights and biases of 0. */
export const glorotLinear = (from: number, to: number) =>
  nn.linear({ ...glorot, in: from, out: to });

/**
 * Layers of these sizes, the activation after each. The highway layers of Srivastava et al. (2015) are
 *
 *     y = g ⊙ x + (1 − g) ⊙ a(W x + b),   g = σ(V x + c)
 *
 * with S x + d in place of x in the first sum of the first layer.
 */
export function gatedPerceptron(
  sizes: readonly number[],
  activation: keyof typeof activations,
  connection: "sequential" | "highway",
): nn.Layer<GatedParams, [x: Tensor]> {
  const act = activations[activation];
  const layers = sizes.slice(1).map((to, i) => glorotLinear(sizes[i]!, to));
  const gated = connection === "highway" && layers.length > 0;
  const skip = gated ? glorotLinear(sizes[0]!, sizes[1]!) : null;
  return {
    init(key) {
      const [a, b, c] = random.split(key, 3);
      const all = (key: Tensor) => {
        const keys = random.split(key, Math.max(1, layers.length));
        return layers.map((layer, i) => layer.init(keys[i]!));
      };
      return {
        layers: all(a),
        gates: gated ? all(b) : null,
        skip: skip && skip.init(c),
      };
    },
    apply: (params, x) =>
      layers.reduce((x, layer, i) => {
        const y = act(layer.apply(params.layers[i]!, x));
        if (!params.gates) return y;
        const gate = np.sigmoid(layer.apply(params.gates[i]!, x));
        const from = i === 0 && skip && params.skip ? skip.apply(params.skip, x) : x;
        return gate.mul(from).add(np.subtract(1, gate).mul(y));
      }, x),
  };
}

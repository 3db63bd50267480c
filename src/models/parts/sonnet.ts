/** Initializers of Sonnet 1, with which IODINE was trained. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import { fans } from "../../nn/initializers.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";

const { truncatedNormal, zeros } = nn.initializers;

/** Of linear layers and convolutions: a normal with variance 1 / fan-in before it is cut at two deviations; biases of 0. */
export const sonnet = {
  weightInit: (key, shape) => truncatedNormal(1 / Math.sqrt(fans(shape).fanIn))(key, shape),
  biasInit: zeros,
} as const satisfies nn.InitOptions;

/** An LSTM whose gates share one weight for input and state, and whose forget gate begins with a bias of 1. */
export function sonnetLstm(
  options: Pick<nn.CellOptions, "in" | "hidden">,
): nn.Layer<nn.CellParams, [x: Tensor, state: nn.LstmState], nn.LstmState> {
  const { hidden } = options;
  const cell = nn.lstmCell({
    ...options,
    weightInit: truncatedNormal(1 / Math.sqrt(options.in + hidden)),
    biasInit: zeros,
  });
  return {
    ...cell,
    init(key) {
      const [a] = random.split(key, 1);
      const gate = (value: number) => np.full([hidden], value);
      return { ...cell.init(a!), biasIh: np.concatenate([gate(0), gate(1), gate(0), gate(0)]) };
    },
  };
}

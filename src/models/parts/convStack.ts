/** Convolutions with an activation between, as encoders and decoders of slots have them. */
import * as nn from "../../nn/index.ts";
import * as random from "../../random/index.ts";

/** One convolution of {@link convStack}. */
export interface Conv extends Pick<nn.ConvOptions, "kernel" | "stride" | "padding"> {
  /** Channels of its output. */
  readonly out: number;
}

/**
 * Convolutions [batch, height, width, in] → [batch, height′, width′, the last out]; the activation stands between them, and
 * after the last if `last` says so.
 */
export function convStack(
  { in: first, convs, activation, last = false, init = {} }: {
    readonly in: number;
    readonly convs: readonly Conv[];
    readonly activation: nn.Activation;
    readonly last?: boolean;
    readonly init?: nn.InitOptions;
  },
): nn.Layer<readonly nn.LinearParams[]> {
  const layers = convs.map((own, i) =>
    nn.conv({ ...init, ...own, in: i === 0 ? first : convs[i - 1]!.out })
  );
  return {
    init(key) {
      const keys = random.split(key, Math.max(1, layers.length));
      return layers.map((layer, i) => layer.init(keys[i]!));
    },
    apply: (params, x) =>
      layers.reduce((x, layer, i) => {
        const y = layer.apply(params[i]!, x);
        return last || i < layers.length - 1 ? activation(y) : y;
      }, x),
  };
}

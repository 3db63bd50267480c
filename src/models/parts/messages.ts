/** Messages between slots, weighted by attention: the interactions of R-NEM. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";
import { normalizedLinear, type NormalizedParams, plainLinear } from "./normalized.ts";

/** Parameters of {@link messages}. */
export type MessageParams = {
  /** From a state to what is known of it. */
  readonly encode: NormalizedParams;
  /** From what is known of two to what they are to each other; the first is the one that is told. */
  readonly core: NormalizedParams;
  /** From there to a message. */
  readonly context: NormalizedParams;
  /** From there to the weight of the message; null if all weigh 1. */
  readonly attention: { readonly hidden: NormalizedParams; readonly out: nn.LinearParams } | null;
};

/**
 * The encodings of states [batch, slots, hidden], and the sum of the messages that each slot gets from all others, both of the
 * states' shape. With one slot the sum is zero.
 */
export function messages(
  { hidden, attention }: { readonly hidden: number; readonly attention: number | undefined },
): nn.Layer<MessageParams, [theta: Tensor], [encoded: Tensor, told: Tensor]> {
  const layer = (from: number) => normalizedLinear({ in: from, out: hidden }, nn.relu);
  const [encode, core, context] = [layer(hidden), layer(2 * hidden), layer(hidden)];
  const weigh = attention === undefined ? undefined : {
    hidden: normalizedLinear({ in: hidden, out: attention }, nn.tanh),
    out: plainLinear({ in: attention, out: 1 }),
  };
  return {
    init(key) {
      const [a, b, c, d, e] = random.split(key, 5);
      return {
        encode: encode.init(a),
        core: core.init(b),
        context: context.init(c),
        attention: weigh === undefined
          ? null
          : { hidden: weigh.hidden.init(d), out: weigh.out.init(e) },
      };
    },
    apply(p, theta) {
      const encoded = encode.apply(p.encode, theta);
      const [batch, slots] = theta.shape as [number, number];
      const shape = [batch, slots, slots, hidden];
      const [focus, others] = [2, 1].map((axis) =>
        np.broadcastTo(np.expandDims(encoded, axis), shape)
      ) as [Tensor, Tensor];
      const pair = core.apply(p.core, np.concatenate([focus, others], { axis: -1 }));
      const message = context.apply(p.context, pair);
      const weight = weigh === undefined || p.attention === null
        ? np.ones([1, 1, 1, 1])
        : np.sigmoid(
          weigh.out.apply(p.attention.out, weigh.hidden.apply(p.attention.hidden, pair)),
        );
      // No slot tells itself anything.
      const apart = np.expandDims(np.subtract(1, np.eye(slots)), -1);
      return [encoded, np.sum(message.mul(weight).mul(apart), { axis: 2 })];
    },
  };
}

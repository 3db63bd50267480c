/** The network that refines posteriors in IODINE: convolutions of channels, layers, then a memory, for each slot alone. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import { declareOptions, listOf, oneOf, size } from "../../options/index.ts";
import * as random from "../../random/index.ts";
import { convStack } from "./convStack.ts";
import { sonnet, sonnetLstm } from "./sonnet.ts";

/** Options of the network that a model's options hold. */
export interface SlotRefinerOptions {
  /** Channels of every convolution; 64. */
  readonly channels?: number;
  /** The window; 3. */
  readonly kernel?: number;
  /** One stride for each convolution; four of 2. */
  readonly strides?: readonly number[];
  /** The sizes of the layers after them, with ELU between, and none after the last; `[256, 256]`. */
  readonly hidden?: readonly number[];
  /** The features that the layers see: their `"mean"` over places (the default), or those of `"all"` places. */
  readonly pool?: "mean" | "all";
}

const checkOptions = declareOptions<SlotRefinerOptions>("iodine's encoder", [], {
  channels: size,
  kernel: size,
  strides: listOf(size),
  hidden: listOf(size),
  pool: oneOf("mean", "all"),
});

/** Parameters of the network. */
export type SlotRefinerParams = {
  readonly convs: readonly nn.LinearParams[];
  readonly mlp: readonly nn.LinearParams[];
  /** Null without a memory. */
  readonly memory: nn.CellParams | null;
  readonly update: nn.LinearParams;
};

/** Inputs of the network for each slot. */
export type SlotInputs = {
  /** [batch, slots, height, width, channels] */
  readonly spatial: Tensor;
  /** [batch, slots, size] */
  readonly flat: Tensor;
  readonly memory: nn.LstmState | null;
};

/** The change of each slot's numbers, [batch, slots, out], and the memory after it. */
export type SlotUpdate = { readonly change: Tensor; readonly memory: nn.LstmState | null };

/** A network for so many channels at each place and so many numbers of each slot. */
export function slotRefiner(
  options: SlotRefinerOptions | undefined,
  { resolution, spatial, flat, memorySize, out }: {
    readonly resolution: readonly [height: number, width: number];
    readonly spatial: number;
    readonly flat: number;
    /** 0: none. */
    readonly memorySize: number;
    readonly out: number;
  },
): nn.Layer<SlotRefinerParams, [inputs: SlotInputs], SlotUpdate> {
  checkOptions(options);
  const {
    channels = 64,
    kernel = 3,
    strides = [2, 2, 2, 2],
    hidden = [256, 256],
    pool = "mean",
  } = options ?? {};
  const convs = convStack({
    in: spatial,
    convs: strides.map((stride) => ({ out: channels, kernel, stride, padding: "same" })),
    activation: nn.elu,
    last: true,
    init: sonnet,
  });
  const places = resolution.reduce(
    (area, n) => area * strides.reduce((n, stride) => Math.ceil(n / stride), n),
    1,
  );
  const features = strides.length > 0 ? channels : spatial;
  const seen = pool === "mean" ? features : features * places;
  const mlp = nn.mlp({ ...sonnet, sizes: [seen, ...hidden], activation: nn.elu });
  const wide = (hidden.at(-1) ?? seen) + flat;
  const cell = memorySize > 0 ? sonnetLstm({ in: wide, hidden: memorySize }) : null;
  const update = nn.linear({ ...sonnet, in: memorySize > 0 ? memorySize : wide, out });
  return {
    init(key) {
      const [a, b, c, d] = random.split(key, 4);
      return {
        convs: convs.init(a),
        mlp: mlp.init(b),
        memory: cell && cell.init(c),
        update: update.init(d),
      };
    },
    apply(p, { spatial, flat, memory }) {
      const [batch, slots, ...image] = spatial.shape as [number, number, ...number[]];
      const map = convs.apply(p.convs, spatial.reshape([batch * slots, ...image]));
      const all = pool === "mean" ? np.mean(map, { axis: [1, 2] }) : map;
      const looked = mlp.apply(p.mlp, all.reshape([batch, slots, seen]));
      const x = np.concatenate([looked, flat], { axis: -1 });
      if (cell === null || p.memory === null || memory === null) {
        return { change: update.apply(p.update, x), memory: null };
      }
      const after = cell.apply(p.memory, x, memory);
      return { change: update.apply(p.update, after[0]), memory: after };
    },
  };
}

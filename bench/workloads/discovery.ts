/**
 * (d): a step of training of object discovery at 32×32: a model of four slots, its loss, and Adam. Slots
 * start from learned vectors, so that all subjects compute the same.
 */
import { jit, np, oneStep, optim, type Tensor, valueAndGrad } from "trilevel";
import { type DiscoveryParams, objectDiscovery } from "trilevel/models";
import type { Work } from "../serve.ts";
import { tensor } from "./data.ts";

const [batch, resolution, channels, slots, hidden] = [16, 32, 32, 4, 64];

function parameters(): DiscoveryParams {
  let seed = 1;
  const weight = (...shape: number[]) =>
    tensor(seed++, shape, 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)));
  const bias = (n: number) => tensor(seed++, [n], 0.1);
  const dense = (out: number, ...from: number[]) => ({
    weight: weight(out, ...from),
    bias: bias(out),
  });
  const plain = (out: number, from: number) => ({ weight: weight(out, from), bias: null });
  const norm = () => ({ weight: np.ones([channels]), bias: np.zeros([channels]) });
  return {
    encoder: {
      convs: [3, channels, channels].map((n) => dense(channels, n, 3, 3)),
      position: dense(channels, 4),
      norm: norm(),
      mlp: [dense(channels, channels), dense(channels, channels)],
    },
    slotAttention: {
      start: { slots: weight(slots, channels) },
      query: plain(channels, channels),
      key: plain(channels, channels),
      value: plain(channels, channels),
      gru: {
        weightIh: weight(3 * channels, channels),
        weightHh: weight(3 * channels, channels),
        biasIh: bias(3 * channels),
        biasHh: bias(3 * channels),
      },
      mlp: { norm: norm(), layers: [dense(hidden, channels), dense(channels, hidden)] },
      normInputs: norm(),
      normSlots: norm(),
    },
    decoder: {
      slot: dense(channels, channels),
      position: plain(channels, 4),
      layers: [dense(channels, channels), dense(channels, channels), dense(4, channels)],
    },
  };
}

/** The work of one call: a step, from the parameters that the last one left. */
export function discovery(): Work {
  const coordinates = [-1, 1] as const;
  const model = objectDiscovery({
    resolution: [resolution, resolution],
    slots,
    slotSize: channels,
    mlpHidden: hidden,
    iterations: 3,
    adjoint: oneStep(),
    start: "learned",
    encoder: { channels, kernel: 3, strides: [2, 2, 1], coordinates },
    decoder: { kind: "pixel", channels, layers: 3, coordinates },
  });
  const optimizer = optim.adam(1e-3);
  const image = tensor(0, [batch, resolution, resolution, 3]);
  let params = parameters();
  let state = optimizer.init(params);
  const step = jit((p: DiscoveryParams, s: typeof state) => {
    const [value, gradient] = valueAndGrad((p: DiscoveryParams) => model.loss(p, image, null)[0])(
      p,
    );
    const [updates, next] = optimizer.update(gradient, s, p);
    return [value, optim.applyUpdates(p, updates), next] as const;
  }, { donate: [0, 1] });
  return {
    async call() {
      let value: Tensor;
      [value, params, state] = step(params, state);
      const result = Number(await value.item());
      value.dispose();
      return result;
    },
  };
}

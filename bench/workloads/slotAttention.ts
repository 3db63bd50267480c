/** (a): the mean square of the slots found in inputs, and its gradient in all parameters. */
import { dispose, jit, np, oneStep, type Tensor, unrolled, valueAndGrad } from "trilevel";
import { slotAttention, type SlotAttentionParams } from "trilevel/models";
import type { CaseOf } from "../cases.ts";
import type { Work } from "../serve.ts";
import { tensor } from "./data.ts";

const [batch, inputs, slots, size, hidden] = [8, 256, 7, 64, 128];

/** The parameters, by the seeds that all subjects use. */
export function slotParams(): SlotAttentionParams {
  const weight = (seed: number, ...shape: number[]) => tensor(seed, shape, 1 / 8);
  const norm = () => ({ weight: np.ones([size]), bias: np.zeros([size]) });
  return {
    normInputs: norm(),
    normSlots: norm(),
    query: { weight: weight(2, size, size), bias: null },
    key: { weight: weight(3, size, size), bias: null },
    value: { weight: weight(4, size, size), bias: null },
    gru: {
      weightIh: weight(5, 3 * size, size),
      weightHh: weight(6, 3 * size, size),
      biasIh: weight(7, 3 * size),
      biasHh: weight(8, 3 * size),
    },
    mlp: {
      norm: norm(),
      layers: [
        { weight: weight(9, hidden, size), bias: weight(10, hidden) },
        { weight: weight(11, size, hidden), bias: weight(12, size) },
      ],
    },
    start: { slots: tensor(1, [slots, size]) },
  };
}

/** The loss to differentiate. */
export function slotLoss({ iterations, adjoint }: CaseOf<"slotAttention">) {
  const model = slotAttention({
    slots,
    inputSize: size,
    slotSize: size,
    mlpHidden: hidden,
    iterations,
    adjoint: adjoint === "unrolled" ? unrolled() : oneStep(),
    start: "learned",
    initGrad: "straightThrough",
  });
  return (params: SlotAttentionParams, x: Tensor): Tensor =>
    np.mean(np.square(model.apply(params, x, null).slots));
}

/** The inputs. */
export function slotInputs(): Tensor {
  return tensor(0, [batch, inputs, size]);
}

/** The work of one call. */
export function slotAttentionGradient(c: CaseOf<"slotAttention">): Work {
  const [params, x] = [slotParams(), slotInputs()];
  const f = jit(valueAndGrad(slotLoss(c)));
  return { call: () => lossOf(f(params, x)) };
}

/** Waits for a loss and lets go of everything. */
async function lossOf([loss, gradient]: readonly [Tensor, object]): Promise<number> {
  const value = await loss.item();
  dispose([loss, gradient]);
  return Number(value);
}

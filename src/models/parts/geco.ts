/**
 * GECO (Rezende & Viola, 2018) in the form of EfficientMORL: the weight of the reconstruction rises until its error is below
 * a target.
 */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import { count, declareOptions, finite, positive, required } from "../../options/index.ts";
import { stopGradient } from "../../transforms/index.ts";

/** Options of {@link geco}. */
export interface GecoOptions {
  /** The negative log-likelihood to reach, C: of an image, as the model's. */
  readonly target: number;
  /** The number of steps with weight 1 before it begins; 1000. */
  readonly warmup?: number;
  /** The change of β by a step for each nat above the target; 1e-6. */
  readonly rate?: number;
  /** The factor of that change while the error is below the target; 1. */
  readonly below?: number;
}

const checkOptions = declareOptions<GecoOptions>("geco", [], {
  target: required(finite),
  warmup: count,
  rate: positive,
  below: positive,
});

/** The state of {@link geco}, which is saved with parameters. */
export type GecoState = {
  /** Steps that were taken, int32. */
  readonly step: Tensor;
  /** Ĉ, the moving average of the target less the error. */
  readonly distance: Tensor;
  /** β; the weight is softplus(β). */
  readonly beta: Tensor;
};

/** The least β, at which it begins: softplus(0.55) = 1.005. */
const least = 0.55;
/** The decay of the moving average. */
const decay = 0.99;

/** The functions of {@link geco}. */
export interface Geco {
  /** The state before the first step. */
  init(): GecoState;
  /** The weight of the error in gradients: 1, and softplus(β) after the warmup. */
  weight(state: GecoState): Tensor;
  /** The loss of an error and a divergence, both means over a batch. */
  loss(state: GecoState, error: Tensor, divergence: Tensor): Tensor;
  /** The state after a step with an error. */
  update(state: GecoState, error: Tensor): GecoState;
}

/**
 * With an error E, a divergence KL and the target C:
 *
 *     before the warmup ends:   loss = E + KL
 *     then, with c = C − E:     loss = KL − softplus(β) [c + stop(Ĉ − c)]
 *     after each of its steps:  Ĉ ← 0.99 Ĉ + 0.01 c,   β ← max(0.55, β − rate · Ĉ)
 *
 * The first of these steps has Ĉ = 0 in its loss, sets Ĉ to its c, and leaves β. The loss has the moving average as value, and
 * softplus(β) ∇E as gradient.
 *
 * ```ts
 * import { geco } from "trilevel/models";
 * import { np } from "trilevel";
 * const { init, update, weight } = geco({ target: -5, warmup: 0, rate: 0.1 });
 * const first = update(init(), np.array(5)); // 10 nats above the target
 * const second = update(first, np.array(5));
 * console.assert(Math.abs(await second.beta.item() - 1.55) < 1e-6);
 * console.assert(await weight(second).item() > await weight(first).item());
 * ```
 */
export function geco(options: GecoOptions): Geco {
  checkOptions(options);
  const { target, warmup = 1000, rate = 1e-6, below = 1 } = options;
  const active = ({ step }: GecoState) => step.greaterEqual(warmup);
  return {
    init: () => ({
      step: np.array(0, { dtype: "int32" }),
      distance: np.array(0),
      beta: np.array(least),
    }),
    weight: (state) => np.where(active(state), nn.softplus(state.beta), 1),
    loss(state, error, divergence) {
      const c = np.subtract(target, error);
      const seen = c.add(stopGradient(state.distance.sub(c)));
      const constrained = divergence.sub(stopGradient(nn.softplus(state.beta)).mul(seen));
      return np.where(active(state), constrained, error.add(divergence));
    },
    update(state, given) {
      const { step, distance, beta } = state;
      const c = stopGradient(np.subtract(target, given));
      const isFirst = step.equal(warmup);
      const next = np.where(isFirst, c, distance.mul(decay).add(c.mul(1 - decay)));
      const faster = np.where(next.greater(0), below, 1);
      const moved = np.maximum(least, beta.sub(next.mul(faster).mul(rate)));
      const on = active(state);
      return {
        step: step.add(1),
        distance: np.where(on, next, distance),
        beta: np.where(np.logicalAnd(on, np.logicalNot(isFirst)), moved, beta),
      };
    },
  };
}

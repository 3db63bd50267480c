/**
 * What the runner knows of a model: parameters from a key, a loss, and a look at what it sees. `systemOf`
 * makes one from a config; the runner, the scores and the pictures do not know which.
 */
import type { Tensor } from "../../core/tensor.ts";
import type { ExperimentConfig } from "../config/config.ts";
import { discovery } from "./discovery.ts";
import { properties } from "./properties.ts";

/** A batch on the device. */
export type Inputs = {
  /** `[batch, height, width, 3]` in [-1, 1]. */
  readonly image: Tensor;
  /** `[batch, slots, 19]`, for property prediction. */
  readonly targets: Tensor | null;
};

/** Parameters: a tree of tensors. */
export type Params = { readonly [name: string]: unknown };

/** What there is to see of a batch; what a system does not have is null. */
export type Look = {
  /** `[batch, height, width, 3]` in [-1, 1]. */
  readonly reconstruction: Tensor | null;
  /** Each slot's picture, `[batch, slots, height, width, 3]`. */
  readonly components: Tensor | null;
  /** Whose pixel it is, summing to 1 over slots, `[batch, slots, height, width]`. */
  readonly masks: Tensor | null;
  /** Where slots look, summing to 1 over slots, `[batch, slots, rows, columns]`. */
  readonly attention: Tensor;
  /** Properties, `[batch, slots, 19]`. */
  readonly predictions: Tensor | null;
};

/** How the fixed point of a batch behaves. */
export type Dynamics = {
  /** Mean relative residual ‖f(z) − z‖ / ‖f(z)‖ before each step, `[steps]`. */
  readonly residuals: Tensor;
  /** Mean spectral norm σmax of ∂f/∂z at the slots. */
  readonly spectralNorm: Tensor;
};

/** A model and its loss. */
// Methods, not function-typed properties: a system of any parameters is a System.
export interface System<P extends Params = Params> {
  init(key: Tensor): P;
  /** The loss and other scalars of a batch; the key is for the slots' random beginning. */
  loss(
    params: P,
    inputs: Inputs,
    key: Tensor,
  ): readonly [loss: Tensor, measures: { readonly [name: string]: Tensor }];
  /** What it makes of a batch. */
  look(params: P, inputs: Inputs, key: Tensor): Look;
  /** How its fixed point behaves over `steps` steps. */
  dynamics(params: P, inputs: Inputs, key: Tensor, steps: number): Dynamics;
}

/** The system of a config. */
export function systemOf(config: ExperimentConfig): System {
  return config.model.task === "discovery" ? discovery(config) : properties(config);
}

/** What both tasks share: slot attention from a config, and how its fixed point behaves. */
import {
  type Adjoint,
  anderson,
  broyden,
  type FixedPointSolver,
  forward,
  implicit,
  jacobianSpectralNorm,
  neumann,
  type nn,
  np,
  oneStep,
  phantom,
  relativeResidual,
  scan,
  type Tensor,
  unrolled,
} from "../../index.ts";
import type { SlotAttention, SlotAttentionParams } from "../../models/index.ts";
import type { ModelConfig } from "../config/config.ts";
import type { Dynamics } from "./system.ts";

/** The options of slot attention that a config gives. */
export function slotOptions(model: ModelConfig) {
  return {
    slots: model.slots,
    slotSize: model.slotSize,
    mlpHidden: model.mlpHidden,
    iterations: model.iterations,
    solver: solverOf(model),
    adjoint: adjointOf(model),
    encoder: {
      channels: model.encoder.channels,
      kernel: model.encoder.kernel,
      strides: model.encoder.strides,
      coordinates: model.coordinates,
    },
  };
}

function solverOf({ solver }: ModelConfig): FixedPointSolver {
  switch (solver) {
    case "forward":
      return forward();
    case "anderson":
      return anderson();
    case "broyden":
      return broyden();
  }
}

function adjointOf({ adjoint, adjointTerms: terms }: ModelConfig): Adjoint {
  switch (adjoint) {
    case "unrolled":
      return unrolled();
    case "oneStep":
      return oneStep();
    case "neumann":
      return neumann({ terms });
    case "phantom":
      return phantom({ terms, damping: 0.5 });
    case "implicit":
      return implicit();
  }
}

/** Attention `[batch, inputs, slots]` as maps `[batch, slots, rows, columns]`; inputs are square. */
export function attentionMaps(attention: Tensor): Tensor {
  const [batch, inputs, slots] = attention.shape as [number, number, number];
  const side = Math.round(Math.sqrt(inputs));
  return np.reshape(np.swapaxes(attention, 1, 2), [batch, slots, side, side]);
}

/** Residuals of plain iteration from new slots, and the spectral norm at `slots`. */
export function dynamicsOf(
  model: { readonly encoder: nn.Layer<unknown>; readonly slotAttention: SlotAttention },
  params: { readonly encoder: unknown; readonly slotAttention: SlotAttentionParams },
  image: Tensor,
  key: Tensor,
  { slots, steps }: { readonly slots: Tensor; readonly steps: number },
): Dynamics {
  const { encoder, slotAttention } = model;
  const own = params.slotAttention;
  const keys = slotAttention.project(own, encoder.apply(params.encoder, image));
  const step = (z: Tensor) => slotAttention.step(own, z, keys);
  const first = slotAttention.start(own, key, image.shape[0]!);
  const [, residuals] = scan(
    (z: Tensor) => [step(z), np.mean(relativeResidual(step, z, { batchAxis: 0 }))] as const,
    first,
    null,
    { length: steps },
  );
  const spectralNorm = np.mean(jacobianSpectralNorm(step, slots, { batchAxis: 0, key, steps: 12 }));
  return { residuals, spectralNorm };
}

/** Shared by the tasks with slot attention: config fields, options of the model, and diagnostics of its fixed point. */
import { Schema } from "effect";
import {
  jacobianSpectralNorm,
  type nn,
  np,
  relativeResidual,
  scan,
  type Tensor,
} from "../../index.ts";
import type {
  Keys,
  SlotAttention,
  SlotAttentionParams,
  SlotDecoderOptions,
} from "../../models/index.ts";
import { Count, defaultsTo, type ExperimentConfig, type TaskFields } from "../schema.ts";
import { type ImageConfig, imageSize } from "./images/config.ts";
import { adjointOf, inferenceFields, solverOf } from "./inference.ts";
import type { CurveSpec, ListSpec, Outputs } from "./task.ts";

/** The convolutions that look at an image. */
export const EncoderConfig = Schema.Struct({
  /** Channels of every convolution. */
  channels: Count,
  /** Size of the square kernels. */
  kernel: Count.pipe(defaultsTo(5)),
  /** One stride for each convolution. */
  strides: Schema.Array(Count),
});

/** The decoder, which makes pictures of slots, or numbers. */
export const DecoderConfig = Schema.Struct({
  /** `mlp` computes every pixel of every slot alone and is cheap, `broadcast` is the paper's. */
  kind: Schema.Literals(["mlp", "broadcast"]),
  /** Width of the hidden layers, or channels. */
  channels: Count,
  /** Hidden layers of the `mlp`. */
  layers: Count.pipe(defaultsTo(3)),
  /** The frame of positions in the `mlp` decoder: one for all slots, or one for each. */
  frame: Schema.Literals(["shared", "own"]).pipe(defaultsTo("shared")),
  /** Height and width of the patches that the `mlp` draws together; they divide the resolution. */
  patch: Count.pipe(defaultsTo(1)),
  /** Size of the square kernels of `broadcast`. */
  kernel: Count.pipe(defaultsTo(5)),
  /** One stride for each transposed convolution of `broadcast`; their product divides the resolution. */
  strides: Schema.Array(Count).pipe(defaultsTo([])),
});

/** Slot attention and what is around it. */
export const slotFields = {
  slots: Count,
  slotSize: Count,
  /** Hidden width of the slots' own MLP. */
  mlpHidden: Count,
  ...inferenceFields,
  /** Iterations where images are scored, drawn and exported; those of training unless given. More of them refine slots. */
  testIterations: Schema.optionalKey(Count),
  /** The initial slots: drawn from one learned Gaussian, or learned themselves, one vector for each slot. */
  start: Schema.Literals(["random", "learned"]).pipe(defaultsTo("random")),
  /** The gradient of first slots where the adjoint has none, see the option of `slotAttention`. */
  initGrad: Schema.Literals(["zero", "straightThrough", "throughLastStep"]).pipe(
    defaultsTo("zero"),
  ),
  /** From where to where encoder and decoder count places; the paper's are 0 to 1. */
  coordinates: Schema.Tuple([Schema.Finite, Schema.Finite]).pipe(defaultsTo([0, 1])),
  encoder: EncoderConfig,
  decoder: DecoderConfig,
};

const SlotConfig = Schema.Struct(slotFields);
/** The fields above, every default spelled out. */
export type SlotConfig = typeof SlotConfig.Type;

type Config = ExperimentConfig<TaskFields & SlotConfig, ImageConfig>;

/** The options of a decoder of pictures. */
export function decoderOptions(
  { kind, channels, layers, frame, patch, kernel, strides }: typeof DecoderConfig.Type,
  coordinates: nn.Coordinates,
): SlotDecoderOptions {
  return kind === "mlp"
    ? { kind: "pixel", channels, layers, frame, patch, coordinates }
    : { kind: "broadcast", channels, kernel, strides, coordinates };
}

/** Mistakes of a decoder that draws pictures of a size. */
export function decoderContradictions(
  { kind, patch, strides }: typeof DecoderConfig.Type,
  { size, resolution }: { readonly size: readonly number[]; readonly resolution: unknown },
): string[] {
  const found = JSON.stringify(resolution);
  const fits = (by: number) => size.every((n) => n % by === 0);
  if (kind === "mlp") {
    return fits(patch)
      ? []
      : [`model.decoder.patch: ${patch} does not divide data.resolution ${found}`];
  }
  if (strides.length === 0) {
    return ["model.decoder.strides: the broadcast decoder needs at least one"];
  }
  const grow = strides.reduce((product, n) => product * n, 1);
  return fits(grow)
    ? []
    : [`model.decoder.strides: their product ${grow} does not divide data.resolution ${found}`];
}

/** Mistakes that no single field shows. */
export function slotContradictions({ model, data }: Config): string[] {
  const shrink = model.encoder.strides.reduce((product, n) => product * n, 1);
  const least = Math.min(...imageSize(data));
  return least < shrink
    ? [`model.encoder.strides: ${least} pixels cannot shrink ${shrink} times`]
    : [];
}

/** The options of slot attention that a config gives. */
export function slotOptions(model: SlotConfig) {
  return {
    slots: model.slots,
    slotSize: model.slotSize,
    mlpHidden: model.mlpHidden,
    iterations: model.iterations,
    solver: solverOf(model),
    adjoint: adjointOf(model),
    start: model.start,
    initGrad: model.initGrad,
    encoder: {
      channels: model.encoder.channels,
      kernel: model.encoder.kernel,
      strides: model.encoder.strides,
      coordinates: model.coordinates,
    },
  };
}

/** A run in words, after what it does. */
export function describeSlots({ model, data }: Config): string {
  const kind = model.adjoint === "unrolled" ? "vanilla" : `implicit (${model.adjoint})`;
  return `with ${kind} slot attention: ${model.slots} slots of ${model.slotSize}, ${model.iterations} ` +
    `iterations of ${model.solver}, on ${data.source} at ${imageSize(data).join("×")}.`;
}

/** The label of a run in tables. */
export const slotLabel = ({ model }: Config): string =>
  `${model.adjoint}, ${model.iterations} iterations`;

/** Attention `[batch, inputs, slots]` as maps `[batch, slots, rows, columns]` of the places that the encoder gives. */
export function attentionMaps(attention: Tensor, { model, data }: Config): Tensor {
  const [batch, , slots] = attention.shape as [number, number, number];
  // Convolutions with padding "same" round up.
  const map = imageSize(data).map((n) =>
    model.encoder.strides.reduce((size, stride) => Math.ceil(size / stride), n)
  );
  return np.reshape(np.swapaxes(attention, 1, 2), [batch, slots, ...map]);
}

/** The number of iterations in residual curves, regardless of the number that the model takes. */
const residualSteps = 20;

/**
 * Mean relative residuals ‖f(z) − z‖ / ‖f(z)‖ before each step of plain iteration from new slots, and the mean spectral
 * norm σmax of ∂f/∂z at `slots`.
 */
export function slotDynamics(
  slotAttention: SlotAttention,
  own: SlotAttentionParams,
  keys: Keys,
  key: Tensor,
  slots: Tensor,
): Outputs {
  const step = (z: Tensor) => slotAttention.step(own, z, keys);
  const first = slotAttention.level.init(own, keys, key);
  const [, residuals] = scan(
    (z: Tensor) => [step(z), np.mean(relativeResidual(step, z, { batchAxis: 0 }))] as const,
    first,
    null,
    { length: residualSteps },
  );
  const spectralNorm = np.mean(jacobianSpectralNorm(step, slots, { batchAxis: 0, key, steps: 12 }));
  return { residuals, spectralNorm };
}

/** The same for a model that looks at images through an encoder. */
export function imageDynamics(
  model: { readonly encoder: nn.Layer<unknown>; readonly slotAttention: SlotAttention },
  params: { readonly encoder: unknown; readonly slotAttention: SlotAttentionParams },
  image: Tensor,
  key: Tensor,
  slots: Tensor,
): Outputs {
  const { encoder, slotAttention } = model;
  const keys = slotAttention.project(
    params.slotAttention,
    encoder.apply(params.encoder, image),
  );
  return slotDynamics(slotAttention, params.slotAttention, keys, key, slots);
}

/** The diagnostics above in reports. */
export const spectralNormCurve: CurveSpec = {
  title: "Jacobian norm σmax(∂f/∂z) at the slots",
  series: [{ key: "validation/spectralNorm", name: "spectral norm" }],
};
/** See above. */
export const residualList: ListSpec = {
  key: "residuals",
  title: "Residual ‖f(z) − z‖ / ‖f(z)‖ by iteration",
  x: "iteration",
  logarithmic: true,
};

/** Scores on held-out examples, looks for pictures, and the behaviour of the fixed point. */
import { Effect } from "effect";
import { mean } from "simple-statistics";
import { collate, type Dataset } from "../../data/index.ts";
import { dispose, jit, random, scope, type Tensor } from "../../index.ts";
import {
  argmaxMasks,
  averagePrecisions,
  foregroundAri,
  imageErrors,
  meanBestOverlap,
  meanIou,
  slotUsage,
} from "../../metrics/index.ts";
import type { ExperimentConfig } from "../config/config.ts";
import type { Example } from "../tasks/images/examples.ts";
import { place, readTree } from "./device.ts";
import { modelError } from "../errors.ts";
import type { HostLook } from "../tasks/images/panels.ts";
import { formatFixed } from "../report/progress.ts";
import type { Dynamics, Inputs, Look, Params, System } from "../tasks/system.ts";

/** Numbers by name. */
export type Scores = { readonly [name: string]: number };

/** How a fixed point behaves, on the host. */
export interface HostDynamics {
  readonly residuals: readonly number[];
  readonly spectralNorm: number;
}

/** Compiled looks at a system. */
export interface Evaluator {
  /** The scores over all examples. */
  readonly score: (params: Params) => Effect.Effect<Scores, ReturnType<typeof failed>>;
  /** A look at the first examples. */
  readonly look: (params: Params) => Effect.Effect<HostLook, ReturnType<typeof failed>>;
  /** The fixed point of the first examples. */
  readonly dynamics: (params: Params) => Effect.Effect<HostDynamics, ReturnType<typeof failed>>;
}

const failed = modelError("The evaluation failed.");

/** How many iterations residual curves show, however many the model takes. */
export const residualSteps = 20;

/** Scores and looks for the held-out examples of a config. Always with the same random slots. */
export function makeEvaluator(
  system: System,
  config: ExperimentConfig,
  heldOut: Dataset<Example>,
): Evaluator {
  const look = jit((params: Params, inputs: Inputs, key: Tensor) =>
    system.look(params, inputs, key)
  );
  const dynamics = jit((params: Params, inputs: Inputs, key: Tensor) =>
    system.dynamics(params, inputs, key, residualSteps)
  );
  // One size for all batches, so that one program serves them; what is short of it is filled up.
  const size = Math.min(32, heldOut.size);
  const shown = Math.min(config.log.panelImages, heldOut.size);

  const load = async (start: number, count: number) => {
    const indices = Array.from({ length: count }, (_, i) => Math.min(start + i, heldOut.size - 1));
    const samples = await Promise.all(indices.map((i) => heldOut.get(i)));
    return { samples, inputs: placeBatch(collate(samples)) };
  };
  const run = async <R>(
    f: (params: Params, inputs: Inputs, key: Tensor) => R,
    params: Params,
    inputs: Inputs,
    start: number,
  ) => {
    const key = scope(() => random.foldIn(random.key(1), start));
    const result = f(params, inputs, key);
    const host = await readTree(result);
    dispose([result, inputs, key]);
    return host;
  };
  const scoreAll = async (params: Params): Promise<Scores> => {
    const parts: Scores[] = [];
    const sets = { predictions: [] as number[], targets: [] as number[] };
    for (let start = 0; start < heldOut.size; start += size) {
      const { samples, inputs } = await load(start, size);
      const host = await run<Look>(look, params, inputs, start);
      const count = Math.min(size, heldOut.size - start);
      for (let n = 0; n < count; n++) {
        const example = samples[n]!;
        const part = <T extends string>(name: T) => rowOf(host[name], n);
        const predictions = part("predictions");
        if (predictions !== undefined && example.targets !== null) {
          sets.predictions.push(...predictions);
          sets.targets.push(...example.targets.data);
        }
        parts.push(scoreOne(example, part("reconstruction"), part("masks"), config.model.slots));
      }
    }
    return { ...means(parts), ...precision(sets, config.model.slots) };
  };
  const lookAt = async (params: Params): Promise<HostLook> => {
    const { samples, inputs } = await load(0, shown);
    const host = await run<Look>(look, params, inputs, 0);
    const { resolution } = config.data;
    const [, , rows = 1, columns = 1] = host["attention"]!.shape;
    const labels = samples.map((sample) => sample.labels);
    return {
      images: shown,
      slots: config.model.slots,
      height: resolution,
      width: resolution,
      image: samples.flatMap(({ image }) => [...image.data]),
      reconstruction: host["reconstruction"]?.data ?? null,
      components: host["components"]?.data ?? null,
      masks: host["masks"]?.data ?? null,
      attention: { rows, columns, data: host["attention"]!.data },
      labels: labels.includes(null) ? null : labels.flatMap((map) => [...map!.data]),
    };
  };
  const behave = async (params: Params): Promise<HostDynamics> => {
    const { inputs } = await load(0, shown);
    const host = await run<Dynamics>(dynamics, params, inputs, 0);
    return {
      residuals: [...host["residuals"]!.data],
      spectralNorm: host["spectralNorm"]!.data[0]!,
    };
  };
  const effect = <R>(f: (params: Params) => Promise<R>) => (params: Params) =>
    Effect.tryPromise({ try: () => f(params), catch: failed });
  return { score: effect(scoreAll), look: effect(lookAt), dynamics: effect(behave) };
}

/** A batch of examples on the device. */
export function placeBatch(
  { image, targets }: {
    readonly image: Example["image"];
    readonly targets: Example["targets"] | readonly null[];
  },
): Inputs {
  return {
    image: place(image.data, image.shape, "float32"),
    targets: targets !== null && "data" in targets
      ? place(targets.data, targets.shape, "float32")
      : null,
  };
}

/** Entry n along the first axis. */
function rowOf(
  tensor: { readonly data: ArrayLike<number>; readonly shape: readonly number[] } | undefined,
  n: number,
): Float64Array | undefined {
  if (tensor === undefined) return undefined;
  const size = tensor.data.length / tensor.shape[0]!;
  return Float64Array.from({ length: size }, (_, i) => tensor.data[n * size + i]!);
}

/** What can be said of one image; the mean over images is the score. */
function scoreOne(
  { image, labels }: Example,
  reconstruction: ArrayLike<number> | undefined,
  masks: ArrayLike<number> | undefined,
  slots: number,
): Scores {
  const errors = reconstruction === undefined
    ? {}
    : pick(imageErrors(image.data, reconstruction, { range: [-1, 1] }));
  if (masks === undefined) return errors;
  const usage = slotUsage(masks, slots);
  const used = { activeSlots: usage.active, effectiveSlots: usage.effective };
  if (labels === null) return { ...errors, ...used };
  const segments = argmaxMasks(masks, slots);
  // Without any object there is no overlap to speak of.
  const overlaps = labels.data.every((label) => label === 0) ? {} : {
    meanIou: meanIou(labels.data, segments),
    meanBestOverlap: meanBestOverlap(labels.data, segments),
  };
  return { fgAri: foregroundAri(labels.data, segments), ...overlaps, ...errors, ...used };
}

/** Errors in both scalings of the paper. */
function pick({ meanSquaredError, sumSquaredError, psnr }: ReturnType<typeof imageErrors>): Scores {
  return { mse: meanSquaredError, mseSum: sumSquaredError, psnr };
}

function means(parts: readonly Scores[]): Scores {
  const names = new Set(parts.flatMap(Object.keys));
  return Object.fromEntries(
    // The mean is over the images that have a score (that hold an object); one NaN makes it NaN.
    [...names].map((name) => [name, mean(parts.flatMap((part) => part[name] ?? []))]),
  );
}

function precision(
  { predictions, targets }: { readonly predictions: number[]; readonly targets: number[] },
  slots: number,
): Scores {
  if (targets.length === 0) return {};
  const names = ["ap", "ap1", "ap0.5", "ap0.25", "ap0.125"];
  const values = averagePrecisions(predictions, targets, { slots });
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

/** Scores as people know them: key, name, digits. */
export const scoreNames: readonly (readonly [key: string, name: string, digits: number])[] = [
  ["fgAri", "FG-ARI", 3],
  ["ap", "AP, any distance", 3],
  ["ap0.5", "AP at 0.5", 3],
  ["meanIou", "mIoU", 3],
  ["meanBestOverlap", "mBO", 3],
  ["mse", "MSE", 5],
  ["psnr", "PSNR", 1],
  ["activeSlots", "active slots", 2],
];

/** Scores in a line. */
export function formatScores(scores: Scores): string {
  return scoreNames.flatMap(([key, name, digits]) => {
    const value = scores[key];
    return value === undefined ? [] : [`${name} ${formatFixed(value, digits)}`];
  }).join("  ");
}

/** The score by which runs are compared, and in words; higher is better. */
export function mainScore(scores: Scores): { readonly value: number; readonly text: string } {
  const key = ["fgAri", "ap0.5"].find((key) => scores[key] !== undefined) ?? "psnr";
  const value = scores[key];
  return value === undefined
    ? { value: NaN, text: "" }
    : { value, text: formatScores({ [key]: value }) };
}

/**
 * From a config to examples: images in [-1, 1] of one size, with label maps or properties where the source
 * has them, split into those to train on and those held out. Datasets close with the scope that opened them.
 */
import { Effect, type Scope } from "effect";
import {
  clevrProperties,
  type ClevrSceneObject,
  type Dataset,
  map,
  type NdArray,
  prepareGeometry,
  type Sample,
  type Schema,
  select,
  split,
  toFloat,
  withChannels,
} from "../../../data/index.ts";
import { type ExperimentConfig, isGenerated } from "../../config/config.ts";
import { ConfigError, type DatasetError, datasetError } from "../../errors.ts";
import { type Display, formatDuration } from "../../report/progress.ts";
import { labelsOf, type OnScenes, openSource } from "./sources.ts";

/** What a model learns from. */
export type Example = {
  /** `[resolution, resolution, 3]`, black −1, white 1. */
  readonly image: NdArray<Float32Array>;
  /** Whose pixel it is, `[resolution, resolution]`: 0 for the background; null where nobody knows. */
  readonly labels: NdArray<Uint8Array> | null;
  /** Properties of all objects, `[slots, 19]`, see `clevrProperties`; null unless asked for. */
  readonly targets: NdArray<Float32Array> | null;
};

/** Examples to train on, and others. */
export interface Examples {
  readonly train: Dataset<Example>;
  readonly heldOut: Dataset<Example>;
  /** The fields of the source: with `masks` or `mask`, segmentations can be scored. */
  readonly schema: Schema;
}

/** Shows how far the scenes are; nothing when they are there already. */
export function tellScenes(display: Display): OnScenes {
  let first: { readonly done: number; readonly time: number } | undefined;
  return (done, size) => {
    const now = performance.now();
    first ??= { done, time: now };
    const pace = (now - first.time) / 1000 / (done - first.done);
    display.update({
      what: "preparing scene",
      step: done,
      steps: size,
      facts: Number.isFinite(pace) ? [`${formatDuration(pace * (size - done))} left`] : [],
    });
  };
}

/** Opens the examples of a config. */
export const openExamples = (
  config: ExperimentConfig,
  onProgress: OnScenes = () => {},
): Effect.Effect<Examples, ConfigError | DatasetError, Scope.Scope> =>
  Effect.gen(function* () {
    const { data, model, batchSize } = config;
    // Not acquireRelease, which cannot be interrupted: scenes may take hours to make.
    const all = yield* Effect.tryPromise({
      try: () => openSource(data, onProgress),
      catch: datasetError(
        isGenerated(data.source)
          ? `The ${data.source} scenes cannot be made.`
          : `The data "${data.path}" cannot be read as ${data.source}.`,
      ),
    });
    yield* Effect.addFinalizer(() => Effect.promise(() => all.close()));
    const wanted = Math.min(all.size, data.scenes);
    const some = wanted === all.size
      ? all
      : select(all, Array.from({ length: wanted }, (_, i) => i));
    const heldOut = Math.min(data.evaluate, Math.max(1, Math.round(0.15 * wanted)));
    const problems = [
      ...(wanted - heldOut < batchSize
        ? [
          `batchSize: ${batchSize} is more than the ${
            Math.max(0, wanted - heldOut)
          } images to train on ` +
          `(of ${wanted}, ${heldOut} are held out)`,
        ]
        : []),
      ...(model.task === "properties" && !("objects" in all.schema)
        ? [`data.path: "${data.path}" has no scenes to predict properties from`]
        : []),
    ];
    if (problems.length > 0) {
      return yield* new ConfigError({
        what: `The config does not fit the data:`,
        problems,
        cure: "Change the config, or give other data.",
      });
    }
    const parts = split(some, {
      seed: data.seed,
      fractions: [1 - heldOut / wanted, 0, heldOut / wanted],
    });
    return {
      train: examples(parts.train, config),
      heldOut: examples(parts.test, config),
      schema: all.schema,
    };
  });

function examples(
  source: Dataset<Sample>,
  { model, data }: ExperimentConfig,
): Dataset<Example> {
  const size = [data.resolution, data.resolution] as const;
  const convert = (sample: Sample): Example => {
    const picture = prepareGeometry(sample["image"] as NdArray<Uint8Array>, { size }, "bilinear"); // all have it
    const labels = labelsOf(sample, data);
    return {
      image: toFloat(withChannels(picture, 3), [-1, 1]),
      labels: labels === null ? null : atSize(labels, size),
      targets: model.task === "properties"
        ? clevrProperties(sample["objects"] as unknown as readonly ClevrSceneObject[], model.slots)
        : null,
    };
  };
  return map(source, convert, {
    image: { shape: [...size, 3], dtype: "float32" },
    labels: { shape: size, dtype: "uint8" },
    targets: { shape: [model.slots, 19], dtype: "float32" },
  });
}

function atSize(
  { data, shape }: NdArray<Uint8Array>,
  size: readonly [number, number],
): NdArray<Uint8Array> {
  const picture = { data, shape: [...shape, 1] };
  return { data: prepareGeometry(picture, { size }, "nearest").data, shape: size };
}

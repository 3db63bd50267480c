/**
 * From a config to examples: images in [-1, 1] of one size, with label maps or properties where the source
 * has them, split into those to train on and those held out. Datasets close with the scope that opened them.
 */
import { isAbsolute, join } from "node:path";
import { Effect, type Scope } from "effect";
import {
  clevrCrop,
  clevrProperties,
  type ClevrSceneObject,
  type Dataset,
  map,
  masksToLabels,
  type NdArray,
  openClevr,
  openClevrWithMasks,
  openFolder,
  openMultiDsprites,
  openObjectsRoom,
  openScenes,
  openTetrominoes,
  type Prepare,
  prepareGeometry,
  type Sample,
  type SceneSpec,
  select,
  split,
  toFloat,
} from "../data/index.ts";
import { type DataConfig, type ExperimentConfig, isGenerated } from "./config.ts";
import { type DatasetError, datasetError } from "./errors.ts";
import type { Display } from "./progress.ts";

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
  /** Whether pixels are labelled, so that segmentations can be scored. */
  readonly labelled: boolean;
}

/** Where generated scenes and converted files are kept. */
export const cacheFolder = join(".cache", "data");

/** Told while scenes are made. */
export type OnScenes = (done: number, size: number) => void;

/** Says how far the scenes are, every two seconds; nothing when they are there already. */
export function tellScenes(display: Display): OnScenes {
  let last = performance.now();
  return (done, size) => {
    if (performance.now() - last < 2000) return;
    last = performance.now();
    display.line(`making scenes: ${done} of ${size}`);
  };
}

/** Opens the examples of a config. */
export const openExamples = (
  config: ExperimentConfig,
  onProgress: OnScenes = () => {},
): Effect.Effect<Examples, DatasetError, Scope.Scope> =>
  Effect.gen(function* () {
    const { data } = config;
    const all = yield* openSource(data, onProgress);
    const wanted = Math.min(all.size, data.scenes);
    const some = wanted === all.size
      ? all
      : select(all, Array.from({ length: wanted }, (_, i) => i));
    const heldOut = Math.min(data.evaluate, Math.max(1, Math.round(0.15 * wanted)));
    const parts = yield* Effect.try({
      try: () =>
        split(some, {
          seed: data.seed,
          fractions: [1 - heldOut / wanted, 0, heldOut / wanted],
        }),
      catch: datasetError("The data cannot be split."),
    });
    const labelled = "masks" in all.schema || "mask" in all.schema;
    return {
      train: examples(parts.train, config),
      heldOut: examples(parts.test, config),
      labelled,
    };
  });

/** The path of a config, below TRILEVEL_DATA where that is set. */
export function dataPath(path: string): string {
  const root = process.env["TRILEVEL_DATA"];
  return root === undefined || isAbsolute(path) ? path : join(root, path);
}

/** Opens what `data` names, as it comes. */
export const openSource = (data: DataConfig, onProgress: OnScenes = () => {}) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => open(data, onProgress),
      catch: datasetError(
        isGenerated(data.source)
          ? `The ${data.source} scenes cannot be made.`
          : `The data "${data.path}" cannot be read as ${data.source}.`,
      ),
    }),
    (dataset) => Effect.promise(() => dataset.close()),
  );

function open(data: DataConfig, onProgress: OnScenes): Promise<Dataset<Sample>> {
  const { source, resolution, scenes, seed } = data;
  const path = dataPath(data.path ?? "");
  const size = [resolution, resolution] as const;
  const prepare: Prepare = { size, crop: boxOf(data) };
  const masked = { ...prepare, limit: scenes, cache: cacheFolder };
  switch (source) {
    case "sprites":
    case "tetrominoes":
    case "clevr":
      return openScenes(sceneSpec(data), {
        size: scenes,
        seed,
        directory: cacheFolder,
        onProgress,
      });
    case "clevr-files":
      return openClevr(path, prepare);
    case "clevr-with-masks":
      return openClevrWithMasks(path, { ...masked, maxObjects: data.objects[1] });
    case "tetrominoes-file":
      return openTetrominoes(path, masked);
    case "multi-dsprites":
      return openMultiDsprites(path, masked);
    case "objects-room":
      return openObjectsRoom(path, masked);
    case "folder":
      return openFolder(path, { ...prepare, crop: prepare.crop ?? "square" });
  }
}

function boxOf({ crop }: DataConfig): Prepare["crop"] {
  return crop === "clevr" ? clevrCrop : crop === "square" ? "square" : undefined;
}

/** What a generator is asked for. */
function sceneSpec(
  { source, resolution, objects, crop, mirror, distinctColors }: DataConfig,
): SceneSpec {
  switch (source) {
    case "tetrominoes":
      return { kind: "tetrominoes" };
    case "clevr":
      return {
        kind: "clevr",
        height: resolution,
        width: resolution,
        count: objects,
        mirror,
        ...(crop === "clevr" ? { crop: clevrCrop } : {}),
      };
    default:
      return { kind: "sprites", size: resolution, count: objects, distinctColors };
  }
}

function examples(
  source: Dataset<Sample>,
  { model, data }: ExperimentConfig,
): Dataset<Example> {
  const size = [data.resolution, data.resolution] as const;
  const convert = (sample: Sample): Example => {
    const { image, masks, mask, objects } = sample;
    const picture = prepareGeometry(image as NdArray<Uint8Array>, { size }, "bilinear"); // all sources have it
    return {
      image: toFloat(picture, [-1, 1]),
      labels: labelsOf(masks as NdArray<Uint8Array> | undefined, mask as NdArray | undefined, size),
      targets: model.task === "properties"
        ? clevrProperties(objects as unknown as readonly ClevrSceneObject[], model.slots)
        : null,
    };
  };
  return map(source, convert, {
    image: { shape: [...size, 3], dtype: "float32" },
    labels: { shape: size, dtype: "uint8" },
    targets: { shape: [model.slots, 19], dtype: "float32" },
  });
}

/** The label map of a sample that has one, or masks of entities, at the size of the image. */
function labelsOf(
  map: NdArray<Uint8Array> | undefined,
  entities: NdArray | undefined,
  size: readonly [number, number],
): NdArray<Uint8Array> | null {
  const labels = map ?? (entities === undefined ? undefined : masksToLabels(entities));
  if (labels === undefined) return null;
  const picture = { data: labels.data, shape: [...labels.shape, 1] };
  return { data: prepareGeometry(picture, { size }, "nearest").data, shape: size };
}

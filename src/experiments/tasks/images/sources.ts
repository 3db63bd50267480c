/**
 * Opens the images that `data.source` of a config names. Generators make scenes; readers of files give their images at
 * the size of the config. Files that take long to read are converted once, into `.cache/data`.
 */
import { join } from "node:path";
import {
  cached,
  clevrCrop,
  type Dataset,
  fileStamp,
  map,
  masksToLabels,
  type NdArray,
  openScenes,
  permutation,
  type Prepare,
  type Sample,
  type SceneSpec,
  type Schema,
  select,
  withChannels,
} from "../../../data/index.ts";
import { dataPath } from "../../dataPath.ts";
import type { BrokenFile, OnProgress } from "../task.ts";
import { cachedWithoutBroken } from "./broken.ts";
import { type ImageConfig, imageSize } from "./config.ts";
import { folderOf, type Part, readerOf } from "./readers.ts";

/** The folder that keeps generated scenes and converted files. */
export const cacheFolder = join(".cache", "data");

/**
 * Opens what `data` names, or a published part of it. Samples have `image`, uint8 `[height, width, 3]`; where the source
 * knows them, `masks` (a label map) or `mask` (one for every entity), `objects`, and `group`, the name of the scene, the
 * video or the folder.
 */
export function openSource(
  data: ImageConfig,
  onProgress: OnProgress,
  onBroken: (files: readonly BrokenFile[]) => void = () => {},
  part?: Part,
): Promise<Dataset<Sample>> {
  const path = dataPath(data.path ?? "");
  const { scenes: limit, maxObjects } = data;
  const reader = readerOf(data.source);
  if (reader === undefined) {
    const place = { size: limit, seed: data.seed, directory: cacheFolder, onProgress };
    return openScenes(sceneSpec(data), place);
  }
  const prepare: Prepare = { size: imageSize(data), crop: boxOf(data) };
  if (reader.cachesItself) {
    return reader.open(path, {
      ...prepare,
      maxObjects,
      limit,
      cache: cacheFolder,
      onProgress: (done) => onProgress(done, limit),
    });
  }
  const open = () => reader.open(path, prepare, { maxObjects, part, splitName: data.splitName });
  return converted(open, { data, path, prepare, part, onProgress, onBroken });
}

/** The values that a conversion depends on. */
interface Conversion {
  readonly data: ImageConfig;
  readonly path: string;
  readonly prepare: Prepare;
  readonly part: Part | undefined;
  readonly onProgress: OnProgress;
  readonly onBroken: (files: readonly BrokenFile[]) => void;
}

/**
 * The pictures of a dataset that the config takes, through the conversion cache. They are drawn by seed, because the
 * files of some datasets list their pictures in the order of their factors; a split in order takes the first ones.
 */
async function converted(
  open: () => Promise<Dataset<Sample>>,
  { data, path, prepare, part, onProgress, onBroken }: Conversion,
): Promise<Dataset<Sample>> {
  const { source, scenes, seed, maxObjects = null, split, splitName = null, together } = data;
  let size = scenes;
  const openChosen = async () => {
    const all = await open();
    size = Math.min(all.size, scenes);
    const chosen = split === "inOrder"
      ? Array.from({ length: size }, (_, i) => i)
      : permutation(all.size, seed).subarray(0, size).sort();
    return select(all, chosen);
  };
  const schemaOf = (first: Sample): Schema => {
    const { masks, mask, objects } = first;
    const [height, width] = prepare.size!; // openSource gives it
    return {
      image: { shape: [height, width, 3], dtype: "uint8" },
      ...(masks ?? mask) === undefined ? {} : { masks: { shape: [height, width], dtype: "uint8" } },
      ...(objects ?? null) === null ? {} : { objects: { shape: [], dtype: "json" } },
      ...groupOf(first, data) === null ? {} : { group: { shape: [], dtype: "json" } },
    };
  };
  const place = {
    directory: cacheFolder,
    key: [
      [source, await fileStamp(path), prepare, scenes, seed, maxObjects],
      [split === "inOrder", part ?? null, splitName, together],
    ],
    onProgress: (done: number) => onProgress(done, size),
  };
  if (data.onBroken === "stop") {
    return await cached(async () => {
      const chosen = await openChosen();
      if (size === 0) return chosen;
      return map(chosen, (sample) => reduced(sample, data), schemaOf(await chosen.get(0)));
    }, place);
  }
  const { data: readable, broken } = await cachedWithoutBroken(async () => ({
    source: await openChosen(),
    convert: (sample) => reduced(sample, data),
    schema: schemaOf,
  }), place);
  onBroken(broken);
  return readable;
}

/** The part of a sample that is kept. */
function reduced(sample: Sample, data: ImageConfig): Sample {
  const labels = labelsOf(sample, data);
  const { image, objects = null } = sample;
  const group = groupOf(sample, data);
  return {
    image: withChannels(image as NdArray<Uint8Array>, 3), // all sources have it
    ...(labels === null ? {} : { masks: labels }),
    ...(objects === null ? {} : { objects }),
    ...(group === null ? {} : { group }),
  };
}

/** The scene, the video or the folder that a sample shares with others; null where it is alone. */
function groupOf(sample: Sample, { source, together }: ImageConfig): string | number | null {
  if (together === "nothing") return null;
  if (together === "folder" && source === "folder") return folderOf(sample);
  return readerOf(source)?.groupOf?.(sample) ?? null;
}

/** The label map of a sample that has one, or masks of entities; null where the source knows neither. */
export function labelsOf(
  { masks, mask }: Sample,
  { source }: ImageConfig,
): NdArray<Uint8Array> | null {
  if (masks !== undefined) return masks as NdArray<Uint8Array>; // this name is a label map's, by convention
  if (mask === undefined) return null;
  return masksToLabels(mask as NdArray, { backgrounds: readerOf(source)?.backgrounds ?? 1 });
}

function boxOf({ crop }: ImageConfig): Prepare["crop"] {
  return crop === "none" ? undefined : crop;
}

/** The scenes that a config asks a generator for. */
function sceneSpec(data: ImageConfig): SceneSpec {
  const { source, objects, crop, mirror } = data;
  const [height, width] = imageSize(data);
  switch (source) {
    case "tetrominoes":
      return { kind: "tetrominoes" };
    case "clevr":
      return {
        kind: "clevr",
        height,
        width,
        count: objects,
        mirror,
        ...(crop === "clevr" ? { crop: clevrCrop } : {}),
      };
    case "rooms":
      return { kind: "rooms", size: height }; // and width: others are refused
    case "towers":
      return { kind: "towers", size: height, count: objects };
    default:
      return {
        kind: "sprites",
        size: height,
        count: objects,
        distinctColors: data.distinctColors,
        ...(data.colors === undefined ? {} : { colors: data.colors }),
        minVisibility: data.minVisibility,
        ...(data.background === "random" ? { background: data.background } : {}),
        radius: data.radius,
        ...(data.upright ? { upright: true } : {}),
        ...(data.grid > 0 ? { grid: data.grid } : {}),
      };
  }
}

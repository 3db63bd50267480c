/**
 * Where images come from: `data.source` of a config, opened. Generators make scenes; readers of files give
 * theirs at the size of the config. Whatever takes long to read is converted once, into `.cache/data`.
 */
import { readdir } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import process from "node:process";
import {
  cached,
  clevrCrop,
  type Dataset,
  fileStamp,
  map,
  masksToLabels,
  MissingFileError,
  type NdArray,
  nemFrames,
  openClevr,
  openClevrWithMasks,
  openCoco,
  openDsprites,
  openFolder,
  openMultiDsprites,
  openNem,
  openObjectsRoom,
  openScenes,
  openShapes3d,
  openShapeStacks,
  openTetrominoes,
  permutation,
  type Prepare,
  type Sample,
  type SceneSpec,
  type Schema,
  select,
  withChannels,
} from "../../../data/index.ts";
import type { BrokenFile, OnProgress } from "../task.ts";
import { cachedWithoutBroken } from "./broken.ts";
import { type ImageConfig, imageSize } from "./config.ts";

/** Where generated scenes and converted files are kept. */
export const cacheFolder = join(".cache", "data");

/** The path of a config, below TRILEVEL_DATA where that is set. */
export function dataPath(path: string): string {
  const root = process.env["TRILEVEL_DATA"];
  return root === undefined || isAbsolute(path) ? path : join(root, path);
}

/** A part of a dataset, as it was published. */
export type Part = "train" | "validation" | "test";

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
  const prepare: Prepare = { size: imageSize(data), crop: boxOf(data) };
  // These convert themselves: what is gzipped as a whole cannot be read in another way.
  const multiObject = {
    ...prepare,
    maxObjects,
    limit,
    cache: cacheFolder,
    onProgress: (done: number) => onProgress(done, limit),
  };
  const convert = (open: () => Promise<Dataset<Sample>>) =>
    converted(open, { data, path, prepare, part, onProgress, onBroken });
  switch (data.source) {
    case "sprites":
    case "tetrominoes":
    case "clevr":
      return openScenes(sceneSpec(data), {
        size: limit,
        seed: data.seed,
        directory: cacheFolder,
        onProgress,
      });
    case "clevr-with-masks":
      return openClevrWithMasks(path, multiObject);
    case "tetrominoes-file":
      return openTetrominoes(path, multiObject);
    case "multi-dsprites":
      return openMultiDsprites(path, multiObject);
    case "objects-room":
      return openObjectsRoom(path, multiObject);
    case "clevr-files":
      return convert(() =>
        openClevr(path, {
          ...prepare,
          maxObjects,
          ...(part === undefined ? {} : { split: part === "validation" ? "val" : part }),
        })
      );
    case "shapestacks":
      return convert(async () =>
        openShapeStacks(path, {
          ...prepare,
          ...(part === undefined ? {} : {
            split: {
              name: data.splitName ?? await onlyList(path),
              part: part === "validation" ? "eval" : part,
            },
          }),
        })
      );
    case "coco":
      return convert(async () => {
        const coco = await openCoco(path, {
          ...prepare,
          ...(part === undefined ? {} : { split: part }),
        });
        return coco.annotated ? coco : unlabelled(coco);
      });
    case "3dshapes":
      return convert(() => openShapes3d(path, prepare));
    case "dsprites":
      return convert(() => openDsprites(path, prepare));
    case "nem":
      return convert(async () => {
        const sequences = part === undefined
          ? {}
          : { split: part === "train" ? "training" : part } as const;
        return nemFrames(await openNem(path, sequences), prepare);
      });
    case "folder":
      return convert(async () =>
        openFolder(part === undefined ? path : await partFolder(path, part), {
          ...prepare,
          crop: prepare.crop ?? "square",
        })
      );
  }
}

/** The name of the lists of ShapeStacks where there are no others. */
async function onlyList(path: string): Promise<string> {
  const folder = join(path, "splits");
  const names = await readdir(folder).catch((): string[] => []);
  const [only] = names;
  if (names.length === 1 && only !== undefined) return only;
  throw new MissingFileError(
    names.length === 0 ? "there is no folder splits/ here" : `splits/ has ${names.length} lists`,
    {
      path: folder,
      hint: names.length === 0
        ? "Download the splits of ShapeStacks, or set data.split=random"
        : `Name one of them: data.splitName is ${names.join(", ")}`,
    },
  );
}

/** The folder of a part, as people name them. */
async function partFolder(path: string, part: Part): Promise<string> {
  const wanted = { train: ["train"], validation: ["validation", "val"], test: ["test"] }[part];
  const names = await readdir(path).catch((): string[] => []);
  const found = wanted.find((name) => names.includes(name));
  if (found !== undefined) return join(path, found);
  throw new MissingFileError(`there is no folder ${wanted.join("/ or ")}/ here`, {
    path,
    hint: "Folders of parts are called train, validation and test; data.split=random needs none",
  });
}

/** Images alone, where empty masks would pass for images without objects. */
function unlabelled(coco: Dataset<Sample>): Dataset<Sample> {
  const { mask: _, ...schema } = coco.schema;
  return map<Sample, Sample>(coco, ({ mask: _, ...sample }) => sample, schema);
}

/** What a conversion depends on. */
interface Conversion {
  readonly data: ImageConfig;
  readonly path: string;
  readonly prepare: Prepare;
  readonly part: Part | undefined;
  readonly onProgress: OnProgress;
  readonly onBroken: (files: readonly BrokenFile[]) => void;
}

/**
 * As many pictures of a dataset as the config takes, through the conversion cache. They are drawn by seed, for
 * the files of some datasets go through their factors in order; those of a split in order are the first ones.
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

/** What is kept of a sample. */
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

/** What a sample shows together with others: its scene, its video, or its folder; null where it is alone. */
function groupOf(
  { environment, sequence, name }: Sample,
  { source, together }: ImageConfig,
): string | number | null {
  if (together === "nothing") return null;
  switch (source) {
    case "shapestacks":
      return environment as string; // one scene, which several cameras see
    case "nem":
      return sequence as number; // frames of one video
    case "folder":
      return together === "folder" ? dirname(name as string) : null;
    default:
      return null;
  }
}

/** The label map of a sample that has one, or masks of entities; null where nobody knows. */
export function labelsOf(
  { masks, mask }: Sample,
  { source }: ImageConfig,
): NdArray<Uint8Array> | null {
  if (masks !== undefined) return masks as NdArray<Uint8Array>; // this name is a label map's, by convention
  if (mask === undefined) return null;
  const backgrounds = source === "objects-room" ? 4 : source === "coco" ? 0 : 1;
  return masksToLabels(mask as NdArray, { backgrounds });
}

function boxOf({ crop }: ImageConfig): Prepare["crop"] {
  return crop === "none" ? undefined : crop;
}

/** What a generator is asked for. */
function sceneSpec(
  data: ImageConfig,
): SceneSpec {
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
    default:
      return {
        kind: "sprites",
        size: height, // and width: others are refused
        count: objects,
        distinctColors: data.distinctColors,
        minVisibility: data.minVisibility,
        ...(data.background === "random" ? { background: data.background } : {}),
        radius: data.radius,
        ...(data.upright ? { upright: true } : {}),
        ...(data.grid > 0 ? { grid: data.grid } : {}),
      };
  }
}

/**
 * ShapeStacks: towers of blocks, each recorded by several cameras, with segmentations.
 *
 * `recordings/<environment>/rgb-…-cam_N-mono-M.png` has a segmentation of the same camera as `.map` (the
 * label, times 32) or as rendered colours, `vseg-…` by stability or `iseg-…` by block. Rendered colours
 * have three tenths of full brightness and soft edges: each pixel takes the label of the nearest colour,
 * as the dataset's own conversion does.
 */

import { join } from "node:path";
import type { Image } from "../codec.ts";
import { type Dataset, makeDataset } from "../dataset.ts";
import { type ImageOptions, openDecoder, readImage, type ReadOptions } from "../decoder.ts";
import { MissingFileError, SampleShapeError } from "../errors.ts";
import { kind, oneOf } from "../../options/index.ts";
import { dataOptions, imageKinds } from "../options.ts";
import { listFiles, readBytes } from "../files.ts";
import { preparedShape, prepareGeometry } from "../image.ts";
import type { NdArray } from "../ndarray.ts";

/** One picture of one stack. */
export type ShapeStacksSample = {
  /** `[224, 224, 3]`, or as prepared. */
  readonly image: NdArray<Uint8Array>;
  /** Labels, 0 for background, `[224, 224]` or as prepared; all 0 without segmentations. */
  readonly masks: NdArray<Uint8Array>;
  /** 1 when the stack stands, 0 when it falls, `[]`. */
  readonly stable: NdArray<Uint8Array>;
  /** The name of the environment. */
  readonly environment: string;
  /** The number of the camera. */
  readonly camera: number;
};

/** Options of {@linkcode openShapeStacks}. */
export interface ShapeStacksOptions extends Omit<ImageOptions, "channels"> {
  /**
   * Labels by stability (`"vseg"`: 1 base, 2 violating, 3 above it, 4 top), by block (`"iseg"`), or
   * none. The default is `"iseg"` where there are such files, else `"vseg"`.
   */
  readonly masks?: "vseg" | "iseg" | "none";
  /** A list of environments: `{ name: "env_ccs+blocks-hard+easy", part: "train" }`. */
  readonly split?: { readonly name: string; readonly part: "train" | "eval" | "test" };
}

// Index = label, as in the dataset's renderer; white marks unassigned pixels.
const colours = {
  vseg: ["000", "010", "100", "110", "001", "011", "101", "111"],
  iseg: ["000", "100", "010", "001", "110", "011", "101", "111"],
} as const;
const BRIGHTNESS = 0.3 * 255;

const checkOpenShapeStacks = dataOptions<ShapeStacksOptions>("openShapeStacks", ["root"], {
  masks: oneOf("vseg", "iseg", "none"),
  split: kind(
    'a split { name, part }, the part being "train", "eval" or "test"',
    '{ name: "default", part: "train" }',
    (x) =>
      typeof Object(x).name === "string" && oneOf("train", "eval", "test").accepts(Object(x).part),
  ),
  size: imageKinds.size,
  crop: imageKinds.crop,
  antialias: imageKinds.antialias,
  rotate: imageKinds.rotate,
  limits: imageKinds.limits,
  workers: imageKinds.workers,
});

/**
 * Opens the folder that holds `recordings/` (and `splits/`).
 *
 * @throws {MissingFileError} when recordings, the split or a segmentation are missing; the errors of
 * images when they are read.
 */
export async function openShapeStacks(
  root: string,
  options: ShapeStacksOptions = {},
): Promise<Dataset<ShapeStacksSample>> {
  checkOpenShapeStacks(options);
  const { masks, split, ...imageOptions } = options;
  const recordings = join(root, "recordings");
  const files = await listFiles(recordings, /\.(png|map)$/, { recursive: true });
  const wanted = split && await readSplit(join(root, "splits", split.name, `${split.part}.txt`));
  const kind = masks ?? (files.some((file) => /\/iseg-/.test(file)) ? "iseg" : "vseg");
  const views = findViews(files, kind, recordings)
    .filter(({ environment }) => wanted?.has(environment) ?? true);
  const missing = [...(wanted ?? [])].find((name) =>
    !views.some(({ environment }) => environment === name)
  );
  if (views.length === 0 || missing !== undefined) {
    throw new MissingFileError(`there are no recordings of ${missing ?? "any environment"}`, {
      path: missing === undefined ? recordings : join(recordings, missing),
      hint: "Check that the download is complete and unpacked",
    });
  }
  const decoder = openDecoder({ ...imageOptions, channels: 3 });
  const shape = preparedShape(imageOptions);
  return makeDataset<ShapeStacksSample>({
    size: views.length,
    schema: {
      image: { shape, dtype: "uint8" },
      masks: { shape: shape.slice(0, 2), dtype: "uint8" },
      stable: { shape: [], dtype: "uint8" },
      environment: { shape: [], dtype: "json" },
      camera: { shape: [], dtype: "json" },
    },
    async get(i) {
      const { rgb, segmentation, environment, camera } = views[i]!;
      const labels = segmentation === undefined || kind === "none"
        ? undefined
        : await readLabels(join(recordings, segmentation), kind, imageOptions);
      const expected = labels && {
        height: labels.shape[0]!,
        width: labels.shape[1]!,
        source: segmentation!, // there are labels
      };
      const image = await decoder.decode(join(recordings, rgb), expected);
      const [height, width] = image.shape as [number, number];
      const masks = labels === undefined
        ? new Uint8Array(height * width)
        : prepareGeometry(labels, imageOptions, "nearest").data;
      const stable = /vcom=0/.test(environment) && /vpsf=0/.test(environment) ? 1 : 0;
      return {
        image,
        masks: { data: masks, shape: [height, width] },
        stable: { data: Uint8Array.of(stable), shape: [] },
        environment,
        camera,
      };
    },
    close: () => decoder.close(),
  });
}

async function readSplit(path: string): Promise<Set<string>> {
  const text = new TextDecoder().decode(await readBytes(path));
  return new Set(text.split("\n").map((line) => line.trim()).filter((line) => line !== ""));
}

interface View {
  readonly environment: string;
  readonly camera: number;
  readonly rgb: string;
  readonly segmentation: string | undefined;
}

function findViews(files: readonly string[], kind: string, recordings: string): View[] {
  const parse = (file: string) =>
    /^(.*)\/(rgb|vseg|iseg)-.*cam_(\d+)-mono-(\d+)\.(png|map)$/.exec(file) as
      | [string, string, string, string, string, string]
      | null;
  const segmentations = new Map<string, string>();
  for (const file of files) {
    const match = parse(file);
    if (match === null || match[2] !== kind) continue;
    const [, environment, , camera, frame, suffix] = match;
    const key = `${environment}/${camera}/${frame}`;
    if (suffix === "map" || !segmentations.has(key)) segmentations.set(key, file);
  }
  return files.flatMap((file): View[] => {
    const match = parse(file);
    if (match === null || match[2] !== "rgb") return [];
    const [, environment, , camera, frame] = match;
    const segmentation = segmentations.get(`${environment}/${camera}/${frame}`);
    if (segmentation === undefined && segmentations.size > 0) {
      throw new MissingFileError(`there is no ${kind} segmentation of this picture`, {
        path: join(recordings, file),
        hint: 'Download the segmentations again, or set masks: "none"',
      });
    }
    return [{ environment, camera: Number(camera), rgb: file, segmentation }];
  });
}

async function readLabels(
  path: string,
  kind: "vseg" | "iseg",
  { rotate, limits }: ReadOptions,
): Promise<Image> {
  const { data, shape } = await readImage(path, { rotate, limits, channels: "file" });
  const [height, width, channels] = shape as [number, number, number];
  const labels = new Uint8Array(height * width);
  if (path.endsWith(".map")) {
    for (let i = 0; i < labels.length; i++) labels[i] = data[i * channels]! >> 5;
    return { data: labels, shape: [height, width, 1] };
  }
  if (channels < 3) {
    throw new SampleShapeError("expected a segmentation in colours, found a grey image", {
      path,
      hint: "Check the file, or use the .map files",
    });
  }
  const codes = colours[kind].map((code) => [...code].map((bit) => Number(bit) * BRIGHTNESS));
  for (let i = 0; i < labels.length; i++) {
    let least = Infinity;
    codes.forEach((code, label) => {
      const distance = code.reduce((sum, x, c) => sum + (x - data[i * channels + c]!) ** 2, 0);
      if (distance < least) [least, labels[i]] = [distance, label];
    });
  }
  return { data: labels, shape: [height, width, 1] };
}

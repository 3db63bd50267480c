/** Inspects a folder or a file of images before there is a config: what it holds, and how its images would be changed. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Effect, Schema } from "effect";
import {
  clevrBox,
  type Dataset,
  type NdArray,
  permutation,
  prepareGeometry,
  type Sample,
  withChannels,
} from "../../../data/index.ts";
import { colored, type Picture } from "../../display/canvas.ts";
import { ConfigError, datasetError } from "../../errors.ts";
import type { BrokenFile, Inspection, InspectOptions } from "../task.ts";
import { brokenFile } from "./broken.ts";
import { ImageConfig, imageSize, sources } from "./config.ts";
import { recognize } from "./recognize.ts";
import { readerOf } from "./readers.ts";
import { dataPath } from "../../dataPath.ts";
import { cacheFolder, labelsOf, openSource } from "./sources.ts";

/** The number of images that are read. */
const most = 64;

/** Inspects a path: its likely source, the sizes of images, the cropping and distortion by a config, and broken files. */
export const inspectImages = Effect.fnUntraced(function* (given: string, options: InspectOptions) {
  const path = dataPath(given);
  const source = options.source ??
    (yield* Effect.promise(() => recognize(path)))?.source ?? "folder";
  const config = yield* Schema.decodeUnknownEffect(ImageConfig, { errors: "all" })({
    source,
    path: given,
    scenes: most,
    resolution: options.resolution,
    // A folder of images is cropped, whatever the config says: their sizes differ.
    crop: options.crop ?? (source === "folder" ? "square" : "none"),
  }).pipe(Effect.mapError(() =>
    new ConfigError("These options cannot be used:", [
      ...((sources as readonly string[]).includes(source)
        ? []
        : [`--source: expected ${sources.join(" | ")}, found ${JSON.stringify(source)}`]),
      ...(["none", "square", "clevr"].includes(options.crop ?? "none")
        ? []
        : [`--crop: expected none | square | clevr, found ${JSON.stringify(options.crop)}`]),
    ], "Correct them; --help describes each option.")
  ));
  const found = yield* Effect.tryPromise({
    try: () => look(path, config),
    catch: datasetError(`"${given}" cannot be read as ${source}.`),
  });
  const { size, seen, broken } = found;
  const shapes = seen.map(({ image }) => image.shape as readonly [number, number, number]);
  const labels = seen.flatMap(({ labels }) => labels ?? []);
  const objects = labels.map(({ data }) => new Set(data.filter((label) => label !== 0)).size);
  const facts: (readonly [string, string])[] = [
    [
      "source",
      options.source === undefined ? `${source}, as it seems (--source says another)` : source,
    ],
    [
      "images",
      `${size}${
        seen.length + broken.length < size
          ? `, of which ${seen.length + broken.length} were read`
          : ""
      }`,
    ],
    ["sizes", counted(shapes.map(([height, width]) => `${width}×${height}`))],
    ["channels", counted(shapes.map(([, , channels = 1]) => String(channels)))],
    ["segmented", labels.length === 0 ? "no" : `yes: ${range(objects)} objects an image`],
    ["as trained", become(shapes, config)],
    ["broken", broken.length === 0 ? "none" : String(broken.length)],
    ...broken.map(({ name, reason }) => ["", `${name}: ${reason}`] as const),
    ...(yield* Effect.promise(() => warningsOf(config))).map((text) => ["warning", text] as const),
    [
      "to train",
      `--set data.source=${source} --set data.path=${given} --set data.resolution=${
        JSON.stringify(config.resolution)
      }${options.crop === undefined ? "" : ` --set data.crop=${config.crop}`}${
        broken.length === 0 ? "" : " --set data.onBroken=skip"
      }`,
    ],
  ];
  const shown = seen.slice(0, 8);
  const heads = shown.map(({ name }) => name);
  const tiles = [
    shown.map(({ image }) => pictureAs(image, config)),
    ...(labels.length === 0
      ? []
      : [shown.map(({ image, labels }) => labelsAs(labels, image.shape, config))]),
  ];
  return { facts, panel: { heads, rows: tiles } } satisfies Inspection;
});

interface Look {
  readonly image: NdArray<Uint8Array>;
  readonly labels: NdArray<Uint8Array> | null;
  readonly name: string;
}

/** Some images as they are in their files, drawn by chance, in order. */
async function look(path: string, config: ImageConfig) {
  const data = await openRaw(path, config);
  try {
    const count = Math.min(most, data.size);
    const chosen = permutation(data.size, 0).subarray(0, count).sort();
    const seen: Look[] = [];
    const broken: BrokenFile[] = [];
    for (const index of chosen) {
      try {
        const sample = await data.get(index);
        const name = typeof sample["name"] === "string" ? sample["name"] : `sample ${index}`;
        seen.push({
          image: sample["image"] as NdArray<Uint8Array>, // all sources have it
          labels: labelsOf(sample, config),
          name: name.split("/").at(-1)!,
        });
      } catch (error) {
        const file = brokenFile(error, index);
        if (file === undefined) throw error;
        broken.push(file);
      }
    }
    return { size: data.size, seen, broken };
  } finally {
    await data.close();
  }
}

/** The images at their own sizes. */
function openRaw(path: string, config: ImageConfig): Promise<Dataset<Sample>> {
  const reader = readerOf(config.source);
  if (reader === undefined) return openSource(config, () => {});
  return reader.cachesItself
    ? reader.open(path, { limit: most, cache: cacheFolder })
    : reader.open(path);
}

/** Peculiarities of the data of a config, which stop nothing. */
export async function warningsOf({ source, path = "" }: ImageConfig): Promise<string[]> {
  if (source !== "shapestacks") return [];
  const files = await readdir(join(dataPath(path), "recordings"), { recursive: true })
    .catch((): string[] => []);
  return files.some((name) => /(^|[\\/])iseg-/.test(name)) ? [] : [
    "these recordings have no iseg files: the masks tell blocks by stability (vseg), not one block from another",
  ];
}

/** `480×320 (8), 640×480 (2)`, the commonest first. */
function counted(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  if (sorted.length === 0) return "unknown";
  const told = sorted.slice(0, 4).map(([value, n]) =>
    sorted.length === 1 ? value : `${value} (${n})`
  );
  return told.join(", ") + (sorted.length > 4 ? `, and ${sorted.length - 4} more sizes` : "");
}

const range = (counts: readonly number[]) => {
  const [least, greatest] = [Math.min(...counts), Math.max(...counts)];
  return least === greatest ? String(least) : `${least} to ${greatest}`;
};

/** The part of an image that is cut off, and the distortion, on its way to the size of a config. */
function become(
  shapes: readonly (readonly [number, number, number])[],
  config: ImageConfig,
): string {
  const [height, width] = imageSize(config);
  const lines = new Set(shapes.map(([h, w]) => {
    const box = boxOf(config, h, w);
    const kept = (box.height * box.width) / (h * w);
    const stretch = (width / box.width) / (height / box.height);
    const cut = kept < 1
      ? `${Math.round(100 * (1 - kept))} % of it is cut off`
      : "nothing is cut off";
    const advice = config.crop === "square" ? "" : ": --crop square keeps the proportions";
    const bent = Math.abs(stretch - 1) < 0.01
      ? "the proportions stay"
      : stretch < 1
      ? `squeezed to ${Math.round(100 * stretch)} % of its width${advice}`
      : `squeezed to ${Math.round(100 / stretch)} % of its height${advice}`;
    return `${w}×${h} to ${width}×${height}: ${cut}, ${bent}`;
  }));
  const all = [...lines];
  return all.slice(0, 4).join("\n") + (all.length > 4 ? `\n… and ${all.length - 4} more` : "");
}

/** The part of an image that is kept. */
function boxOf({ crop }: ImageConfig, height: number, width: number) {
  if (crop === "clevr") return clevrBox(height, width);
  const side = Math.min(height, width);
  return crop === "square" ? { height: side, width: side } : { height, width };
}

const geometry = (config: ImageConfig) => ({
  size: imageSize(config),
  ...(config.crop === "none" ? {} : { crop: config.crop }),
});

function pictureAs(image: NdArray<Uint8Array>, config: ImageConfig): Picture {
  const { data, shape } = withChannels(prepareGeometry(image, geometry(config), "bilinear"), 3);
  return { height: shape[0]!, width: shape[1]!, data: Float32Array.from(data, (x) => x / 255) };
}

function labelsAs(
  labels: NdArray<Uint8Array> | null,
  shape: readonly number[],
  config: ImageConfig,
): Picture {
  const [height, width] = imageSize(config);
  const none = { data: new Uint8Array(shape[0]! * shape[1]!), shape: shape.slice(0, 2) };
  const { data, shape: own } = labels ?? none;
  const small = prepareGeometry({ data, shape: [...own, 1] }, geometry(config), "nearest");
  return colored(small.data, width, height, 0);
}

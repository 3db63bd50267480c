/** The `data` of configs of tasks that learn from images. */
import { Schema } from "effect";
import { type SpriteColor, spriteColors } from "../../../data/index.ts";
import { Count, CountOrZero, defaultsTo, Fraction, NonNegative, Positive } from "../../schema.ts";
import { type ReaderName, readerOf, readers } from "./readers.ts";

const generators = ["sprites", "tetrominoes", "clevr", "rooms", "towers"] as const;

/** The sources of images: generators, then readers of files. */
export const sources: readonly (typeof generators[number] | ReaderName)[] = [
  ...generators,
  ...Object.keys(readers) as ReaderName[], // an object literal has no other keys
];

/** Random changes, as `augmentWith` of `trilevel/data` makes them; all are of 8-bit images. */
const AugmentConfig = Schema.Struct({
  /** Mirror left and right, half of the time. */
  flipHorizontal: Schema.optionalKey(Schema.Boolean),
  /** Mirror top and bottom, half of the time. */
  flipVertical: Schema.optionalKey(Schema.Boolean),
  /** A part of this height and width, anywhere, becomes the image. */
  crop: Schema.optionalKey(Schema.Tuple([Count, Count])),
  /** Add a number from ±brightness × 255. */
  brightness: Schema.optionalKey(NonNegative),
  /** Scale the distance from the mean by a factor from 1 ± contrast. */
  contrast: Schema.optionalKey(Fraction),
  /** Scale the distance from gray by a factor from 1 ± saturation. */
  saturation: Schema.optionalKey(Fraction),
});

const spriteNames = Object.keys(spriteColors) as SpriteColor[]; // the keys of an object that is not extended

const Split = Schema.Literals(["random", "inOrder", "official"]);

/** The published dataset that a generator stands for, and the way it is taken; fields mean what they mean in `data`. */
const FilesConfig = Schema.Struct({
  source: Schema.Literals(Object.keys(readers) as ReaderName[]), // an object literal has no other keys
  scenes: Count,
  split: Split,
  splitName: Schema.optionalKey(Schema.String),
  evaluate: Count,
  test: CountOrZero,
});

/** The images. */
export const ImageConfig = Schema.Struct({
  source: Schema.Literals(sources),
  /** File or folder; relative to TRILEVEL_DATA where that is set. Generators read none, unless `files` says which. */
  path: Schema.optionalKey(Schema.String),
  /** The files that take the place of generated scenes where there is a `path`. */
  files: Schema.optionalKey(FilesConfig),
  /** Number of scenes that generators make, or the most that readers take (by seed where they can choose). */
  scenes: Count,
  /** Images as the model sees them: the side of squares, or `[height, width]`. */
  resolution: Schema.Union([Count, Schema.Tuple([Count, Count])]),
  /** Keep the part of CLEVR's frame that its experiments use. */
  crop: Schema.Literals(["none", "square", "clevr"]).pipe(defaultsTo("none")),
  /** Least and greatest number of objects that generators place. */
  objects: Schema.Tuple([Count, Count]).pipe(defaultsTo([3, 3])),
  /** CLEVR's files and multi-object datasets: keep only scenes with at most this many objects. */
  maxObjects: Schema.optionalKey(Count),
  /**
   * The treatment of files that cannot be read: stop, or leave them out and name them. For sources with a file for each
   * image.
   */
  onBroken: Schema.Literals(["stop", "skip"]).pipe(defaultsTo("stop")),
  /** True if the sprites of a generated scene all differ in colour. */
  distinctColors: Schema.Boolean.pipe(defaultsTo(false)),
  /** The colours that sprites may have; all of them unless given. */
  colors: Schema.optionalKey(Schema.NonEmptyArray(Schema.Literals(spriteNames))),
  /** The least fraction of each sprite of a generated scene that the others leave visible. */
  minVisibility: Fraction.pipe(defaultsTo(0.5)),
  /** The background of generated sprites: black, or a muted colour that differs between scenes. */
  background: Schema.Literals(["black", "random"]).pipe(defaultsTo("black")),
  /** Least and greatest radius of generated sprites, as fractions of the resolution. */
  radius: Schema.Tuple([Positive, Positive]).pipe(defaultsTo([0.15, 0.2])),
  /** The cell size in pixels of a grid for sprites, which are two cells wide and share no cell; 0: any place and size. */
  grid: CountOrZero.pipe(defaultsTo(0)),
  /** True if generated sprites stand upright, false if they are turned by any angle. */
  upright: Schema.Boolean.pipe(defaultsTo(false)),
  /** True if CLEVR-like generated scenes have a mirror. */
  mirror: Schema.Boolean.pipe(defaultsTo(false)),
  /**
   * The origin of the parts: drawn by seed; the first images to train on, those after them to validate on and the last
   * to test with; or as the dataset was published, with at most `scenes` of its training part.
   */
  split: Split.pipe(defaultsTo("random")),
  /** ShapeStacks: the folder in `splits` with the lists of the official split. */
  splitName: Schema.optionalKey(Schema.String),
  /**
   * Images that stay in one part: those of one scene or video, where the source knows them; files of one folder; or no
   * image with another.
   */
  together: Schema.Literals(["scene", "folder", "nothing"]).pipe(defaultsTo("scene")),
  /** Decides generated scenes and the split; not the order of training. */
  seed: CountOrZero.pipe(defaultsTo(0)),
  /** Random changes of images, and of their masks with them, that are trained on; others are as they are. */
  augment: Schema.optionalKey(AugmentConfig),
  /** Scenes to validate on: they choose the best checkpoint. At most 15 % of all, unless the split is official. */
  evaluate: Count.pipe(defaultsTo(320)),
  /** Further scenes that are scored once, at the end. At most 15 % of all, unless the split is official; 0: none. */
  test: CountOrZero.pipe(defaultsTo(320)),
});
/** See the schema of the same name. */
export type ImageConfig = typeof ImageConfig.Type;
/** The same as it stands in a file. */
export type ImageInput = typeof ImageConfig.Encoded;

/** Height and width of images as the model sees them. */
export function imageSize(
  { resolution }: Pick<ImageConfig, "resolution">,
): readonly [height: number, width: number] {
  return typeof resolution === "number" ? [resolution, resolution] : resolution;
}

/** The images that a config takes: those of `files` where a generator stands for them and there is a path. */
export function takenOf({ files, ...data }: ImageConfig): ImageConfig {
  const stands = files !== undefined && data.path !== undefined &&
    readerOf(data.source) === undefined;
  return stands ? { ...data, ...files } : data;
}

/** The origin of the images in words. */
export function describeSource(config: ImageConfig): string {
  const { source, path, mirror } = takenOf(config);
  return path !== undefined
    ? `"${path}" (${source})`
    : `generated ${source} scenes${mirror ? " with a mirror" : ""}`;
}

/** Mistakes that no single field shows. */
export function imageContradictions(
  config: { readonly data: ImageConfig; readonly batchSize: number },
): string[] {
  const problems: string[] = [];
  const data = takenOf(config.data);
  const { batchSize } = config;
  const reader = readerOf(data.source);
  if (reader === undefined && data.path !== undefined) {
    problems.push(
      `data.path: "${data.source}" is generated and reads no files; name their reader in data.source`,
    );
  }
  if (reader !== undefined && data.path === undefined) {
    problems.push(`data.path: the source "${data.source}" needs a file or folder`);
  }
  if (data.objects[0] > data.objects[1]) {
    problems.push(`data.objects: the least, ${data.objects[0]}, is above the greatest`);
  }
  if (data.onBroken === "skip" && reader !== undefined && !reader.filePerImage) {
    problems.push(`data.onBroken: "${data.source}" is one file, of which nothing can be left out`);
  }
  if (data.split === "official" && !reader?.inParts) {
    problems.push(
      `data.split: "${data.source}" was not published in parts; "inOrder" takes the first images to train on`,
    );
  }
  if (
    data.splitName !== undefined && (data.source !== "shapestacks" || data.split !== "official")
  ) {
    problems.push("data.splitName: only the official split of ShapeStacks has a name");
  }
  if (data.together === "folder" && data.source !== "folder") {
    problems.push(`data.together: "${data.source}" is not a folder of images; take "scene"`);
  }
  if (data.source === "towers" && (data.objects[0] < 2 || data.objects[1] > 6)) {
    problems.push(`data.objects: towers have 2 to 6 blocks, found [${data.objects.join(", ")}]`);
  }
  const [height, width] = imageSize(data);
  const [cropHeight, cropWidth] = data.augment?.crop ?? [1, 1];
  if (cropHeight > height || cropWidth > width) {
    problems.push(
      `data.augment.crop: ${cropHeight}×${cropWidth} is larger than the images, ${height}×${width}`,
    );
  }
  if (height !== width && reader === undefined && data.source !== "clevr") {
    problems.push(
      `data.resolution: ${height}×${width}, but ${data.source} are made square; give one number`,
    );
  }
  if (batchSize > data.scenes) {
    problems.push(`batchSize: ${batchSize} is more than data.scenes, ${data.scenes}`);
  }
  return problems;
}

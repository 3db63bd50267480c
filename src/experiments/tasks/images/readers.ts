/**
 * The readers of image files that configs name: how each opens its dataset, and what the tasks must know of it. A new
 * source of files is one entry of {@link readers}.
 */
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type Dataset,
  map,
  MissingFileError,
  nemFrames,
  openClevr,
  openClevrWithMasks,
  openCoco,
  openDsprites,
  openFolder,
  openMultiDsprites,
  openNem,
  openObjectsRoom,
  openShapes3d,
  openShapeStacks,
  openTetrominoes,
  type Prepare,
  type Sample,
} from "../../../data/index.ts";

/** A part of a dataset, as it was published. */
export type Part = "train" | "validation" | "test";

/** The samples of a dataset that a config takes. */
interface Choice {
  /** Only scenes with at most this many objects. */
  readonly maxObjects?: number | undefined;
  /** Only this part; all samples unless given. */
  readonly part?: Part | undefined;
  /** The name of the lists of parts, for datasets that have several. */
  readonly splitName?: string | undefined;
}

/** A reader whose pictures are converted on their way into the cache. */
interface Converted {
  /** Opens the dataset at a path. Without `prepare` the images have the sizes of their files. */
  open(path: string, prepare?: Prepare, choice?: Choice): Promise<Dataset<Sample>>;
  readonly cachesItself?: false;
}

/** A reader that fills the cache by itself, because a file that is gzipped as a whole can only be read in one go. */
interface CachesItself {
  /** Opens the dataset at a path, of which it reads `limit` scenes. */
  open(
    path: string,
    options: Prepare & {
      readonly limit: number;
      readonly cache: string;
      readonly maxObjects?: number | undefined;
      readonly onProgress?: (done: number) => void;
    },
  ): Promise<Dataset<Sample>>;
  readonly cachesItself: true;
}

/** A reader, and the properties of its dataset. */
type Reader = (Converted | CachesItself) & {
  /** The dataset, and the files that it consists of. */
  readonly contents: string;
  /** True where every image has a file of its own, so that a broken one can be left out. */
  readonly filePerImage?: true;
  /** True for datasets that are published in three parts, and for folders, which may have three. */
  readonly inParts?: true;
  /** The number of masks, the first ones, that belong to the background; 1. */
  readonly backgrounds?: number;
  /** The scene or the video that a sample shows together with others; each sample shows its own unless given. */
  readonly groupOf?: (sample: Sample) => string | number;
};

/** The readers by the names that `data.source` of a config gives them. */
export const readers = {
  "clevr-files": {
    contents: "CLEVR or CLEVR-Mirror (images/ with PNG files, and scenes/)",
    open: (path, prepare, { maxObjects, part } = {}) =>
      openClevr(path, {
        ...prepare,
        maxObjects,
        ...(part === undefined ? {} : { split: part === "validation" ? "val" : part }),
      }),
    filePerImage: true,
    inParts: true,
  },
  "clevr-with-masks": {
    contents: "CLEVR with masks (clevr_with_masks_train.tfrecords)",
    open: openClevrWithMasks,
    cachesItself: true,
  },
  "tetrominoes-file": {
    contents: "Tetrominoes (tetrominoes_train.tfrecords)",
    open: openTetrominoes,
    cachesItself: true,
  },
  "multi-dsprites": {
    contents: "Multi-dSprites (multi_dsprites_*.tfrecords)",
    open: openMultiDsprites,
    cachesItself: true,
  },
  "objects-room": {
    contents: "Objects Room (objects_room_train.tfrecords)",
    open: openObjectsRoom,
    cachesItself: true,
    backgrounds: 4,
  },
  shapestacks: {
    contents: "ShapeStacks (recordings/ with a folder for each environment)",
    open: openStacks,
    filePerImage: true,
    inParts: true,
    groupOf: ({ environment }) => environment as string, // one scene, which several cameras see
  },
  coco: {
    contents: "COCO as FiftyOne stores it (data/ with JPEG files, and labels.json)",
    open: openAnnotated,
    filePerImage: true,
    inParts: true,
    backgrounds: 0,
  },
  "3dshapes": {
    contents: "3D Shapes (3dshapes.h5)",
    open: (path, prepare) => openShapes3d(path, prepare),
  },
  dsprites: {
    contents: "dSprites (an npz file)",
    open: (path, prepare) => openDsprites(path, prepare),
  },
  nem: {
    contents: "a file of N-EM or R-NEM (HDF5 with training/, validation/ and test/)",
    async open(path, prepare, { part } = {}) {
      const sequences = part === undefined
        ? {}
        : { split: part === "train" ? "training" : part } as const;
      return nemFrames(await openNem(path, sequences), prepare);
    },
    inParts: true,
    groupOf: ({ sequence }) => sequence as number, // frames of one video
  },
  folder: {
    contents: "a folder of PNG or JPEG images",
    // The images of a folder differ in size, so that they are cropped, whatever the config says.
    open: async (path, prepare, { part } = {}) =>
      openFolder(
        part === undefined ? path : await partFolder(path, part),
        prepare && { ...prepare, crop: prepare.crop ?? "square" },
      ),
    filePerImage: true,
    inParts: true,
  },
} satisfies Record<string, Reader>;

/** The name of a reader. */
export type ReaderName = keyof typeof readers;

/** The reader of this name; undefined for generators, which read nothing. */
export function readerOf(source: string): Reader | undefined {
  return Object.hasOwn(readers, source) ? readers[source as ReaderName] : undefined; // a key, then
}

/** The name of the folder that a sample of a folder is in. */
export function folderOf({ name }: Sample): string {
  return dirname(name as string); // openFolder gives it
}

async function openStacks(
  path: string,
  prepare?: Prepare,
  { part, splitName }: Choice = {},
): Promise<Dataset<Sample>> {
  if (part === undefined) return await openShapeStacks(path, prepare);
  const name = splitName ?? await onlyList(path);
  const split = { name, part: part === "validation" ? "eval" : part } as const;
  return await openShapeStacks(path, { ...prepare, split });
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

/** Without annotations the masks would be empty, as if the images showed no objects: there are none, then. */
async function openAnnotated(
  path: string,
  prepare?: Prepare,
  { part }: Choice = {},
): Promise<Dataset<Sample>> {
  const coco = await openCoco(path, {
    ...prepare,
    ...(part === undefined ? {} : { split: part }),
  });
  if (coco.annotated) return coco;
  const { mask: _, ...schema } = coco.schema;
  return map<Sample, Sample>(coco, ({ mask: _, ...sample }) => sample, schema);
}

/** The folder of a part, under one of its common names. */
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

/**
 * CLEVR: rendered scenes of cubes, spheres and cylinders, as PNG images and JSON scene descriptions.
 *
 * Two layouts are known. CLEVR_v1.0 has `images/<split>/CLEVR_<split>_000000.png` and one
 * `scenes/CLEVR_<split>_scenes.json`; its test split has no scenes. CLEVR-Mirror, and whatever the CLEVR
 * generator writes, has `images/*.png` and `scenes/*.json`, one scene a file.
 */

import { basename, join } from "node:path";
import { type Dataset, makeDataset } from "../dataset.ts";
import { type ImageOptions, openDecoder } from "../decoder.ts";
import { MissingFileError, OptionError, SampleShapeError, WrongKindError } from "../errors.ts";
import { count, oneOf } from "../../options/index.ts";
import { dataOptions, imageKinds } from "../options.ts";
import { exists, isFolder, listFiles, readJson } from "../files.ts";
import { preparedShape } from "../image.ts";
import type { NdArray } from "../ndarray.ts";

/** The values of the attributes, in the order of the one-hot codes of {@linkcode clevrProperties}. */
export const clevrAttributes = {
  size: ["large", "small"],
  material: ["rubber", "metal"],
  shape: ["cube", "sphere", "cylinder"],
  color: ["gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"],
} as const;

/** One object of a scene, with the names of CLEVR's own files. */
export type ClevrSceneObject = {
  /** `"large"` or `"small"`. */
  readonly size: string;
  /** `"rubber"` or `"metal"`. */
  readonly material: string;
  /** `"cube"`, `"sphere"` or `"cylinder"`. */
  readonly shape: string;
  /** One of eight. */
  readonly color: string;
  /** Degrees. */
  readonly rotation: number;
  /** World coordinates, about −3 … 3 (z: 0 … 0.7). */
  readonly "3d_coords": readonly [x: number, y: number, z: number];
  /** Column and row in the image as rendered, and the depth. */
  readonly pixel_coords: readonly [x: number, y: number, depth: number];
};

/** One image and, where the split has them, its objects. */
export type ClevrSample = {
  /** `[height, width, 3]`: 320×480 in CLEVR_v1.0 unless prepared otherwise. */
  readonly image: NdArray<Uint8Array>;
  /** `null` in a split without scenes. */
  readonly objects: readonly ClevrSceneObject[] | null;
  /** The name of the file. */
  readonly name: string;
};

/** Options of {@linkcode openClevr}. */
export interface OpenClevrOptions extends ImageOptions {
  /** The split of CLEVR_v1.0; the other layout has none. */
  readonly split?: "train" | "val" | "test";
  /** Keep only scenes with at most this many objects; needs scenes. */
  readonly maxObjects?: number | undefined;
}

const checkOpenClevr = dataOptions<OpenClevrOptions>("openClevr", ["root"], {
  split: oneOf("train", "val", "test"),
  maxObjects: count,
  ...imageKinds,
});

/**
 * Opens a folder in either layout.
 *
 * @throws {WrongKindError} when the folder has neither; {@linkcode MissingFileError} when an image or a
 * scene has no counterpart, as after an interrupted download; the errors of images when they are read.
 */
export async function openClevr(
  root: string,
  options: OpenClevrOptions = {},
): Promise<Dataset<ClevrSample>> {
  checkOpenClevr(options);
  const { split, maxObjects, ...imageOptions } = options;
  const all = await findScenes(root, split, imageOptions.limits);
  if (maxObjects !== undefined && all.some(({ objects }) => objects === null)) {
    throw new OptionError("maxObjects needs scenes, and this split has none", {
      path: root,
      hint: "Use the train or val split",
    });
  }
  const scenes = all.filter(({ objects }) => (objects?.length ?? 0) <= (maxObjects ?? Infinity));
  const decoder = openDecoder(imageOptions);
  return makeDataset<ClevrSample>({
    size: scenes.length,
    schema: {
      image: { shape: preparedShape(imageOptions), dtype: "uint8" },
      objects: { shape: [], dtype: "json" },
      name: { shape: [], dtype: "json" },
    },
    async get(i) {
      const { path, objects } = scenes[i]!;
      return { image: await decoder.decode(path), objects, name: basename(path) };
    },
    close: () => decoder.close(),
  });
}

interface Scene {
  readonly path: string;
  readonly objects: readonly ClevrSceneObject[] | null;
}

async function findScenes(
  root: string,
  split: OpenClevrOptions["split"],
  limits: OpenClevrOptions["limits"],
): Promise<Scene[]> {
  const images = join(root, "images");
  if (!(await isFolder(images))) {
    const hint = "Give the folder that holds images/ and scenes/";
    throw await exists(root)
      ? new WrongKindError("there is no folder images/ here, as CLEVR has it", { path: root, hint })
      : new MissingFileError("there is no such folder", { path: root, hint });
  }
  const splits = await Promise.all(
    (["train", "val", "test"] as const).map(async (name) =>
      (await isFolder(join(images, name))) ? [name] : []
    ),
  );
  const present = splits.flat();
  if (present.length === 0 && split !== undefined) {
    throw new MissingFileError("the images here are not divided into splits", {
      path: images,
      hint: "Only CLEVR_v1.0 has splits: images/train, images/val and images/test",
    });
  }
  if (present.length === 0) return await findMirror(root, images, limits);
  const chosen = split ?? (present.length === 1 ? present[0]! : "train");
  if (!present.includes(chosen)) {
    throw new MissingFileError(`there is no split "${chosen}"`, {
      path: join(images, chosen),
      hint: `This folder has ${present.join(", ")}`,
    });
  }
  const folder = join(images, chosen);
  const names = await listPngs(folder);
  const scenesPath = join(root, "scenes", `CLEVR_${chosen}_scenes.json`);
  if (!(await exists(scenesPath))) {
    if (chosen !== "test") {
      throw new MissingFileError(`the scenes of the split "${chosen}" are missing`, {
        path: scenesPath,
        hint: "Download CLEVR_v1.0 again; only its test split has no scenes",
      });
    }
    return names.map((name) => ({ path: join(folder, name), objects: null }));
  }
  const scenes = readSceneList(await readJson(scenesPath, limits), scenesPath);
  return pair(folder, names, scenesPath, scenes);
}

async function findMirror(
  root: string,
  images: string,
  limits: OpenClevrOptions["limits"],
): Promise<Scene[]> {
  const names = await listPngs(images);
  const folder = join(root, "scenes");
  if (!(await isFolder(folder))) {
    return names.map((name) => ({ path: join(images, name), objects: null }));
  }
  const scenes = new Map<string, readonly ClevrSceneObject[]>();
  for (const file of await listFiles(folder, /\.json$/)) {
    const path = join(folder, file);
    const scene = readScene(await readJson(path, limits), path);
    scenes.set(scene.name, scene.objects);
  }
  return pair(images, names, folder, scenes);
}

async function listPngs(folder: string): Promise<string[]> {
  const names = await listFiles(folder, /\.png$/i);
  if (names.length > 0) return names;
  throw new MissingFileError("there are no PNG images here", {
    path: folder,
    hint: "Check that the download is complete and unpacked",
  });
}

function pair(
  folder: string,
  names: readonly string[],
  scenesPath: string,
  scenes: ReadonlyMap<string, readonly ClevrSceneObject[]>,
): Scene[] {
  const half = "Download the dataset again: one half of it is missing";
  const present = new Set(names);
  for (const name of scenes.keys()) {
    if (!present.has(name)) {
      throw new MissingFileError("a scene has no image", { path: join(folder, name), hint: half });
    }
  }
  return names.map((name) => {
    const objects = scenes.get(name);
    if (objects === undefined) {
      throw new MissingFileError(`the image ${name} has no scene`, {
        path: scenesPath,
        hint: half,
      });
    }
    return { path: join(folder, name), objects };
  });
}

// JSON from outside: every access below is checked by `readScene`.
type Unknown = { readonly [key: string]: unknown };
const isRecord = (value: unknown): value is Unknown => typeof value === "object" && value !== null;

function readSceneList(json: unknown, path: string): Map<string, readonly ClevrSceneObject[]> {
  const list = isRecord(json) ? json["scenes"] : undefined;
  if (!Array.isArray(list)) throw noScene(path, "it has no list of scenes");
  return new Map(
    list.map((scene: unknown, i) => {
      const { name, objects } = readScene(scene, path, `scene ${i}: `);
      return [name, objects];
    }),
  );
}

const noScene = (path: string, what: string) =>
  new WrongKindError(`this is not a CLEVR scene: ${what}`, {
    path,
    offset: 0,
    hint: "Check that the file belongs to CLEVR",
  });

function readScene(json: unknown, path: string, at = "") {
  if (!isRecord(json) || typeof json["image_filename"] !== "string") {
    throw noScene(path, `${at}it names no image`);
  }
  if (!Array.isArray(json["objects"])) throw noScene(path, `${at}it lists no objects`);
  const text = (object: Unknown, key: string, i: number): string => {
    const value = object[key];
    if (typeof value !== "string") throw noScene(path, `${at}object ${i} has no ${key}`);
    return value;
  };
  const triple = (object: Unknown, key: string, i: number): [number, number, number] => {
    const value = object[key];
    if (!Array.isArray(value) || value.length !== 3 || !value.every(Number.isFinite)) {
      throw noScene(path, `${at}object ${i} has no ${key}`);
    }
    return [value[0], value[1], value[2]];
  };
  const angle = (object: Unknown, i: number): number => {
    const value = object["rotation"] ?? 0;
    if (typeof value !== "number") throw noScene(path, `${at}object ${i} has no rotation`);
    return value;
  };
  const objects = json["objects"].map((object: unknown, i): ClevrSceneObject => {
    if (!isRecord(object)) throw noScene(path, `${at}object ${i} is not an object of JSON`);
    return {
      size: text(object, "size", i),
      material: text(object, "material", i),
      shape: text(object, "shape", i),
      color: text(object, "color", i),
      rotation: angle(object, i),
      "3d_coords": triple(object, "3d_coords", i),
      pixel_coords: triple(object, "pixel_coords", i),
    };
  });
  return { name: json["image_filename"], objects };
}

/**
 * The targets of set prediction, float32 `[slots, 19]`: position (x+3)/6 (3), then one-hot size (2),
 * material (2), shape (3), colour (8), and 1 for a real object; rows beyond the objects are 0.
 *
 * @throws {SampleShapeError} when there are more objects than slots; {@linkcode WrongKindError} for a value
 * that CLEVR does not have.
 *
 * ```ts
 * import { clevrProperties } from "trilevel/data";
 * const { shape, data } = clevrProperties([{
 *   size: "small", material: "metal", shape: "cube", color: "gray",
 *   "3d_coords": [0, 3, -3], pixel_coords: [0, 0, 0], rotation: 0,
 * }], 10);
 * if (`${shape}` !== "10,19" || data[0] !== 0.5 || data[18] !== 1 || data[37] !== 0) {
 *   throw new Error("one real object of ten");
 * }
 * ```
 */
export function clevrProperties(
  objects: readonly ClevrSceneObject[],
  slots: number,
): NdArray<Float32Array> {
  const width = 19;
  if (objects.length > slots) {
    throw new SampleShapeError(`${objects.length} objects do not fit into ${slots} slots`, {
      hint: "Give more slots, or open the dataset with maxObjects",
    });
  }
  const data = new Float32Array(slots * width);
  objects.forEach((object, n) => {
    let at = n * width;
    for (const x of object["3d_coords"]) data[at++] = (x + 3) / 6;
    for (const [attribute, values] of Object.entries(clevrAttributes)) {
      const value = object[attribute as keyof typeof clevrAttributes];
      const code = (values as readonly string[]).indexOf(value);
      if (code < 0) {
        throw new WrongKindError(`CLEVR has no ${attribute} "${value}"`, {
          hint: `It has ${values.join(", ")}`,
        });
      }
      data[at + code] = 1;
      at += values.length;
    }
    data[at] = 1;
  });
  return { data, shape: [slots, width] };
}

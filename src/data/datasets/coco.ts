/**
 * COCO-2017 in FiftyOne's layout: photographs with instance masks.
 *
 * `<root>/<split>/data/*.jpg` and `<root>/<split>/labels.json`, or the folder of one split itself. The
 * labels are COCO's instances: segmentations are polygons, run lengths, or COCO's text for run lengths.
 */

import { join } from "node:path";
import { type Dataset, makeDataset } from "../dataset.ts";
import { type ImageOptions, openDecoder } from "../decoder.ts";
import { CorruptError, MissingFileError, WrongKindError } from "../errors.ts";
import { boolean, oneOf } from "../../options/index.ts";
import { dataOptions, imageKinds } from "../options.ts";
import { exists, listFiles, readJson } from "../files.ts";
import { preparedShape, prepareGeometry } from "../image.ts";
import { checkLimit, type Limits } from "../limits.ts";
import { polygonsToMask, type RunLengths, runLengthsToMask } from "../masks.ts";
import { type NdArray, stack } from "../ndarray.ts";

/** One photograph and its instances. */
export type CocoSample = {
  /** `[height, width, 3]`, or as prepared. */
  readonly image: NdArray<Uint8Array>;
  /** 1 inside, 0 outside, aligned with the image: `[instances, height, width, 1]`. */
  readonly mask: NdArray<Uint8Array>;
  /** COCO's category ids, `[instances]`. */
  readonly category: NdArray<Int32Array>;
  /** x, y, width, height in pixels of the original photograph, `[instances, 4]`. */
  readonly box: NdArray<Float32Array>;
  /** 1 for a region of many objects, `[instances]`. */
  readonly crowd: NdArray<Uint8Array>;
  /** The name of the file. */
  readonly name: string;
};

/** Options of {@linkcode openCoco}. */
export interface CocoOptions extends ImageOptions {
  /** The split, where the folder holds several. */
  readonly split?: "train" | "validation" | "test";
  /** If true, crowd regions are among the instances. Default false. */
  readonly crowd?: boolean;
}

/** COCO's categories: id and name. */
export type CocoCategories = ReadonlyMap<number, string>;

/** A COCO dataset also knows the names of its categories, and whether it has instances. */
export interface CocoDataset extends Dataset<CocoSample> {
  /** Names by id. */
  readonly categories: CocoCategories;
  /** False if the labels have no instance at all, as those of the test split: empty masks mean nothing then. */
  readonly annotated: boolean;
}

const checkOpenCoco = dataOptions<CocoOptions>("openCoco", ["root"], {
  split: oneOf("train", "validation", "test"),
  crowd: boolean,
  ...imageKinds,
});

/**
 * Opens COCO in FiftyOne's layout. Images come in the order of `labels.json`.
 *
 * @throws {WrongKindError} when labels.json is something else; {@linkcode MissingFileError} when an
 * image it names is not there; {@linkcode CorruptError} when a segmentation contradicts its image.
 */
export async function openCoco(
  root: string,
  options: CocoOptions = {},
): Promise<CocoDataset> {
  checkOpenCoco(options);
  const { split, crowd = false, ...imageOptions } = options;
  const folder = split === undefined ? root : join(root, split);
  const labelsPath = join(folder, "labels.json");
  if (!(await exists(labelsPath))) {
    const here = await exists(folder);
    throw new MissingFileError(here ? "there is no labels.json here" : "there is no such folder", {
      path: folder,
      hint: split === undefined
        ? "Give the folder that holds data/ and labels.json"
        : "Download the split again",
    });
  }
  const { limits } = imageOptions;
  const labels = readLabels(await readJson(labelsPath, limits), labelsPath);
  const present = new Set(await listFiles(join(folder, "data"), /./));
  for (const { name } of labels.images) {
    if (present.has(name)) continue;
    throw new MissingFileError("an image that labels.json names is missing", {
      path: join(folder, "data", name),
      hint: "Download the dataset again",
    });
  }
  const decoder = openDecoder(imageOptions);
  const shape = preparedShape(imageOptions);
  const dataset = makeDataset<CocoSample>({
    size: labels.images.length,
    schema: {
      image: { shape, dtype: "uint8" },
      mask: { shape: [null, shape[0]!, shape[1]!, 1], dtype: "uint8" },
      category: { shape: [null], dtype: "int32" },
      box: { shape: [null, 4], dtype: "float32" },
      crowd: { shape: [null], dtype: "uint8" },
      name: { shape: [], dtype: "json" },
    },
    async get(i) {
      const { name, id, height, width } = labels.images[i]!;
      const expected = { height, width, source: labelsPath };
      const image = await decoder.decode(join(folder, "data", name), expected);
      const instances = (labels.annotations.get(id) ?? []).filter((it) => crowd || !it.crowd);
      const pixels = instances.length * height * width;
      const what = `the masks of ${name} have ${pixels} pixels`;
      checkLimit("maskPixels", pixels, what, limits, { path: labelsPath });
      const masks = instances.map((instance) => {
        const mask = toMask(instance, [height, width], labelsPath, limits);
        return prepareGeometry(mask, imageOptions, "nearest");
      });
      const [outHeight, outWidth] = image.shape as [number, number];
      const mask = masks.length > 0
        ? stack(masks, "mask") as NdArray<Uint8Array>
        : { data: new Uint8Array(0), shape: [0, outHeight, outWidth, 1] };
      const n = instances.length;
      return {
        image,
        mask,
        category: { data: Int32Array.from(instances, (it) => it.category), shape: [n] },
        box: { data: Float32Array.from(instances.flatMap((it) => it.box)), shape: [n, 4] },
        crowd: { data: Uint8Array.from(instances, (it) => (it.crowd ? 1 : 0)), shape: [n] },
        name,
      };
    },
    close: () => decoder.close(),
  });
  const annotated = [...labels.annotations.values()].some((instances) => instances.length > 0);
  return { ...dataset, categories: labels.categories, annotated };
}

interface CocoImage {
  readonly id: number;
  readonly name: string;
  readonly height: number;
  readonly width: number;
}

interface Instance {
  readonly id: unknown;
  readonly category: number;
  readonly box: readonly number[];
  readonly crowd: boolean;
  readonly segmentation: unknown;
}

interface Labels {
  readonly images: readonly CocoImage[];
  readonly annotations: ReadonlyMap<number, readonly Instance[]>;
  readonly categories: CocoCategories;
}

// JSON from outside: checked key by key as it is read.
type Unknown = { readonly [key: string]: unknown };

function readLabels(json: unknown, path: string): Labels {
  const wrong = (what: string) =>
    new WrongKindError(`this is not a COCO label file: ${what}`, {
      path,
      offset: 0,
      hint: "Check that it is labels.json of COCO-2017's instances",
    });
  const list = (key: string): Unknown[] => {
    const found = typeof json === "object" && json !== null ? (json as Unknown)[key] : undefined;
    if (!Array.isArray(found)) throw wrong(`it has no list "${key}"`);
    return found.map((item: unknown, i) => {
      if (typeof item !== "object" || item === null) throw wrong(`${key}[${i}] is not an object`);
      return item as Unknown;
    });
  };
  const integer = (item: Unknown, key: string, where: string, least = -Infinity): number => {
    const value = item[key];
    if (typeof value !== "number") throw wrong(`${where} has no ${key}`);
    if (!Number.isSafeInteger(value) || value < least) {
      throw wrong(`${where} has the ${key} ${value}`);
    }
    return value;
  };
  const images = list("images").map((item, i): CocoImage => {
    const name = item["file_name"];
    if (typeof name !== "string") throw wrong(`images[${i}] has no file_name`);
    const of = (key: string, least?: number) => integer(item, key, `images[${i}]`, least);
    return { id: of("id"), name, height: of("height", 1), width: of("width", 1) };
  });
  const annotations = new Map<number, Instance[]>(images.map(({ id }) => [id, []]));
  if (annotations.size < images.length) throw wrong("two images have the same id");
  list("annotations").forEach((item, i) => {
    const of = (key: string) => integer(item, key, `annotations[${i}]`);
    const instances = annotations.get(of("image_id"));
    if (instances === undefined) throw wrong(`annotations[${i}] belongs to no image`);
    const box = item["bbox"];
    if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite)) {
      throw wrong(`annotations[${i}] has no bbox of four numbers`);
    }
    // Some tools write JSON's booleans where COCO has 0 and 1.
    const crowd = item["iscrowd"] ?? 0;
    if (typeof crowd !== "boolean" && crowd !== 0 && crowd !== 1) {
      throw wrong(`annotations[${i}] has the iscrowd ${JSON.stringify(crowd)}`);
    }
    instances.push({
      id: item["id"],
      category: of("category_id"),
      box,
      crowd: crowd === true || crowd === 1,
      segmentation: item["segmentation"],
    });
  });
  const categories = new Map(
    list("categories").map((item, i) => [
      integer(item, "id", `categories[${i}]`),
      String(item["name"]),
    ]),
  );
  return { images, annotations, categories };
}

function toMask(
  { id, segmentation }: Instance,
  size: readonly [number, number],
  path: string,
  limits: Partial<Limits> | undefined,
): NdArray<Uint8Array> {
  const what = `the segmentation of annotation ${id}`;
  const wrong = (why: string) =>
    new CorruptError(`${what} ${why}`, {
      path,
      offset: 0,
      hint: "Check the annotations, and download them again",
    });
  if (Array.isArray(segmentation)) {
    const fine = segmentation.every((polygon: unknown) =>
      Array.isArray(polygon) && polygon.length % 2 === 0 && polygon.every(Number.isFinite)
    );
    if (!fine) throw wrong("is not a list of polygons");
    return polygonsToMask(segmentation, size, { limits, path, what });
  }
  if (typeof segmentation !== "object" || segmentation === null || !("counts" in segmentation)) {
    throw wrong("is neither polygons nor run lengths");
  }
  const { size: given, counts } = segmentation as RunLengths;
  if (given?.[0] !== size[0] || given?.[1] !== size[1]) {
    throw wrong(`is ${given?.[0]}×${given?.[1]}, but its image is ${size[0]}×${size[1]}`);
  }
  if (typeof counts !== "string" && !Array.isArray(counts)) throw wrong("has no run lengths");
  return runLengthsToMask({ size: given, counts }, { path, what });
}

/**
 * DeepMind's multi-object datasets: CLEVR with masks, Multi-dSprites, Objects Room, Tetrominoes.
 *
 * Each is one TFRecord file, gzipped as a whole, with an image, one mask for every entity (background
 * first) and, except in Objects Room, the factors of every entity. All four readers give masks as
 * `[entities, height, width, 1]`, 255 inside and 0 outside; unused entities have empty masks and
 * visibility 0.
 *
 * A gzipped file has no random access. It is read once when opened: into memory, or, when `cache` names
 * a folder, into the conversion cache. A plain file is indexed and read as asked.
 */

import { cachedSamples } from "../cache.ts";
import { type Dataset, type FieldSpec, makeDataset, mapFields, type Schema } from "../dataset.ts";
import { OptionError, TruncatedError, WrongKindError } from "../errors.ts";
import { callable, type Check, count, nonNegative, positive, text } from "../../options/index.ts";
import { dataOptions, geometryKinds, limitsKind } from "../options.ts";
import { openFile, type RandomAccessFile } from "../files.ts";
import { type Prepare, prepareGeometry } from "../image.ts";
import type { Limits } from "../limits.ts";
import {
  clevrWithMasks,
  type ClevrWithMasksSample,
  type Kind,
  multiDsprites,
  type MultiDspritesSample,
  type MultiObjectSample,
  objectsRoom,
  type ObjectsRoomSample,
  tetrominoes,
  type TetrominoesSample,
} from "./multiObjectKinds.ts";
import { elements, type NdArray } from "../ndarray.ts";
import { fileStamp } from "../stamp.ts";
import { type Feature, parseExample } from "../formats/tfexample.ts";
import { indexTfRecords, isGzip, readTfRecords, type TfRecord } from "../formats/tfrecord.ts";

/** Options of the readers of multi-object datasets. */
export interface MultiObjectOptions extends Omit<Prepare, "channels"> {
  /** Keep only scenes with at most this many visible objects (6 makes CLEVR6 of CLEVR). */
  readonly maxObjects?: number | undefined;
  /** Stop after this many kept scenes; what follows in the file is not read, hence not checked. */
  readonly limit?: number;
  /** A folder for the conversion cache, for gzipped files that do not fit into memory. */
  readonly cache?: string;
  /** Bytes of samples that may be held in memory; 2 GiB unless given. */
  readonly memory?: number;
  /** Bounds of the sizes that a file may claim, see {@linkcode Limits}. */
  readonly limits?: Partial<Limits> | undefined;
  /** Told after every scene that goes into the conversion cache how many there are. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

const check = (name: string) =>
  dataOptions<MultiObjectOptions>(name, ["path"], {
    maxObjects: count,
    limit: positive,
    cache: text,
    memory: nonNegative,
    onProgress: callable("(done) => console.log(done)"),
    limits: limitsKind,
    ...geometryKinds,
  });
const checkObjectsRoom = check("openObjectsRoom");
const checkTetrominoes = check("openTetrominoes");
const checkMultiDsprites = check("openMultiDsprites");
const checkClevrWithMasks = check("openClevrWithMasks");

/** Opens `objects_room_*.tfrecords`. */
export function openObjectsRoom(
  path: string,
  options: MultiObjectOptions = {},
): Promise<Dataset<ObjectsRoomSample>> {
  return openMultiObject<ObjectsRoomSample>(path, objectsRoom, options, checkObjectsRoom);
}

/** Opens `tetrominoes_train.tfrecords`. */
export function openTetrominoes(
  path: string,
  options: MultiObjectOptions = {},
): Promise<Dataset<TetrominoesSample>> {
  return openMultiObject<TetrominoesSample>(path, tetrominoes, options, checkTetrominoes);
}

/** Opens `multi_dsprites_*.tfrecords`; the variant shows in the lengths of the features. */
export function openMultiDsprites(
  path: string,
  options: MultiObjectOptions = {},
): Promise<Dataset<MultiDspritesSample>> {
  return openMultiObject<MultiDspritesSample>(path, multiDsprites, options, checkMultiDsprites);
}

/** Opens `clevr_with_masks_train.tfrecords`. */
export function openClevrWithMasks(
  path: string,
  options: MultiObjectOptions = {},
): Promise<Dataset<ClevrWithMasksSample>> {
  return openMultiObject<ClevrWithMasksSample>(path, clevrWithMasks, options, checkClevrWithMasks);
}

async function openMultiObject<S extends MultiObjectSample>(
  path: string,
  kind: Kind,
  options: MultiObjectOptions,
  check: Check<MultiObjectOptions>,
): Promise<Dataset<S>> {
  check(options);
  const file = await openFile(path);
  let keep = false;
  try {
    if (!(await isGzip(file))) {
      const dataset = await openPlain<S>(file, kind, options);
      keep = true;
      return dataset;
    }
  } finally {
    if (!keep) await file.close();
  }
  if (options.cache === undefined) return await loadAll<S>(path, kind, options);
  const { cache, memory: _, limits: __, onProgress, ...rest } = options;
  return await cachedSamples<S>(async () => {
    const { samples, schema } = await decodeAll<S>(path, kind, options);
    return { samples, schema };
  }, { directory: cache, key: [kind.name, await fileStamp(path), rest], onProgress });
}

async function openPlain<S extends MultiObjectSample>(
  file: RandomAccessFile,
  kind: Kind,
  { maxObjects, limit = Infinity, limits, ...prepare }: MultiObjectOptions,
): Promise<Dataset<S>> {
  const records = await indexTfRecords(file, { limits });
  const decode = decoder<S>(kind, file.path, prepare);
  const first = decode(await records.get(0));
  const kept: number[] = [];
  for (let i = 0; i < records.size && kept.length < limit; i++) {
    const few = maxObjects === undefined ||
      visibleObjects(decode(await records.get(i)), kind) <= maxObjects;
    if (few) kept.push(i);
  }
  return makeDataset<S>({
    size: kept.length,
    schema: schemaOfArrays(first),
    get: async (i) => decode(await records.get(kept[i]!)),
    close: () => file.close(),
  });
}

async function loadAll<S extends MultiObjectSample>(
  path: string,
  kind: Kind,
  options: MultiObjectOptions,
): Promise<Dataset<S>> {
  const { memory = 2 ** 31 } = options;
  const { samples, schema } = await decodeAll<S>(path, kind, options);
  const loaded: S[] = [];
  let bytes = 0;
  for await (const sample of samples) {
    bytes += Object.values(sample).reduce((sum, { data }) => sum + data.byteLength, 0);
    if (bytes > memory) {
      throw new OptionError(
        `the first ${loaded.length + 1} scenes need more than ${memory} bytes`,
        {
          path,
          hint:
            "Name a folder as cache, read fewer scenes (limit), make them smaller (crop, size), or " +
            "allow more memory",
        },
      );
    }
    loaded.push(sample);
  }
  return makeDataset<S>({
    size: loaded.length,
    schema,
    get: (i) =>
      mapFields(loaded[i]!, ({ data, shape }) => ({ data: data.slice(), shape })) as unknown as S,
  });
}

// All kept samples in order, and the schema, for which the first record is read twice.
async function decodeAll<S extends MultiObjectSample>(
  path: string,
  kind: Kind,
  { maxObjects = Infinity, limit = Infinity, limits, ...prepare }: MultiObjectOptions,
): Promise<{ readonly schema: Schema<S>; readonly samples: AsyncIterable<S> }> {
  const decode = decoder<S>(kind, path, prepare);
  let schema: Schema<S> | undefined;
  for await (const record of readTfRecords(path, { limits })) {
    schema = schemaOfArrays(decode(record));
    break;
  }
  if (schema === undefined) {
    throw new TruncatedError("the file is empty after it is decompressed", {
      path,
      offset: 0,
      hint: "Download the file again",
    });
  }
  async function* samples(): AsyncGenerator<S> {
    let kept = 0;
    if (limit <= 0) return;
    for await (const record of readTfRecords(path, { limits })) {
      const sample = decode(record);
      if (visibleObjects(sample, kind) > maxObjects) continue;
      yield sample;
      if (++kept >= limit) return;
    }
  }
  return { schema, samples: samples() };
}

function schemaOfArrays<S extends MultiObjectSample>(sample: S): Schema<S> {
  return mapFields(sample, ({ data, shape }): FieldSpec => ({
    shape,
    dtype: data instanceof Uint8Array ? "uint8" : "float32",
  })) as Schema<S>;
}

function visibleObjects(sample: MultiObjectSample, { backgrounds }: Kind): number {
  const masks = sample["mask"]!;
  const perMask = elements(masks.shape.slice(1));
  const visibility = sample["visibility"]?.data;
  let visible = 0;
  for (let n = backgrounds; n < masks.shape[0]!; n++) {
    const there = visibility === undefined
      ? masks.data.subarray(n * perMask, (n + 1) * perMask).some((value) => value > 0)
      : visibility[n]! > 0;
    if (there) visible++;
  }
  return visible;
}

// Turns records into samples; entities and channels are whatever the first record has.
function decoder<S extends MultiObjectSample>(
  kind: Kind,
  path: string,
  prepare: Omit<Prepare, "channels">,
): (record: TfRecord) => S {
  let bound: { readonly entities: number; readonly channels: number } | undefined;
  const wrong = (what: string, offset: number) =>
    new WrongKindError(`this is not ${kind.name}: ${what}`, {
      path,
      offset,
      hint: "Open the file with the reader of its dataset",
    });
  return ({ bytes, offset }) => {
    const features = parseExample(bytes, { path, offset });
    const names = Object.entries(kind.features).map(([field, { from = field }]) => from);
    const extra = [...features.keys()].filter((name) => !names.includes(name));
    if (kind.exact && extra.length > 0) throw wrong(`it has the feature "${extra[0]}"`, offset);
    const { crop, size, antialias } = prepare; // what else an opener takes is no part of it
    const geometry = { crop, size, antialias };
    const arrays: Record<string, NdArray> = {};
    for (const [field, { kind: type, shape, from = field }] of Object.entries(kind.features)) {
      const feature: Feature | undefined = features.get(from);
      if (feature === undefined) {
        throw wrong(`it has no feature "${from}", only ${[...features.keys()]}`, offset);
      }
      if (feature.kind !== type) throw wrong(`"${from}" is ${feature.kind}, not ${type}`, offset);
      bound ??= bindLengths(kind, features);
      const lengths = shape.map((length) => typeof length === "number" ? length : bound![length]);
      if (elements(lengths) !== feature.data.length) {
        throw wrong(`"${from}" has ${feature.data.length} values, not [${lengths}]`, offset);
      }
      arrays[field] = { data: feature.data as Uint8Array | Float32Array, shape: lengths };
    }
    if (kind === multiDsprites) arrays["mask"] = entitiesFirst(arrays["mask"]!);
    arrays["image"] = prepareGeometry(arrays["image"]!, geometry, "bilinear");
    arrays["mask"] = prepareGeometry(arrays["mask"]!, geometry, "nearest");
    return arrays as S; // the fields are those of the kind
  };
}

function bindLengths({ features }: Kind, found: ReadonlyMap<string, Feature>) {
  const count = (field: string) => {
    const known = features[field]!.shape.filter((length) => typeof length === "number");
    return Math.floor((found.get(field)?.data.length ?? 0) / elements(known));
  };
  return { entities: count("mask"), channels: count("image") };
}

// [height, width, entities, 1] → [entities, height, width, 1]
function entitiesFirst({ data, shape }: NdArray): NdArray {
  const [height, width, entities] = shape as [number, number, number];
  const pixels = height * width;
  const moved = new Uint8Array(data.length);
  for (let i = 0; i < pixels; i++) {
    for (let n = 0; n < entities; n++) moved[n * pixels + i] = data[i * entities + n]!;
  }
  return { data: moved, shape: [entities, height, width, 1] };
}

/**
 * Generated scenes on disk, so that they are made once.
 *
 * ```text
 * <directory>/<kind>-<hash of description, seed, size>/00000.scenes   some MB of consecutive scenes
 *
 * a shard:  8 bytes   "TLscene1"
 *           uint32    length of the header
 *           header    JSON: what is in it, objects and other facts of every scene; padded with spaces
 *           uint8     images [count, height, width, 3]
 *           uint8     masks  [count, height, width]
 *           uint32    CRC-32C of everything before
 * ```
 *
 * Shards are written under a temporary name, synced and renamed: one that exists is complete, and a run
 * that was killed goes on with the first missing one. Numbers are little-endian.
 */

import {
  callable,
  count,
  nonNegative,
  required,
  size as sizeKind,
  text,
} from "../../options/index.ts";
import { dataOptions } from "../options.ts";
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../atomic.ts";
import { crc32c } from "../formats/crc32c.ts";
import { type Dataset, type Json, makeDataset, type Sample, schemaOf } from "../dataset.ts";
import { CorruptError, WrongKindError } from "../errors.ts";
import { exists, readBytes } from "../files.ts";
import { generateScene, type SceneKind, type SceneOf, type SceneSpec } from "./generator.ts";
import { openScenePool } from "./parallel.ts";
import type { Scene } from "./scene.ts";

const VERSION = 2;
const MAGIC = "TLscene1";

/** The number and the seed of scenes, and the folder that keeps them. */
export interface ScenesOptions {
  /** Number of scenes. */
  readonly size: number;
  /** Another seed is another set of scenes. Default 0. */
  readonly seed?: number;
  /** The folder that holds sets of scenes; without one, every scene is made again when it is read. */
  readonly directory?: string;
  /** Threads that make scenes, see {@linkcode openScenePool}. */
  readonly workers?: number;
  /** Bytes of read shards to keep in memory, default 1 GiB. */
  readonly memory?: number;
  /** Told after every shard how many scenes are there. */
  readonly onProgress?: (done: number, size: number) => void;
}

const checkOptions = dataOptions<ScenesOptions>("openScenes", ["spec"], {
  size: required(sizeKind),
  seed: count,
  directory: text,
  workers: count,
  memory: nonNegative,
  onProgress: callable("(done, size) => console.log(done, size)"),
});

/**
 * A dataset of generated scenes.
 *
 * With a `directory`, all scenes are made before this returns, unless a set with the same description,
 * seed and size is there already; shards are checked when first read.
 *
 * @throws {OptionError} when such scenes hardly exist; from `get`, {@linkcode CorruptError} when a shard was
 * damaged.
 *
 * ```ts
 * import { openScenes } from "trilevel/data";
 * await using scenes = await openScenes({ kind: "sprites" }, { size: 100 });
 * const { image, masks } = await scenes.get(99);
 * if (`${image.shape} ${masks.shape}` !== "32,32,3 32,32") throw new Error("32×32");
 * ```
 */
export async function openScenes<K extends SceneKind>(
  spec: SceneSpec<K>,
  options: ScenesOptions,
): Promise<Dataset<SceneOf<K>>> {
  checkOptions(options);
  const { size, seed = 0, directory } = options;
  const first = generateScene(spec, seed, 0);
  const shape = first.masks.shape as readonly [number, number];
  const get = directory === undefined
    ? (i: number) => generateScene(spec, seed, i)
    : await openShards(spec, shape, { ...options, directory });
  return makeDataset<SceneOf<K>>({ size, schema: schemaOf(first), get });
}

interface Header {
  readonly version: number;
  /** Description, seed, first index and number of scenes. */
  readonly contents: Json;
  readonly shape: readonly [height: number, width: number];
  /** All but image and masks of every scene. */
  readonly scenes: readonly { readonly [name: string]: Json }[];
}

async function openShards<K extends SceneKind>(
  spec: SceneSpec<K>,
  shape: readonly [number, number],
  options: ScenesOptions & { readonly directory: string },
): Promise<(index: number) => Promise<SceneOf<K>>> {
  const { size, seed = 0, directory, memory = 2 ** 30 } = options;
  const bytesPerScene = shape[0] * shape[1] * 4;
  const perShard = Math.max(1, Math.floor(2 ** 22 / bytesPerScene));
  const contents = (start: number): { [name: string]: Json } => ({
    spec: sorted(spec),
    seed,
    start,
    count: Math.min(perShard, size - start),
  });
  const text = JSON.stringify({ VERSION, ...contents(0), size });
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const folder = join(directory, `${spec.kind}-${hash}`);
  const path = (start: number) =>
    join(folder, `${String(start / perShard).padStart(5, "0")}.scenes`);

  await mkdir(folder, { recursive: true });
  await using pool = openScenePool(
    options.workers === undefined ? {} : { workers: options.workers },
  );
  for (let start = 0; start < size; start += perShard) {
    const count = Math.min(perShard, size - start);
    if (!(await exists(path(start)))) {
      const scenes = await pool.generate(spec, seed, start, count);
      await writeFileAtomically(path(start), encodeShard(scenes, shape, contents(start)));
    }
    options.onProgress?.(start + count, size);
  }

  // Least recently used shards are forgotten first; a Map remembers the order of insertion.
  const loaded = new Map<number, Promise<SceneOf<K>[]>>();
  const atMost = Math.max(1, Math.floor(memory / (perShard * bytesPerScene)));
  return async (index) => {
    const start = index - index % perShard;
    const shard = loaded.get(start) ?? readShard<K>(path(start), contents(start));
    loaded.delete(start);
    loaded.set(start, shard);
    if (loaded.size > atMost) loaded.delete(loaded.keys().next().value!);
    const scene = (await shard)[index - start]!;
    const { image, masks } = scene;
    return {
      ...scene,
      image: { data: image.data.slice(), shape: image.shape },
      masks: { data: masks.data.slice(), shape: masks.shape },
    };
  };
}

/** As JSON whose objects have their keys in order, so that equal descriptions have equal texts. */
function sorted(value: unknown): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value as Json;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => a < b ? -1 : 1).map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** The bytes of a shard. */
function encodeShard(
  scenes: readonly Scene[],
  shape: readonly [number, number],
  contents: Json,
): Uint8Array {
  const header: Header = {
    version: VERSION,
    contents,
    shape,
    scenes: scenes.map(({ image: _, masks: __, ...others }) => others),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const pixels = shape[0] * shape[1];
  const start = MAGIC.length + 4 + headerLength;
  const bytes = new Uint8Array(start + scenes.length * pixels * 4 + 4).fill(32, 12, start);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(MAGIC.length, headerLength, true);
  bytes.set(json, MAGIC.length + 4);
  scenes.forEach(({ image, masks }, k) => {
    bytes.set(image.data, start + k * pixels * 3);
    bytes.set(masks.data, start + scenes.length * pixels * 3 + k * pixels);
  });
  view.setUint32(bytes.length - 4, crc32c(bytes.subarray(0, -4)), true);
  return bytes;
}

async function readShard<K extends SceneKind>(path: string, contents: Json): Promise<SceneOf<K>[]> {
  const file = await readBytes(path);
  // A Buffer would be shared by its slices.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.length);
  const hint = "Delete the file; it will be made again";
  if (new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new WrongKindError("this is not a shard of scenes", { path, offset: 0, hint });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    bytes.length < 16 || view.getUint32(bytes.length - 4, true) !== crc32c(bytes.subarray(0, -4))
  ) {
    const offset = Math.max(0, bytes.length - 4);
    throw new CorruptError("the shard does not have its checksum", { path, offset, hint });
  }
  const start = MAGIC.length + 4 + view.getUint32(MAGIC.length, true);
  const text = new TextDecoder().decode(bytes.subarray(MAGIC.length + 4, start));
  const header = JSON.parse(text) as Header;
  if (JSON.stringify(header.contents) !== JSON.stringify(contents)) {
    throw new CorruptError("the shard holds other scenes than its name says", { path, hint });
  }
  const { shape, scenes } = header;
  const pixels = shape[0] * shape[1];
  return scenes.map((others, k) => {
    const at = start + k * pixels * 3;
    const masksAt = start + scenes.length * pixels * 3 + k * pixels;
    return {
      image: { data: bytes.subarray(at, at + pixels * 3), shape: [...shape, 3] },
      masks: { data: bytes.subarray(masksAt, masksAt + pixels), shape },
      ...others,
    } as Sample as SceneOf<K>; // the contents are those of spec
  });
}

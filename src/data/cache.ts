/**
 * The conversion cache: a dataset written down once, in a form that is read back at disk speed.
 *
 * Gzipped, badly chunked or compressed sources become a folder named by the hash of their key, see
 * `cacheFolder.ts`. All that is read from it is compared with a checksum, so that a damaged disk, or files that
 * changed places, cannot pass for data.
 */

import { createHash } from "node:crypto";
import { callable, kind, nested, required, text } from "../options/index.ts";
import { dataOptions } from "./options.ts";
import { join } from "node:path";
import { createFolderAtomically } from "./atomic.ts";
import { openCacheFolder, VERSION, writeCacheFolder } from "./cacheFolder.ts";
import { type Dataset, mapFields, type Sample, type Schema } from "./dataset.ts";
import { exists } from "./files.ts";

/** The place of a cache, and the key of its contents. */
export interface CacheOptions {
  /** The folder that holds caches; created when missing. */
  readonly directory: string;
  /**
   * Everything the contents depend on, as JSON: source, options, {@linkcode fileStamp}s. Another key is
   * another cache.
   */
  readonly key: unknown;
  /** Told after every sample of a conversion how many there are. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

function isJson(value: unknown): boolean {
  if (typeof value !== "object") {
    return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
  }
  if (value === null) return true;
  // Fields that JSON leaves out are not part of a key.
  const parts = Object.values(value).filter((part) => part !== undefined);
  return (Array.isArray(value) || nested().accepts(value)) && parts.every(isJson);
}

const cacheKinds = {
  directory: required(text),
  key: required(
    kind<unknown>("JSON: lists and objects of text, finite numbers and null", '"name"', isJson),
  ),
  onProgress: callable<(done: number) => void>("(done) => console.log(done)"),
} as const;
const checkCached = dataOptions<CacheOptions>("cached", ["make"], cacheKinds);
const checkSamples = dataOptions<CacheOptions>("cachedSamples", ["make"], cacheKinds);

/**
 * The dataset that `make` makes, through the cache: the first call converts, later ones open the result
 * without calling `make`.
 *
 * A conversion that fails or is killed leaves nothing that a later call would take for a cache.
 *
 * @throws whatever `make` and its samples throw; {@linkcode TruncatedError} and
 * {@linkcode CorruptError} when the cache itself was damaged, at once or when a damaged row is read.
 */
export async function cached<S extends Sample>(
  make: () => Promise<Dataset<S>>,
  options: CacheOptions,
): Promise<Dataset<S>> {
  checkCached(options);
  return await cachedSamples(async () => {
    const dataset = await make();
    return { schema: dataset.schema, samples: inOrder(dataset), close: () => dataset.close() };
  }, options);
}

/** Samples that come one after the other, for sources that cannot be read at random. */
export interface SampleStream<S extends Sample> {
  /** Shape and dtype of every field. */
  readonly schema: Schema<S>;
  /** The samples, read once. */
  readonly samples: AsyncIterable<S>;
  /** Called after the last sample, or when something fails. */
  close?(): Promise<void>;
}

/** As {@linkcode cached}, from samples in order. */
export async function cachedSamples<S extends Sample>(
  make: () => Promise<SampleStream<S>>,
  options: CacheOptions,
): Promise<Dataset<S>> {
  checkSamples(options);
  const { directory, key, onProgress } = options;
  const description = JSON.stringify({ version: VERSION, key });
  const name = createHash("sha256").update(description).digest("hex").slice(0, 24);
  const folder = join(directory, name);
  if (!(await exists(folder))) {
    await createFolderAtomically(folder, async (temporary) => {
      const source = await make();
      try {
        await writeCacheFolder(temporary, source, { key, onProgress });
      } finally {
        await source.close?.();
      }
    });
  }
  return await openCacheFolder<S>(folder, key);
}

// Reads a few samples ahead, so that decoding threads have work while the disk is written.
async function* inOrder<S extends Sample>(dataset: Dataset<S>, ahead = 8): AsyncGenerator<S> {
  const pending: Promise<S>[] = [];
  for (let i = 0, next = 0; i < dataset.size; i++) {
    for (; next < dataset.size && next <= i + ahead; next++) {
      const sample = dataset.get(next);
      sample.catch(() => {}); // reported when its turn comes
      pending.push(sample);
    }
    yield await pending.shift()!;
  }
}

/** The fields of a schema, one line each, for messages. */
export function describeSchema(schema: Schema): string {
  const lines = mapFields(
    schema,
    ({ dtype, shape }) =>
      dtype === "json" ? "json" : `${dtype}[${shape.map((length) => length ?? "?").join(", ")}]`,
  );
  return Object.entries(lines).map(([name, line]) => `${name}: ${line}`).join("\n");
}

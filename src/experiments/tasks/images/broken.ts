/** Files that cannot be read: which errors are about a file alone, and a dataset without such files. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolders, writeFileAtomically } from "../../../data/atomic.ts";
import { nodeDisk } from "../../../data/disk.ts";
import { cachedSamples, type Dataset, type Sample, type Schema } from "../../../data/index.ts";
import { CorruptError, DataError } from "../../../data/errors.ts";
import type { BrokenFile } from "../task.ts";

/** Errors of one file, beside which others can be read. */
const ofOneFile: readonly string[] = [
  "CorruptError",
  "TruncatedError",
  "UnsupportedError",
  "WrongKindError",
  "LimitError",
  "MissingFileError",
];

/** The file that an error is about; undefined for errors of another kind. */
export function brokenFile(error: unknown, index: number): BrokenFile | undefined {
  if (!(error instanceof DataError) || !ofOneFile.includes(error._tag)) return undefined;
  // The name is shown next to it.
  const what = error.what.replace(/ \([^()]*\)$/, "");
  const place = error.offset === undefined ? "" : `, byte ${error.offset}`;
  return { name: error.path ?? `sample ${index}`, reason: `${what}${place}` };
}

/** The place that keeps a conversion. */
interface Place {
  readonly directory: string;
  readonly key: unknown;
  readonly onProgress: (done: number) => void;
}

/**
 * A conversion through the cache that leaves broken files out. They are written down beside the cache, so that they are
 * known when it is opened again.
 */
export async function cachedWithoutBroken(
  open: () => Promise<{
    readonly source: Dataset<Sample>;
    readonly convert: (sample: Sample) => Sample;
    readonly schema: (first: Sample) => Schema;
  }>,
  { directory, key, onProgress }: Place,
): Promise<{ readonly data: Dataset<Sample>; readonly broken: readonly BrokenFile[] }> {
  const own = [key, "without broken files"];
  const name = createHash("sha256").update(JSON.stringify(own)).digest("hex").slice(0, 24);
  const list = join(directory, `${name}.broken.json`);
  const data = await cachedSamples(async () => {
    const { source, convert, schema } = await open();
    const broken: BrokenFile[] = [];
    const samples = readable(source, broken);
    const first = await samples.next();
    if (first.done) {
      await source.close();
      throw new CorruptError(`none of ${source.size} files can be read`, {
        path: broken[0]?.name,
        hint: `The first one: ${broken[0]?.reason ?? "there are none"}`,
      });
    }
    return {
      schema: schema(first.value),
      samples: (async function* () {
        yield convert(first.value);
        for await (const sample of samples) yield convert(sample);
        await makeFolders(directory, nodeDisk);
        await writeFileAtomically(list, new TextEncoder().encode(JSON.stringify(broken)), nodeDisk);
      })(),
      close: () => source.close(),
    };
  }, { directory, key: own, onProgress });
  const broken = await readFile(list, "utf8").then(
    (text) => JSON.parse(text) as readonly BrokenFile[], // written above
    () => [],
  );
  return { data, broken };
}

/** The samples that can be read, a few read ahead. */
async function* readable(
  source: Dataset<Sample>,
  broken: BrokenFile[],
  ahead = 8,
): AsyncGenerator<Sample, void> {
  const pending: Promise<Sample>[] = [];
  for (let i = 0, next = 0; i < source.size; i++) {
    for (; next < source.size && next <= i + ahead; next++) {
      const sample = source.get(next);
      sample.catch(() => {}); // looked at when its turn comes
      pending.push(sample);
    }
    try {
      yield await pending.shift()!;
    } catch (error) {
      const file = brokenFile(error, i);
      if (file === undefined) throw error;
      broken.push(file);
    }
  }
}

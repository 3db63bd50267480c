/** Reading safetensors files, whole or one tensor at a time. */
import { OptionError, WrongKindError } from "../data/errors.ts";
import { dataOptions } from "../data/options.ts";
import { callable, either, kind, listOf, requireArgument, text } from "../options/index.ts";
import {
  decodeTensor,
  headerLength,
  type HostTensor,
  type Layout,
  parseLayout,
  type SafetensorsFile,
} from "./format.ts";

/** Options of {@linkcode load} and {@linkcode stream}. */
export interface LoadOptions {
  /** The tensors to read, by their names or a test of names; all of them unless given. Others may have any element type. */
  readonly names?: readonly string[] | ((name: string) => boolean) | undefined;
}

const kinds = {
  names: either(
    listOf(text),
    callable<(name: string) => boolean>('(name) => name.startsWith("encoder.")'),
  ),
};
const checkLoad = dataOptions<LoadOptions>("safetensors.load", ["source"], kinds);
const checkStream = dataOptions<LoadOptions>("safetensors.stream", ["source"], kinds);

const sourceKind = {
  ...kind<string | Uint8Array>(
    "the path of a file or its bytes",
    '"weights.safetensors"',
    (value) => typeof value === "string" || value instanceof Uint8Array,
  ),
  refusal: (what: string, hint: string) => new OptionError(what, { hint }),
};

/** Bytes at any place: those of a file, or in memory. */
interface Source {
  readonly path: string | undefined;
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

async function open(source: string | Uint8Array): Promise<Source> {
  // Loaded when it is needed, so that pages without files can read bytes.
  if (typeof source === "string") return (await import("../data/files.ts")).openFile(source);
  return {
    path: undefined,
    size: source.length,
    read: (offset, length) => Promise.resolve(source.subarray(offset, offset + length)),
    close: () => Promise.resolve(),
  };
}

async function readLayout(file: Source, { names = () => true }: LoadOptions): Promise<Layout> {
  const wanted = typeof names === "function" ? names : (name: string) => names.includes(name);
  const { size, path } = file;
  const length = headerLength(await file.read(0, Math.min(8, size)), size, path);
  const { entries, metadata } = parseLayout(await file.read(8, length), size, wanted, path);
  const found = new Set(entries.map(({ name }) => name));
  const missing = typeof names === "function" ? [] : names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const shown = [...found].slice(0, 10).join(", ");
    throw new WrongKindError(`the file has no tensor "${missing.join('", "')}"`, {
      path,
      hint: `It has ${shown}${found.size > 10 ? ` and ${found.size - 10} more` : ""}`,
    });
  }
  return { entries: entries.filter(({ name }) => wanted(name)), metadata };
}

/**
 * Reads a safetensors file: its tensors as arrays on the host, under the names that they have there, and its metadata.
 * `np.array(data, { shape, dtype })` makes tensors of them.
 *
 * Types that tensors do not have are widened: F16 and BF16 to float32, integers of 8 and 16 bits to int32. Integers of 64
 * bits become 32-bit ones where all of them fit, since PyTorch keeps its counters so.
 *
 * @param source the path of a file, or the bytes of one: browsers have those of `fetch`. Modules of files are loaded for a path
 * alone; esbuild needs `--external:node:*` to leave them out of a bundle for browsers.
 * @throws {MissingFileError} when there is no file; {@linkcode TruncatedError}, {@linkcode CorruptError} or
 * {@linkcode WrongKindError} when it is cut short, contradicts itself, is of another kind or lacks a name;
 * {@linkcode UnsupportedError} for a wanted tensor of another element type; {@linkcode OptionError} for options.
 *
 * ```ts
 * import { np } from "trilevel";
 * import { encode, load } from "trilevel/safetensors";
 * const bytes = await encode({ "0.weight": np.array([[1, 2]]) });
 * const { tensors } = await load(bytes);
 * const { data, shape, dtype } = tensors["0.weight"]!;
 * const weight = np.array(data, { shape: [...shape], dtype });
 * console.assert(await np.sum(weight).item() === 3);
 * ```
 */
export async function load(
  source: string | Uint8Array,
  options: LoadOptions = {},
): Promise<SafetensorsFile> {
  checkLoad(options);
  requireArgument("safetensors.load", "source", sourceKind, source);
  const file = await open(source);
  try {
    const { entries, metadata } = await readLayout(file, options);
    const tensors: [string, HostTensor][] = [];
    for (const entry of entries) {
      const bytes = await file.read(entry.from, entry.to - entry.from);
      tensors.push([entry.name, decodeTensor(entry, bytes, file.path)]);
    }
    return { tensors: Object.fromEntries(tensors), metadata };
  } finally {
    await file.close();
  }
}

/**
 * Reads a safetensors file one tensor at a time, for files larger than memory: pairs of a name and a tensor, in the
 * order of the header. Tensors that are not among `names` are not read, and the file is closed when the loop ends.
 *
 * @param source the path of a file, or the bytes of one.
 * @throws as {@linkcode load} does; options are checked at the call, the file when the loop begins.
 *
 * ```ts
 * import { np } from "trilevel";
 * import { encode, stream } from "trilevel/safetensors";
 * const bytes = await encode({ a: np.ones([2]), b: np.zeros([3]) });
 * for await (const [name, { shape }] of stream(bytes, { names: ["b"] })) {
 *   console.assert(name === "b" && shape[0] === 3);
 * }
 * ```
 */
export function stream(
  source: string | Uint8Array,
  options: LoadOptions = {},
): AsyncGenerator<[name: string, tensor: HostTensor]> {
  checkStream(options);
  requireArgument("safetensors.stream", "source", sourceKind, source);
  return tensorsOf(source, options);
}

async function* tensorsOf(
  source: string | Uint8Array,
  options: LoadOptions,
): AsyncGenerator<[name: string, tensor: HostTensor]> {
  const file = await open(source);
  try {
    for (const entry of (await readLayout(file, options)).entries) {
      const bytes = await file.read(entry.from, entry.to - entry.from);
      yield [entry.name, decodeTensor(entry, bytes, file.path)];
    }
  } finally {
    await file.close();
  }
}

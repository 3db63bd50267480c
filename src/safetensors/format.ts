/**
 * Safetensors files: tensors by name in a form that other libraries read.
 *
 * ```text
 * uint64 length of the header, little-endian
 * JSON   { "__metadata__": { text: text }, name: { dtype, shape, data_offsets: [from, to] }, … }
 * bytes  of all tensors, offsets counted from here
 * ```
 *
 * A file that is cut short, or whose header contradicts its contents, is refused as a whole, as the official reader
 * does: tensors must follow each other without gap or overlap, from the first byte to the last, each name once.
 */
import { CorruptError, TruncatedError, UnsupportedError, WrongKindError } from "../data/errors.ts";
import { judgeJson } from "../data/formats/json.ts";
import type { DType, TypedArray } from "../public.ts";
import { codes, elementTypes, otherTypes } from "./elements.ts";

/** A tensor on the host. */
export interface HostTensor {
  /** The element type. */
  readonly dtype: DType;
  /** The length of every axis. */
  readonly shape: readonly number[];
  /** The elements; a float32 tensor of the reference backend comes in double precision. */
  readonly data: TypedArray;
}

/** The contents of a file. */
export interface SafetensorsFile {
  /** The tensors by name, in the order of the file's header. */
  readonly tensors: { readonly [name: string]: HostTensor };
  /** Texts about the file. */
  readonly metadata: { readonly [key: string]: string };
}

// Names under which a tensor's own element type is kept where the stored one is wider.
const narrowed = "trilevel.dtype:";

/** The bytes of a file. */
export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array {
  const header: Record<string, unknown> = {};
  const texts: Record<string, string> = { ...metadata };
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const wide = dtype === "float32" && data instanceof Float64Array;
    if (wide) texts[narrowed + name] = dtype;
    const start = end;
    end += data.byteLength;
    header[name] = { dtype: wide ? "F64" : codes[dtype], shape, data_offsets: [start, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify({ __metadata__: texts, ...header }));
  // Tensors begin at a multiple of 8, as the format asks.
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded + end).fill(32, 8, 8 + padded);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  let at = 8 + padded;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** The place of a tensor in a file. */
export interface Entry {
  readonly name: string;
  /** The element type in the file. */
  readonly code: string;
  readonly shape: readonly number[];
  /** The first byte of its elements, counted from the start of the file, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** True for a float32 tensor in double precision. */
  readonly wide: boolean;
}

/** The contents of a file without the elements. */
export interface Layout {
  /** In the order of the header. */
  readonly entries: readonly Entry[];
  readonly metadata: { readonly [key: string]: string };
}

/** The longest header that the official reader takes. */
const longestHeader = 100_000_000;
const again = "Download the file again";
const maker = "Ask for the file from whoever wrote it, or write it again with an official library";

/** The length of the header in bytes, by the first bytes of a file of some size. */
export function headerLength(start: Uint8Array, size: number, path?: string): number {
  const length = start.length < 8
    ? 0
    : Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (start.length < 8 || 8 + length > size) {
    throw new TruncatedError(`the file ends at byte ${size}, inside its header`, {
      path,
      hint: `${again}, and check that it is a safetensors file`,
    });
  }
  if (length > longestHeader) {
    throw new WrongKindError(`the header has ${length} bytes, more than ${longestHeader}`, {
      path,
      offset: 0,
      hint: "Check that it is a safetensors file",
    });
  }
  return length;
}

/**
 * Reads a header and checks that it fits the file. Tensors that are not wanted may have any element type.
 *
 * @throws DataError that names the mistake and its byte.
 */
export function parseLayout(
  header: Uint8Array,
  size: number,
  wanted: (name: string) => boolean,
  path?: string,
): Layout {
  const start = 8 + header.length;
  const { __metadata__: texts, ...named } = parseHeader(header, path);
  const metadata = parseMetadata(texts, path);
  const entries = Object.entries(named).map(([name, entry]) => {
    const { from, to, ...rest } = parseEntry(name, entry, wanted(name), path);
    const wide = rest.code === "F64" && metadata.get(narrowed + name) === "float32";
    return { ...rest, from: start + from, to: start + to, wide };
  });
  let end = start;
  for (const { name, from, to } of [...entries].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) {
      const what = from < end ? "overlaps the tensor before it" : "leaves a gap before it";
      throw new CorruptError(`${name} ${what}, which ends at byte ${end}`, {
        path,
        offset: from,
        hint: maker,
      });
    }
    end = to;
    if (to > size) {
      throw new TruncatedError(
        `the file ends at byte ${size}, but ${name} ends at byte ${to}: the file is cut short`,
        { path, hint: again },
      );
    }
  }
  if (size !== end) {
    const found = `${size - end} bytes follow the last tensor`;
    throw new CorruptError(found, { path, offset: end, hint: again });
  }
  const own = [...metadata].filter(([key]) => !key.startsWith(narrowed));
  return { entries, metadata: Object.fromEntries(own) };
}

/** A tensor of the bytes that are its elements in the file. */
export function decodeTensor(
  { name, code, shape, wide }: Entry,
  bytes: Uint8Array,
  path?: string,
): HostTensor {
  const { dtype, read } = elementTypes.get(code)!; // entries that are wanted have one of these
  // A copy has a buffer of its own.
  const data = read(new Uint8Array(bytes).buffer, name, path);
  return { dtype: wide ? "float32" : dtype, shape, data };
}

/**
 * Decodes the bytes of a file. Tensors that are not wanted are left out, and may have any element type.
 *
 * @throws DataError that names the mistake and its byte.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  wanted: (name: string) => boolean = () => true,
): SafetensorsFile {
  const end = 8 + headerLength(bytes.subarray(0, 8), bytes.length);
  const { entries, metadata } = parseLayout(bytes.subarray(8, end), bytes.length, wanted);
  const tensors = entries.filter(({ name }) => wanted(name))
    .map((entry) => [entry.name, decodeTensor(entry, bytes.subarray(entry.from, entry.to))]);
  return { tensors: Object.fromEntries(tensors), metadata };
}

function parseHeader(
  bytes: Uint8Array,
  path: string | undefined,
): { readonly [name: string]: unknown } {
  const wrong = (at: number, what: string) =>
    new WrongKindError(`the header ${what}, so this is not a safetensors file`, {
      path,
      offset: 8 + at,
      hint: "Check the path, and that the download is complete",
    });
  if (bytes[0] !== 0x7b) throw wrong(0, "is not a JSON object");
  const keys = new Set<string>();
  const twice: string[] = [];
  // A header is an object of objects with lists; keys may be written with escapes.
  const verdict = judgeJson(bytes, 16, (key, depth) => {
    if (depth !== 1) return;
    const name: string = JSON.parse(`"${new TextDecoder().decode(key)}"`);
    if (keys.has(name)) twice.push(name);
    keys.add(name);
  });
  if (verdict.kind === "short") throw wrong(bytes.length, "is JSON that ends too early");
  if (verdict.kind !== "fine") throw wrong(verdict.offset, "is not JSON");
  if (twice.length > 0) {
    const found = `the header has the name ${twice[0]} twice`;
    throw new CorruptError(found, { path, offset: 8, hint: maker });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw wrong(0, "is not UTF-8");
  }
  return JSON.parse(text) as Record<string, unknown>; // it begins with a brace
}

/** Texts by name; null stands for none, as in the official reader. */
function parseMetadata(
  texts: unknown,
  path: string | undefined,
): ReadonlyMap<string, string> {
  if (texts === undefined || texts === null) return new Map();
  const entries = typeof texts === "object" && !Array.isArray(texts)
    ? Object.entries(texts)
    : undefined;
  if (!entries?.every(([, text]) => typeof text === "string")) {
    throw new CorruptError(
      `__metadata__ is not an object of strings: ${JSON.stringify(texts).slice(0, 100)}`,
      { path, offset: 8, hint: maker },
    );
  }
  return new Map(entries as [string, string][]); // as was checked
}

function parseEntry(name: string, entry: unknown, wanted: boolean, path: string | undefined) {
  const { dtype: code, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  const other = typeof code === "string" && otherTypes.test(code);
  if (other && wanted) {
    throw new UnsupportedError(`${name} has the element type ${code}, which is not supported`, {
      path,
      hint: "Convert it to F32 first, or leave it out with `names`",
    });
  }
  const type = typeof code === "string" ? elementTypes.get(code) : undefined;
  const corrupt = (found: string) => new CorruptError(found, { path, offset: 8, hint: maker });
  if ((type === undefined && !other) || !whole(shape) || !whole(offsets) || offsets.length !== 2) {
    throw corrupt(`the header's entry for ${name} is ${JSON.stringify(entry).slice(0, 200)}`);
  }
  const [from, to] = offsets as [number, number]; // two, as was checked
  const length = type && shape.reduce((n, size) => n * size, 1) * type.size;
  if (to < from || (length !== undefined && to - from !== length)) {
    throw corrupt(
      `${name} of shape [${shape}] takes ${length} bytes, not those of [${offsets}]`,
    );
  }
  return { name, code: code as string, shape, from, to }; // checked as a key of the types
}

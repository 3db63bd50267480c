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
import { judgeJson } from "../data/formats/json.ts";
import type { DType, TypedArray } from "../public.ts";

/** A tensor on the host. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements; a float32 tensor of the reference backend comes in double precision. */
  readonly data: TypedArray;
}

/** The contents of a file. */
export interface SafetensorsFile {
  readonly tensors: { readonly [name: string]: HostTensor };
  readonly metadata: { readonly [key: string]: string };
}

const codes = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  uint32: "U32",
  bool: "BOOL",
} as const;

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const;

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

/** The longest header that the official reader takes. */
const longestHeader = 100_000_000;

/**
 * Decodes the bytes of a file. Tensors that are not wanted are left out, and may have any element type.
 *
 * @throws Error that names the mistake and its byte.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  wanted: (name: string) => boolean = () => true,
): SafetensorsFile {
  const headerLength = bytes.length < 8
    ? 0
    : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const headerEnd = 8 + headerLength;
  if (bytes.length < 8 || headerEnd > bytes.length) {
    throw new Error(`the file ends at byte ${bytes.length}, inside its header`);
  }
  if (headerLength > longestHeader) {
    throw new Error(`byte 0: the header has ${headerLength} bytes, more than ${longestHeader}`);
  }
  const { __metadata__: texts, ...entries } = parseHeader(bytes.subarray(8, headerEnd));
  const metadata = parseMetadata(texts);
  const tensors = new Map<string, HostTensor>();
  const parsed = Object.entries(entries).map(([name, entry]) =>
    parseEntry(name, entry, wanted(name))
  )
    .sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  for (const { name, code, shape, from, to } of parsed) {
    if (from !== end) {
      const what = from < end ? "overlaps the tensor before it" : "leaves a gap before it";
      throw new Error(
        `byte ${headerEnd + from}: ${name} ${what}, which ends at byte ${headerEnd + end}`,
      );
    }
    end = to;
    if (headerEnd + to > bytes.length) {
      throw new Error(
        `the file ends at byte ${bytes.length}, ${name} at byte ${headerEnd + to}: it is cut short`,
      );
    }
    if (!wanted(name)) continue;
    const stored = dtypes.get(code)!.dtype;
    const data = new arrays[stored](shape.reduce((n, size) => n * size, 1));
    new Uint8Array(data.buffer).set(bytes.subarray(headerEnd + from, headerEnd + to));
    const dtype = metadata.get(narrowed + name) === "float32" ? "float32" : stored;
    tensors.set(name, { dtype, shape, data });
  }
  if (headerEnd + end !== bytes.length) {
    throw new Error(`${bytes.length - headerEnd - end} bytes follow the last tensor`);
  }
  const own = [...metadata].filter(([key]) => !key.startsWith(narrowed));
  // In the order of the header, as they were given to the writer.
  const named = Object.keys(entries).filter(wanted)
    .map((name) => [name, tensors.get(name)!] as const);
  return { tensors: Object.fromEntries(named), metadata: Object.fromEntries(own) };
}

const dtypes: ReadonlyMap<string, { readonly dtype: DType; readonly size: number }> = new Map([
  ["F32", { dtype: "float32", size: 4 }],
  ["F64", { dtype: "float64", size: 8 }],
  ["I32", { dtype: "int32", size: 4 }],
  ["U32", { dtype: "uint32", size: 4 }],
  ["BOOL", { dtype: "bool", size: 1 }],
]);

/** Types of the format that this package has no arrays of. */
const others = /^(I8|U8|I16|U16|I64|U64|F16|BF16|C64|F4|F6_E2M3|F6_E3M2|F8_[A-Z0-9]+)$/;

function parseHeader(bytes: Uint8Array): { readonly [name: string]: unknown } {
  const wrong = (at: number, what: string) =>
    new Error(`byte ${8 + at}: the header ${what}, so this is no safetensors file`);
  if (bytes[0] !== 0x7b) throw wrong(0, "is no JSON object");
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
  if (verdict.kind !== "fine") throw wrong(verdict.offset, "is no JSON");
  if (twice.length > 0) throw new Error(`byte 8: the header has the name ${twice[0]} twice`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw wrong(0, "is not UTF-8");
  }
  return JSON.parse(text) as Record<string, unknown>; // it begins with a brace
}

/** Texts by name; null stands for none, as in the official reader. */
function parseMetadata(texts: unknown): ReadonlyMap<string, string> {
  if (texts === undefined || texts === null) return new Map();
  const entries = typeof texts === "object" && !Array.isArray(texts)
    ? Object.entries(texts)
    : undefined;
  if (!entries?.every(([, text]) => typeof text === "string")) {
    throw new Error(
      `byte 8: __metadata__ is no object of texts: ${JSON.stringify(texts).slice(0, 100)}`,
    );
  }
  return new Map(entries as [string, string][]); // as was checked
}

function parseEntry(name: string, entry: unknown, wanted: boolean) {
  const { dtype: code, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  const other = typeof code === "string" && others.test(code);
  if (other && wanted) {
    throw new Error(
      `${name} has the element type ${code}, which is not supported: convert it to F32 first`,
    );
  }
  const type = typeof code === "string" ? dtypes.get(code) : undefined;
  if ((type === undefined && !other) || !whole(shape) || !whole(offsets) || offsets.length !== 2) {
    throw new Error(`the header's entry for ${name} is ${JSON.stringify(entry).slice(0, 200)}`);
  }
  const [from, to] = offsets as [number, number];
  const length = type && shape.reduce((n, size) => n * size, 1) * type.size;
  if (to < from || (length !== undefined && to - from !== length)) {
    throw new Error(`${name} of shape [${shape}] takes ${length} bytes, not those of [${offsets}]`);
  }
  return { name, code: code as string, shape, from, to };
}

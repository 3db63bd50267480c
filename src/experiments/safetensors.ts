/**
 * Safetensors files: tensors by name in a form that other libraries read.
 *
 * ```text
 * uint64 length of the header, little-endian
 * JSON   { "__metadata__": { text: text }, name: { dtype, shape, data_offsets: [from, to] }, … }
 * bytes  of all tensors, offsets counted from here
 * ```
 *
 * A file that is cut short, or whose header contradicts its contents, is refused as a whole.
 */
import { allocate, type DType, type TypedArray } from "../core/dtype.ts";

/** A tensor on the host. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements; a float32 tensor of the reference backend comes in double precision. */
  readonly data: TypedArray;
}

/** What a file holds. */
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
const sizes: { readonly [code: string]: number } = { F32: 4, F64: 8, I32: 4, U32: 4, BOOL: 1 };

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

/** What the bytes of a file hold. @throws Error saying what is wrong, and at which byte. */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const headerEnd = bytes.length < 8
    ? Infinity
    : 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (!(headerEnd <= bytes.length)) {
    throw new Error(`the file ends at byte ${bytes.length}, inside its header`);
  }
  const header = parseHeader(bytes.subarray(8, headerEnd));
  const { __metadata__: texts = {}, ...entries } = header;
  const metadata = texts as { readonly [key: string]: string }; // the format allows only texts
  const tensors: Record<string, HostTensor> = {};
  let end = 0;
  for (const [name, entry] of Object.entries(entries)) {
    const { code, shape, from, to } = parseEntry(name, entry);
    end = Math.max(end, to);
    if (headerEnd + to > bytes.length) {
      throw new Error(
        `the file ends at byte ${bytes.length}, ${name} at byte ${headerEnd + to}: it is cut short`,
      );
    }
    const stored = dtypes[code]!;
    const data = allocate(stored, shape.reduce((n, size) => n * size, 1));
    new Uint8Array(data.buffer).set(bytes.subarray(headerEnd + from, headerEnd + to));
    const dtype = metadata[narrowed + name] === "float32" ? "float32" : stored;
    tensors[name] = { dtype, shape, data };
  }
  if (headerEnd + end !== bytes.length) {
    throw new Error(`${bytes.length - headerEnd - end} bytes follow the last tensor`);
  }
  const own = Object.entries(metadata).filter(([key]) => !key.startsWith(narrowed));
  return { tensors, metadata: Object.fromEntries(own) };
}

const dtypes: { readonly [code: string]: DType } = {
  F32: "float32",
  F64: "float64",
  I32: "int32",
  U32: "uint32",
  BOOL: "bool",
};

function parseHeader(bytes: Uint8Array): { readonly [name: string]: unknown } {
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof header === "object" && header !== null) return header as Record<string, unknown>;
  } catch {
    // Reported below, like a header of another kind.
  }
  throw new Error("byte 8: the header is no JSON object, so this is no safetensors file");
}

function parseEntry(name: string, entry: unknown) {
  const { dtype: code, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (typeof code !== "string" || !(code in sizes) || !whole(shape) || !whole(offsets)) {
    throw new Error(`the header's entry for ${name} is ${JSON.stringify(entry)}`);
  }
  const [from, to] = offsets;
  const length = shape.reduce((n, size) => n * size, 1) * sizes[code]!;
  if (from === undefined || to === undefined || to - from !== length) {
    throw new Error(`${name} of shape [${shape}] takes ${length} bytes, not those of [${offsets}]`);
  }
  return { code, shape, from, to };
}

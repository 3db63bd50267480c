/**
 * tf.Example messages: named features, each a list of bytes, floats or integers.
 *
 * ```proto
 * message Example  { Features features = 1; }
 * message Features { map<string, Feature> feature = 1; }
 * message Feature  { oneof kind { BytesList = 1; FloatList = 2; Int64List = 3; } }
 * message ...List  { repeated ... value = 1; }     // numbers packed or not
 * ```
 */

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { CorruptError } from "../errors.ts";

/**
 * A feature's value. The strings of a list of bytes are joined: the datasets store an array of bytes
 * as one string each, or as one string in all, and both come out the same.
 */
export type Feature =
  | { readonly kind: "bytes"; readonly data: Uint8Array }
  | { readonly kind: "float"; readonly data: Float32Array }
  | { readonly kind: "int64"; readonly data: BigInt64Array };

/**
 * Parses one tf.Example, with protobuf's rules for what comes more than once: parts of one message are merged, and
 * lists go on; of entries with the same name, and of lists of different kinds, the last one counts.
 *
 * @param where path and offset of the record, for errors.
 * @throws {CorruptError} when the bytes are no tf.Example.
 */
export function parseExample(
  bytes: Uint8Array,
  where: { readonly path?: string; readonly offset?: number } = {},
): Map<string, Feature> {
  try {
    const features = new Map<string, Feature>();
    for (const featureMap of messages(bytes, 1)) {
      for (const entry of messages(featureMap, 1)) {
        const [name, feature] = parseEntry(entry);
        features.delete(name);
        if (feature !== undefined) features.set(name, feature);
      }
    }
    return features;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new CorruptError(`the record is not a tf.Example: ${what}`, {
      ...where,
      hint: "Check that the file is the dataset it is said to be",
      cause: error,
    });
  }
}

// The length-delimited values of one field; other fields are skipped.
function* messages(bytes: Uint8Array, wanted: number): Generator<Uint8Array> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === wanted && wire === WireType.LengthDelimited) yield reader.bytes();
    else reader.skip(wire, field);
  }
}

function parseEntry(entry: Uint8Array): [name: string, feature: Feature | undefined] {
  const reader = new BinaryReader(entry);
  let name = "";
  const parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === WireType.LengthDelimited) name = reader.string();
    else if (field === 2 && wire === WireType.LengthDelimited) parts.push(reader.bytes());
    else reader.skip(wire, field);
  }
  return [name, parseFeature(concatenated(parts))];
}

// Merging messages is the same as reading them as one.
function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function parseFeature(bytes: Uint8Array): Feature | undefined {
  const reader = new BinaryReader(bytes);
  let kind = 0;
  let parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire !== WireType.LengthDelimited || field < 1 || field > 3) {
      reader.skip(wire, field);
      continue;
    }
    if (field !== kind) parts = [];
    kind = field;
    parts.push(reader.bytes());
  }
  const list = concatenated(parts);
  if (kind === 1) return { kind: "bytes", data: joinBytes(list) };
  if (kind === 2) return { kind: "float", data: Float32Array.from(floats(list)) };
  if (kind === 3) return { kind: "int64", data: BigInt64Array.from(integers(list)) };
  return undefined;
}

function joinBytes(list: Uint8Array): Uint8Array {
  return joinSingleBytes(list) ?? concatenated([...messages(list, 1)]);
}

// One-byte strings are encoded as 0x0a 0x01 b; an image is 10⁵ of them, hence this shortcut.
function joinSingleBytes(list: Uint8Array): Uint8Array | undefined {
  if (list.length % 3 !== 0) return undefined;
  const joined = new Uint8Array(list.length / 3);
  for (let i = 0, at = 0; i < list.length; i += 3) {
    if (list[i] !== 0x0a || list[i + 1] !== 1) return undefined;
    joined[at++] = list[i + 2]!;
  }
  return joined;
}

function floats(list: Uint8Array): number[] {
  return numbers(list, WireType.Bit32, (reader) => reader.float());
}

function integers(list: Uint8Array): bigint[] {
  return numbers(list, WireType.Varint, (reader) => BigInt(reader.int64()));
}

// The numbers of a list, each on its own or many packed together.
function numbers<T>(list: Uint8Array, own: WireType, read: (reader: BinaryReader) => T): T[] {
  const reader = new BinaryReader(list);
  const values: T[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === own) values.push(read(reader));
    else if (field === 1 && wire === WireType.LengthDelimited) {
      const packed = new BinaryReader(reader.bytes());
      while (packed.pos < packed.len) values.push(read(packed));
    } else reader.skip(wire, field);
  }
  return values;
}

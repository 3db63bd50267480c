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
import { CorruptError } from "./errors.ts";

/**
 * A feature's value. The strings of a list of bytes are joined: the datasets store an array of bytes
 * as one string each, or as one string in all, and both come out the same.
 */
export type Feature =
  | { readonly kind: "bytes"; readonly data: Uint8Array }
  | { readonly kind: "float"; readonly data: Float32Array }
  | { readonly kind: "int64"; readonly data: Float64Array };

/**
 * Parses one tf.Example.
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
        if (feature !== undefined) features.set(name, feature);
      }
    }
    return features;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new CorruptError(`the record is no tf.Example: ${what}`, {
      ...where,
      cure: "Check that the file is the dataset it is said to be",
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
  let feature: Feature | undefined;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === WireType.LengthDelimited) name = reader.string();
    else if (field === 2 && wire === WireType.LengthDelimited) {
      feature = parseFeature(reader.bytes());
    } else reader.skip(wire, field);
  }
  return [name, feature];
}

function parseFeature(bytes: Uint8Array): Feature | undefined {
  const reader = new BinaryReader(bytes);
  let feature: Feature | undefined;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire !== WireType.LengthDelimited) reader.skip(wire, field);
    else if (field === 1) feature = { kind: "bytes", data: joinBytes(reader.bytes()) };
    else if (field === 2) feature = { kind: "float", data: parseFloats(reader.bytes()) };
    else if (field === 3) feature = { kind: "int64", data: parseIntegers(reader.bytes()) };
    else reader.skip(wire, field);
  }
  return feature;
}

function joinBytes(list: Uint8Array): Uint8Array {
  const single = joinSingleBytes(list);
  if (single !== undefined) return single;
  const strings = [...messages(list, 1)];
  const joined = new Uint8Array(strings.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const string of strings) {
    joined.set(string, at);
    at += string.length;
  }
  return joined;
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

function parseFloats(list: Uint8Array): Float32Array {
  const reader = new BinaryReader(list);
  const values: number[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field !== 1) reader.skip(wire, field);
    else if (wire === WireType.Bit32) values.push(reader.float());
    else {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) values.push(reader.float());
    }
  }
  return Float32Array.from(values);
}

function parseIntegers(list: Uint8Array): Float64Array {
  const reader = new BinaryReader(list);
  const values: number[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field !== 1) reader.skip(wire, field);
    else if (wire === WireType.Varint) values.push(Number(reader.int64()));
    else {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) values.push(Number(reader.int64()));
    }
  }
  return Float64Array.from(values);
}

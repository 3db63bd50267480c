/**
 * What the data tests share: temporary folders, the genuine samples, and writers of the true formats.
 *
 * The writers are independent of the readers: the checksum is computed bit by bit, messages are written
 * by protobuf's own library.
 */

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { encode } from "fast-png";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { DataError } from "trilevel/data";

/** A folder that lives as long as the tests of the file that asks for it. */
export function temporaryFolder(): (name: string) => string {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "trilevel-data-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** A file of `test/fixtures/data`. */
export const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url));

/** Writes a file and the folders above it. */
export async function put(path: string, contents: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
  return path;
}

/** A PNG file with the given bytes as pixels. */
export const png = (
  width: number,
  height: number,
  channels: number,
  value: (i: number) => number,
): Uint8Array =>
  encode({
    width,
    height,
    channels,
    data: Uint8Array.from({ length: width * height * channels }, (_, i) => value(i)),
  });

/** A JPEG file of 13×11 pixels. */
export const jpeg: Uint8Array = Buffer.from(
  JSON.parse(await readFile(fixture("images.json"), "utf8")).decoded["baseline.jpg"].file,
  "base64",
);

/** Tests on a genuine sample, skipped aloud where it is not present. */
export function describeGenuine(name: string, tests: (path: string) => void): void {
  const root = process.env["TRILEVEL_DATA"] ??
    fileURLToPath(new URL("../../../shared/data", import.meta.url));
  const path = join(root, name);
  const there = existsSync(path);
  if (!there) console.log(`skipped: no genuine sample ${name} (set TRILEVEL_DATA)`);
  describe.skipIf(!there)(`genuine ${name}`, () => tests(path));
}

/** The error a promise rejects with; it must be a DataError with a hint. */
export async function failure(promise: Promise<unknown>): Promise<DataError> {
  const error = await promise.then(() => undefined, (error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  const dataError = error as DataError;
  expect(dataError.hint.length).toBeGreaterThan(5);
  expect(dataError.message).toContain(dataError.hint);
  return dataError;
}

/** CRC-32C by long division, one bit at a time. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

const masked = (bytes: Uint8Array) => {
  const crc = slowCrc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** A TFRecord file. */
export function tfRecords(records: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(records.flatMap((record) => {
    const header = new DataView(new ArrayBuffer(12));
    header.setBigUint64(0, BigInt(record.length), true);
    header.setUint32(8, masked(new Uint8Array(header.buffer, 0, 8)), true);
    const footer = new DataView(new ArrayBuffer(4));
    footer.setUint32(0, masked(record), true);
    return [new Uint8Array(header.buffer), record, new Uint8Array(footer.buffer)];
  }));
}

/** A value to be written as a feature: bytes become one string each unless `joined`. */
export type FeatureValue =
  | { readonly bytes: Uint8Array; readonly joined?: boolean }
  | { readonly floats: readonly number[]; readonly unpacked?: boolean }
  | { readonly integers: readonly (number | bigint)[]; readonly unpacked?: boolean };

/** A tf.Example message. */
export function tfExample(features: { readonly [name: string]: FeatureValue }): Uint8Array {
  const map = new BinaryWriter();
  for (const [name, value] of Object.entries(features)) {
    const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name)
      .tag(2, WireType.LengthDelimited).bytes(feature(value)).finish();
    map.tag(1, WireType.LengthDelimited).bytes(entry);
  }
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(map.finish()).finish();
}

function feature(value: FeatureValue): Uint8Array {
  const list = new BinaryWriter();
  if ("bytes" in value) {
    const strings = value.joined ? [value.bytes] : [...value.bytes].map((b) => Uint8Array.of(b));
    for (const string of strings) list.tag(1, WireType.LengthDelimited).bytes(string);
    return wrap(1, list);
  }
  if ("floats" in value) {
    if (value.unpacked) value.floats.forEach((x) => list.tag(1, WireType.Bit32).float(x));
    else {
      list.tag(1, WireType.LengthDelimited).fork();
      value.floats.forEach((x) => list.float(x));
      list.join();
    }
    return wrap(2, list);
  }
  if (value.unpacked) value.integers.forEach((x) => list.tag(1, WireType.Varint).int64(String(x)));
  else {
    list.tag(1, WireType.LengthDelimited).fork();
    value.integers.forEach((x) => list.int64(String(x)));
    list.join();
  }
  return wrap(3, list);
}

const wrap = (field: number, list: BinaryWriter) =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(list.finish()).finish();

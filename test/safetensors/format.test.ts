/** Safetensors files that the official reader refuses are refused here. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSafetensors, encodeSafetensors } from "../../src/safetensors/format.ts";
import { DataError } from "trilevel/data";
import { runs } from "../support/tier.ts";

/** A file with this header, and so many bytes behind it. */
function file(header: string | Uint8Array, length: number): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  for (let i = 0; i < length; i++) bytes[8 + text.length + i] = i;
  return bytes;
}
const entry = (from: number, to: number, changes: object = {}) => ({
  ...{ dtype: "BOOL", shape: [to - from], data_offsets: [from, to], ...changes },
});
const json = (header: object) => JSON.stringify(header);

test.each<readonly [string, string | Uint8Array, number, RegExp]>([
  ["overlap", json({ a: entry(0, 4), b: entry(2, 6) }), 6, /b overlaps the tensor before it/],
  ["the same bytes", json({ a: entry(0, 4), b: entry(0, 4) }), 4, /b overlaps/],
  ["a gap", json({ a: entry(0, 4), b: entry(6, 8) }), 8, /b leaves a gap/],
  ["a gap at the start", json({ a: entry(2, 4) }), 4, /a leaves a gap/],
  ["bytes behind the last", json({ a: entry(0, 4) }), 5, /1 bytes follow/],
  ["bytes missing", json({ a: entry(0, 4) }), 3, /cut short/],
  ["a name twice", `{"a":${json(entry(0, 4))},"a":${json(entry(0, 4))}}`, 4, /the name a twice/],
  [
    "a name twice, escaped",
    `{"a":${json(entry(0, 4))},"\\u0061":${json(entry(4, 8))}}`,
    8,
    /a twice/,
  ],
  ["an array", "[]", 0, /not a JSON object/],
  ["a text", '"a"', 0, /not a JSON object/],
  ["space before the object", " {}", 0, /not a JSON object/],
  ["nothing", "", 0, /not a JSON object/],
  ["half an object", '{"a":', 0, /ends too early/],
  ["something behind the object", "{}x", 0, /not JSON/],
  ["nesting without end", `{"a":${"[".repeat(100)}`, 0, /not JSON/],
  ["another encoding", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0, /not UTF-8/],
  [
    "metadata that is a list",
    json({ __metadata__: [] }),
    0,
    /__metadata__ is not an object of strings/,
  ],
  [
    "metadata of numbers",
    json({ __metadata__: { a: 1 } }),
    0,
    /__metadata__ is not an object of strings/,
  ],
  ["an entry of nothing", json({ a: null }), 0, /entry for a is null/],
  ["a type of Object.prototype", json({ a: entry(0, 4, { dtype: "toString" }) }), 4, /entry for a/],
  ["complex numbers", json({ a: entry(0, 8, { dtype: "C64" }) }), 8, /C64, which is not supported/],
  ["a negative length", json({ a: entry(0, 4, { shape: [-4] }) }), 4, /entry for a/],
  ["three offsets", json({ a: entry(0, 4, { data_offsets: [0, 4, 4] }) }), 4, /entry for a/],
  ["offsets turned round", json({ a: entry(0, 4, { data_offsets: [4, 0] }) }), 4, /takes 4 bytes/],
  ["a shape beyond 2⁵³", json({ a: entry(0, 4, { shape: [2 ** 40, 2 ** 40] }) }), 4, /takes/],
])("a file with %s is refused", (_, header, length, expected) => {
  expect(() => decodeSafetensors(file(header, length))).toThrow(expected);
  expect(() => decodeSafetensors(file(header, length))).toThrow(DataError);
});

describe("what the official reader takes is taken", () => {
  test("metadata of null, padding, unknown keys of an entry, tensors without elements", () => {
    const header = json({
      __metadata__: null,
      a: entry(0, 4),
      empty: entry(4, 4),
      b: entry(4, 6, { more: 1 }),
    });
    const { tensors, metadata } = decodeSafetensors(file(`${header}    `, 6));
    expect(metadata).toEqual({});
    expect(Object.keys(tensors)).toEqual(["a", "empty", "b"]);
    expect([...tensors["b"]!.data]).toEqual([4, 5]);
  });

  test("tensors in any order of the header, names of Object.prototype", () => {
    const { tensors } = decodeSafetensors(
      file(json({ b: entry(2, 4), constructor: entry(0, 2) }), 4),
    );
    expect([...tensors["constructor"]!.data]).toEqual([0, 1]);
    expect([...tensors["b"]!.data]).toEqual([2, 3]);
  });
});

test("a file with any wrong byte is another file, or an Error that says where", () => {
  const bytes = encodeSafetensors({
    tensors: {
      w: { dtype: "float32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      n: { dtype: "int32", shape: [], data: Int32Array.of(7) },
    },
    metadata: { step: "4" },
  });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const wrong = Uint8Array.from(bytes);
      wrong[at]! ^= change;
      try {
        decodeSafetensors(wrong);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }),
    { numRuns: runs(2000) },
  );
});

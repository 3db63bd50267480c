/** PNG of every kind: the pixels it was made of, or refused for the right reason. */

import { readFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError, decodeImage } from "trilevel/data";
import { fixture } from "./support.ts";

interface Case {
  readonly file: string;
  readonly shape: readonly number[];
  readonly pixels: string;
}
const cases: { readonly [name: string]: Case } = JSON.parse(
  await readFile(fixture("pngs.json"), "utf8"),
);

describe("decoding", () => {
  it.each(Object.entries(cases))("%s has the pixels it was made of", (_, made) => {
    const image = decodeImage(Buffer.from(made.file, "base64"));
    expect(image.shape).toEqual(made.shape);
    expect(Buffer.from(image.data).toString("base64")).toBe(made.pixels);
  });
});

function chunk(type: string, body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + body.length);
  bytes.writeUInt32BE(body.length);
  bytes.write(type, 4, "latin1");
  bytes.set(body, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), 8 + body.length);
  return bytes;
}

interface Parts {
  readonly width?: number;
  readonly height?: number;
  readonly depth?: number;
  readonly colour?: number;
  readonly rest?: readonly [compression: number, filter: number, interlace: number];
  readonly raw?: Uint8Array;
  readonly chunks?: readonly (readonly [string, Uint8Array])[];
  readonly after?: readonly (readonly [string, Uint8Array])[];
}

function pngOf(
  { width = 1, height = 1, depth = 8, colour = 0, rest = [0, 0, 0], raw, chunks, after }: Parts,
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, ...rest], 8);
  const data = deflateSync(raw ?? new Uint8Array(2), { level: 9 });
  const all = [["IHDR", header], ...chunks ?? [], ["IDAT", data], ...after ?? [], [
    "IEND",
    new Uint8Array(0),
  ]] as [string, Uint8Array][];
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    ...all.map(([type, body]) => chunk(type, body)),
  ]);
}

function fault(file: Uint8Array, limits = {}): string {
  try {
    decodeImage(file, "a.png", { limits });
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).path).toBe("a.png");
    return `${(error as DataError)._tag}: ${(error as DataError).message}`;
  }
  return "nothing";
}

describe("orientation", () => {
  it("in an eXIf chunk is applied, unless told otherwise", () => {
    const exif = Buffer.from("4d4d002a00000008000101120003000000010006000000000000", "hex"); // 6: clockwise
    const raw = Uint8Array.of(0, 10, 20, 30, 0, 40, 50, 60);
    const file = pngOf({ width: 3, height: 2, raw, chunks: [["eXIf", exif]] });
    const turned = decodeImage(file);
    expect([turned.shape, [...turned.data]]).toEqual([[3, 2, 1], [40, 10, 50, 20, 60, 30]]);
    expect([...decodeImage(file, "", { rotate: false }).data]).toEqual([10, 20, 30, 40, 50, 60]);
  });
});

describe("refusing", () => {
  it("tells files that ask for more pixels than the limit, before it inflates them", () => {
    const large = pngOf({ width: 20000, height: 20000 });
    expect(fault(large)).toMatch(
      /^LimitError: .*20000×20000 pixels.*limits: \{ pixels: 400000000/s,
    );
    // With the limit raised, the bytes that are there show that they cannot be so many pixels.
    expect(fault(large, { pixels: 4e8 })).toMatch(/^TruncatedError: .*fewer pixels/);
    expect(fault(pngOf({ width: 100, height: 100, raw: new Uint8Array(10100) }), { pixels: 9999 }))
      .toMatch(/^LimitError/);
  });

  it("tells files that inflate to more than their header says", () => {
    expect(fault(pngOf({ raw: new Uint8Array(5e6) }))).toMatch(/^CorruptError: .*more pixels/);
    expect(fault(pngOf({ raw: new Uint8Array(3) }))).toMatch(/^CorruptError: .*more pixels/);
    expect(fault(pngOf({ raw: new Uint8Array(1) }))).toMatch(/^TruncatedError: .*fewer pixels/);
    expect(fault(pngOf({ raw: new Uint8Array(2) }))).toBe("nothing");
  });

  it.each<readonly [string, Parts, RegExp]>([
    ["an unknown critical chunk", { chunks: [["CgBI", new Uint8Array(4)]] }, /^Unsupp.*"CgBI"/],
    ["a depth of 3", { depth: 3 }, /^Corrupt.*not one that the PNG standard allows/],
    ["colours of 4 bits", { depth: 4, colour: 2 }, /^Corrupt.*PNG standard/],
    ["a width of 0", { width: 0 }, /^Corrupt.*PNG standard/],
    ["another compression", { rest: [1, 0, 0] }, /^Corrupt.*PNG standard/],
    ["another interlace", { rest: [0, 0, 2] }, /^Corrupt.*PNG standard/],
    ["a filter of 5", { raw: Uint8Array.of(5, 0) }, /^Corrupt.*unknown filter/],
    ["a palette that is missing", { colour: 3 }, /^Corrupt.*palette is missing/],
    [
      "a colour that the palette lacks",
      { colour: 3, raw: Uint8Array.of(0, 1), chunks: [["PLTE", new Uint8Array(3)]] },
      /^Corrupt.*palette lacks/,
    ],
    ["a palette of 4 bytes", { chunks: [["PLTE", new Uint8Array(4)]] }, /^Corrupt.*4 bytes/],
    ["a palette behind the pixels", { after: [["PLTE", new Uint8Array(3)]] }, /^Corrupt.*place/],
    ["two headers", { chunks: [["IHDR", new Uint8Array(13)]] }, /^Corrupt.*out of place/],
    ["tRNS of a wrong length", { chunks: [["tRNS", new Uint8Array(6)]] }, /^Corrupt.*tRNS/],
  ])("tells %s", (_, parts, expected) => {
    expect(fault(pngOf(parts))).toMatch(expected);
  });
});

/** JPEG of every kind: the pixels of Pillow to the last bit, or refused with the hint. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { DataError, decodeImage } from "trilevel/data";
import { fixture } from "./support.ts";

interface Case {
  readonly file: string;
  readonly shape: readonly number[];
  readonly sha256: string;
}
const cases: { readonly [name: string]: Case } = JSON.parse(
  await readFile(fixture("jpegs.json"), "utf8"),
);

describe("decoding", () => {
  it.each(Object.entries(cases))("%s has Pillow's pixels", (_, { file, shape, sha256 }) => {
    const image = decodeImage(Buffer.from(file, "base64"));
    expect(image.shape).toEqual(shape);
    expect(createHash("sha256").update(image.data).digest("hex")).toBe(sha256);
  });
});

const bytesOf = (name: string) => Buffer.from(cases[name]!.file, "base64");

/** Where the body of the first segment with a marker begins. */
function segment(file: Uint8Array, marker: number): number {
  let at = 2;
  while (file[at + 1] !== marker) at += 2 + (file[at + 2]! << 8) + file[at + 3]!;
  return at + 4;
}

/** A file with bytes changed, counted from the body of a segment. */
function changed(name: string, marker: number, changes: { readonly [at: number]: number }) {
  const file = bytesOf(name);
  const start = segment(file, marker);
  for (const [at, value] of Object.entries(changes)) file[start + Number(at)] = value;
  return file;
}

function fault(file: Uint8Array, limits = {}): string {
  try {
    decodeImage(file, "a.jpg", { limits });
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).path).toBe("a.jpg");
    return `${(error as DataError)._tag}: ${(error as DataError).message}`;
  }
  return "nothing";
}

describe("refusing", () => {
  it.each([
    ["arithmetic coding", { [-3]: 0xc9 }],
    ["lossless coding", { [-3]: 0xc3 }],
    ["hierarchical coding", { [-3]: 0xc5 }],
    ["12 bits a sample", { 0: 12 }],
    ["a height that follows the scan", { 1: 0, 2: 0 }],
    ["sampling factors that are not multiples", { 7: 0x31, 10: 0x21, 13: 0x11 }],
  ])("says that %s is not supported, and what to do", (what, changes) => {
    const message = fault(changed("444 16x16", 0xc0, changes));
    expect(message).toMatch(/^UnsupportedError: .*not supported.*Convert it to/s);
    expect(message).toContain(what);
  });

  it("tells files that ask for more than the limits, or than they can hold", () => {
    const large = changed("444 16x16", 0xc0, { 1: 9000 >> 8, 2: 9000 & 255, 3: 35, 4: 40 });
    expect(fault(large)).toMatch(
      /^LimitError: .*9000×9000 pixels.*limits: \{ pixels: 81000000 \}/s,
    );
    expect(fault(large, { pixels: 9000 ** 2 })).toMatch(/^TruncatedError: .*too few for 9000×9000/);
    expect(fault(bytesOf("444 progressive 16x16"), { scans: 3 })).toMatch(/^LimitError: .*4 scans/);
  });

  it("tells data that ends early, although the end marker is there", () => {
    const file = bytesOf("444 19x37");
    const cut = Buffer.concat([file.subarray(0, file.length - 100), file.subarray(-2)]);
    expect(fault(cut)).toMatch(/^CorruptError: .*ends before its last block/);
  });

  it("tells restart markers that are missing or out of order", () => {
    const file = bytesOf("restarts");
    const at = file.findIndex((byte, i) => byte === 0xff && file[i + 1] === 0xd0);
    file[at + 1] = 0xd3;
    expect(fault(file)).toMatch(/^CorruptError: .*restart marker 0 is missing/);
  });
});

describe("orientation", () => {
  const withExif = (orientation: number, little: boolean) => {
    const file = bytesOf("444 7x5");
    const tiff = Buffer.alloc(26);
    tiff.write(little ? "II" : "MM");
    if (little) {
      tiff.writeUInt16LE(42, 2);
      tiff.writeUInt32LE(8, 4);
      tiff.writeUInt16LE(1, 8);
      tiff.writeUInt16LE(0x0112, 10);
      tiff.writeUInt16LE(3, 12);
      tiff.writeUInt32LE(1, 14);
      tiff.writeUInt16LE(orientation, 18);
    } else {
      tiff.writeUInt16BE(42, 2);
      tiff.writeUInt32BE(8, 4);
      tiff.writeUInt16BE(1, 8);
      tiff.writeUInt16BE(0x0112, 10);
      tiff.writeUInt16BE(3, 12);
      tiff.writeUInt32BE(1, 14);
      tiff.writeUInt16BE(orientation, 18);
    }
    const body = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff]);
    const head = Uint8Array.of(0xff, 0xe1, 0, body.length + 2);
    return Buffer.concat([file.subarray(0, 2), head, body, file.subarray(2)]);
  };
  const stored = decodeImage(bytesOf("444 7x5"));
  const at = (
    y: number,
    x: number,
  ) => [...stored.data.subarray(3 * (5 * y + x), 3 * (5 * y + x) + 3)];

  // The stored pixel that comes out top left, and the one to its right (Exif 2.32, table 6).
  it.each([
    [1, [0, 0], [0, 1]],
    [2, [0, 4], [0, 3]],
    [3, [6, 4], [6, 3]],
    [4, [6, 0], [6, 1]],
    [5, [0, 0], [1, 0]],
    [6, [6, 0], [5, 0]],
    [7, [6, 4], [5, 4]],
    [8, [0, 4], [1, 4]],
  ])("%d is applied", (orientation, [y, x], [rightY, rightX]) => {
    for (const little of [true, false]) {
      const { data, shape } = decodeImage(withExif(orientation, little));
      expect(shape).toEqual(orientation < 5 ? [7, 5, 3] : [5, 7, 3]);
      expect([...data.subarray(0, 3)]).toEqual(at(y!, x!));
      expect([...data.subarray(3, 6)]).toEqual(at(rightY!, rightX!));
      expect(decodeImage(withExif(orientation, little), "", { rotate: false })).toEqual(stored);
    }
  });

  it("is none where the block makes no sense", () => {
    for (const wrong of [0, 9, 65535]) {
      expect(decodeImage(withExif(wrong, true))).toEqual(stored);
    }
  });
});

/** Decoding, picture arithmetic and augmentation, against Pillow and against their own algebra. */

import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  augmentWith,
  centerSquare,
  clevrBox,
  crop,
  DataError,
  decodeImage,
  flipHorizontal,
  flipVertical,
  type NdArray,
  ndarray,
  openDecoder,
  prepareImage,
  resize,
  seeded,
  toFloat,
  withChannels,
} from "trilevel/data";
import { failure, fixture, put, temporaryFolder } from "./support.ts";

interface Fixtures {
  readonly decoded: {
    readonly [name: string]: { file: string; shape: number[]; pixels: string };
  };
  readonly source: number[];
  readonly resized: { size: [number, number]; data: number[] }[];
}
const fixtures: Fixtures = JSON.parse(await readFile(fixture("images.json"), "utf8"));
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const cases = Object.entries(fixtures.decoded).map(([name, { file, shape, pixels }]) => ({
  name,
  file: fromBase64(file),
  shape,
  pixels: fromBase64(pixels),
}));
const temporary = temporaryFolder();

describe("decoding", () => {
  it.each(cases)("$name has Pillow's pixels", ({ name, file, shape, pixels }) => {
    const image = decodeImage(file, name);
    expect(image.shape).toEqual(shape);
    expect(image.data).toEqual(pixels);
  });

  it.each(cases)("$name cut off anywhere is an error at its end", ({ name, file }) => {
    for (let length = 0; length < file.length; length++) {
      let error: unknown;
      try {
        decodeImage(file.subarray(0, length), name);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(DataError);
      expect(["TruncatedError", "WrongKindError"]).toContain((error as DataError)._tag);
      expect((error as DataError).path).toBe(name);
      if (length >= 12) expect((error as DataError).offset).toBe(length);
    }
  });

  it("notices any flipped bit in a PNG", () => {
    const { file } = cases.find(({ name }) => name === "rgb.png")!;
    fc.assert(fc.property(fc.nat(file.length * 8 - 1), (bit) => {
      const damaged = Uint8Array.from(file);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeImage(damaged)).toThrow(DataError);
    }));
  });

  it("names what a file starts with when it is no image", () => {
    const page = new TextEncoder().encode("<html>");
    expect(() => decodeImage(page, "a.png")).toThrow("it starts with 3c 68 74 6d (a.png, byte 0)");
  });
});

describe("decoding on threads", () => {
  it("gives the same bits as without, many at a time", async () => {
    const paths = await Promise.all(cases.map(({ name, file }) => put(temporary(name), file)));
    const options = { size: [8, 6] as const };
    const here = openDecoder({ ...options, workers: 0 });
    const threads = openDecoder({ ...options, workers: 2 });
    const many = [...paths, ...paths, ...paths];
    const results = await Promise.all(many.map((path) => threads.decode(path)));
    for (const [i, path] of many.entries()) expect(results[i]).toEqual(await here.decode(path));
    await threads.close();
  });

  it("brings errors across, and goes on afterwards", async () => {
    const { file } = cases[0]!;
    const good = await put(temporary("good.png"), file);
    const cut = await put(temporary("cut.png"), file.subarray(0, 40));
    const threads = openDecoder({ workers: 1 });
    const [error, image] = await Promise.all([failure(threads.decode(cut)), threads.decode(good)]);
    expect([error._tag, error.path, error.offset]).toEqual(["TruncatedError", cut, 40]);
    expect(image.shape).toEqual([11, 13, 3]);
    expect((await failure(threads.decode(temporary("absent.png"))))._tag).toBe("MissingFileError");
    const pending = failure(threads.decode(good));
    await threads.close();
    expect((await pending)._tag).toBe("ClosedError");
  });
});

const picture = fc.tuple(
  fc.nat(2),
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 3 }),
)
  .chain(([n, h, w, c]) =>
    fc.uint8Array({ minLength: (n + 1) * h * w * c, maxLength: (n + 1) * h * w * c })
      .map((data) => ndarray(data, [n + 1, h, w, c]))
  );
const size = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }));
const method = fc.constantFrom("bilinear" as const, "nearest" as const);

describe("picture arithmetic", () => {
  it("resizes as Pillow does, antialiased", () => {
    const source = ndarray(Float32Array.from(fixtures.source), [11, 13, 1]);
    for (const { size, data } of fixtures.resized) {
      const mine = resize(source, size);
      expect(mine.shape).toEqual([...size, 1]);
      data.forEach((value, i) => expect(mine.data[i]).toBeCloseTo(value, 5));
    }
  });

  it("interpolates between two neighbours without antialiasing", () => {
    // Half-pixel centres: outputs at 0.75 and 2.75 … of 0, 10, 20, 30, 40, 50 (spacing 2 → 0.5, 2.5, 4.5).
    const ramp = ndarray(Float32Array.of(0, 10, 20, 30, 40, 50), [1, 6, 1]);
    expect([...resize(ramp, [1, 3], { antialias: false }).data]).toEqual([5, 25, 45]);
    const spike = ndarray(Float32Array.of(0, 0, 0, 90, 0, 0, 0, 0, 0), [1, 9, 1]);
    expect([...resize(spike, [1, 3], { antialias: false }).data]).toEqual([0, 0, 0]);
    expect(resize(spike, [1, 3], { method: "nearest" }).data[1]).toBe(0);
  });

  it("keeps constants, commutes with flips, and is the identity at the same size", () => {
    fc.assert(fc.property(picture, size, method, fc.nat(255), (p, to, method, value) => {
      const flat = ndarray(new Uint8Array(p.data.length).fill(value), p.shape);
      expect(resize(flat, to, { method }).data.every((x) => x === value)).toBe(true);
      const [, height, width] = p.shape as [number, number, number];
      expect(resize(p, [height, width], { method })).toEqual(p);
      // Nearest breaks ties towards the right, which mirroring turns around.
      if (method === "bilinear") {
        const floats = ndarray(Float32Array.from(p.data), p.shape);
        const a = resize(flipHorizontal(floats), to, { method }).data;
        const b = flipHorizontal(resize(floats, to, { method })).data;
        a.forEach((x, i) => expect(x).toBeCloseTo(b[i]!, 3));
      }
    }));
  });

  it("never leaves the range of its input; nearest invents no values", () => {
    fc.assert(fc.property(picture, size, (p, to) => {
      const mixed = resize(p, to).data;
      expect(Math.min(...mixed)).toBeGreaterThanOrEqual(Math.min(...p.data));
      expect(Math.max(...mixed)).toBeLessThanOrEqual(Math.max(...p.data));
      const values = new Set(p.data);
      expect(resize(p, to, { method: "nearest" }).data.every((x) => values.has(x))).toBe(true);
    }));
  });

  it("flips twice to nothing, crops within crops", () => {
    fc.assert(fc.property(picture, fc.nat(8), fc.nat(8), (p, top, left) => {
      expect(flipHorizontal(flipHorizontal(p))).toEqual(p);
      expect(flipVertical(flipVertical(p))).toEqual(p);
      const [, height, width] = p.shape as [number, number, number];
      fc.pre(top < height && left < width);
      const once = crop(p, { top, left, height: height - top, width: width - left });
      const rows = crop(p, { top, left: 0, height: height - top, width });
      expect(crop(rows, { top: 0, left, height: height - top, width: width - left })).toEqual(once);
      expect(once.data[0]).toBe(p.data[(top * width + left) * p.shape[3]!]);
      const side = Math.min(height, width);
      expect(centerSquare(p).shape).toEqual([p.shape[0], side, side, p.shape[3]]);
    }));
    expect(() =>
      crop(ndarray(new Uint8Array(4), [2, 2, 1]), { top: 1, left: 0, height: 2, width: 1 })
    )
      .toThrow("does not lie inside 2×2 pixels");
  });

  it("changes channels and ranges", () => {
    const rgba = ndarray(Uint8Array.of(255, 0, 0, 7, 0, 255, 0, 7), [1, 2, 4]);
    expect([...withChannels(rgba, 3).data]).toEqual([255, 0, 0, 0, 255, 0]);
    expect([...withChannels(rgba, 1).data]).toEqual([76, 150]);
    expect([...withChannels(ndarray(Uint8Array.of(9, 8), [2, 1, 1]), 3).data])
      .toEqual([9, 9, 9, 8, 8, 8]);
    expect([...toFloat(ndarray(Uint8Array.of(0, 51, 255), [1, 3, 1])).data])
      .toEqual([0, Math.fround(0.2), 1]);
    const prepared = prepareImage(ndarray(new Uint8Array(6 * 4 * 4), [6, 4, 4]), {
      crop: "square",
      size: [2, 2],
      channels: 1,
    });
    expect(prepared.shape).toEqual([2, 2, 1]);
  });
});

describe("the crop of CLEVR", () => {
  it("shows the same part of a scene in both sizes", () => {
    // Blender fits the field of view to the width: a point has the same distance from the centre, in widths.
    for (const [height, width] of [[240, 320], [320, 480]] as const) {
      const box = clevrBox(height, width);
      const scale = width / 320;
      expect([box.height, box.width]).toEqual([192 * scale, 192 * scale]);
      expect(box.left + box.width / 2 - width / 2).toBeCloseTo(0, 12);
      // 29 + 96 − 120 = 5 rows below the centre, rounded to whole rows
      expect(Math.abs(box.top + box.height / 2 - height / 2 - 5 * scale)).toBeLessThanOrEqual(0.5);
      const picture = ndarray(new Uint8Array(height * width), [height, width, 1]);
      expect(prepareImage(picture, { crop: "clevr", size: [128, 128] }).shape).toEqual([
        128,
        128,
        3,
      ]);
    }
  });

  it("is refused in other sizes", () => {
    const picture = ndarray(new Uint8Array(256 * 256), [256, 256, 1]);
    expect(() => prepareImage(picture, { crop: "clevr" })).toThrow("not known for 256×256 pixels");
  });
});

describe("augmentation", () => {
  const colour: NdArray<Uint8Array> = ndarray(
    Uint8Array.from({ length: 6 * 8 * 3 }, (_, i) => (i * 37) % 256),
    [6, 8, 3],
  );
  // The mask repeats the first channel, so that whatever moves one must move the other.
  const first = ndarray(colour.data.filter((_, i) => i % 3 === 0), [1, 6, 8, 1]);
  const geometry = augmentWith({
    flipHorizontal: true,
    flipVertical: true,
    crop: [3, 5],
    masks: ["mask"],
  });

  it("moves images and masks together, and repeats for the same seed", () => {
    fc.assert(fc.property(fc.nat(), (seed) => {
      const sample = { image: colour, mask: first };
      const { image, mask } = geometry(sample, seeded(seed));
      expect(image.shape).toEqual([3, 5, 3]);
      expect([...mask.data]).toEqual([...image.data.filter((_, i) => i % 3 === 0)]);
      expect(geometry(sample, seeded(seed))).toEqual({ image, mask });
      const labels = { image: colour, mask: ndarray(first.data, [6, 8]) };
      const moved = geometry(labels, seeded(seed));
      expect(moved.mask).toEqual({ data: mask.data, shape: [3, 5] });
    }));
  });

  it("reaches every position and both mirrors", () => {
    const corners = new Set<string>();
    for (let seed = 0; seed < 600; seed++) {
      corners.add([...geometry({ image: colour, mask: first }, seeded(seed)).mask.data].join());
    }
    expect(corners.size).toBe(4 * 4 * 2 * 2);
  });

  it("leaves geometry alone when only colours change, and colours when only geometry does", () => {
    const tint = augmentWith({ brightness: 0.2, contrast: 0.3, saturation: 1, masks: ["mask"] });
    const { image, mask } = tint({ image: colour, mask: first }, seeded(1));
    expect(mask).toEqual(first);
    expect(image.shape).toEqual(colour.shape);
    expect(image.data).not.toEqual(colour.data);
    const nothing = augmentWith({})({ image: colour }, seeded(1));
    expect(nothing.image).toEqual(colour);
  });

  it("names the field it cannot find", () => {
    expect(() => augmentWith({})({ picture: first }, seeded(0))).toThrow('no picture "image"');
    expect(() => augmentWith({ contrast: 2 })).toThrow("`contrast` must be a number from 0 to 1");
  });
});

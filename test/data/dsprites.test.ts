/** dSprites in an archive that NumPy wrote, and archives that are broken. */

import { strToU8, zipSync } from "fflate";
import { readFile } from "node:fs/promises";
import { dump } from "npyjs";
import { describe, expect, it } from "vitest";
import { openDsprites } from "trilevel/data";
import { failure, fixture, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();
const npy = (data: Uint8Array | Float64Array | Int32Array, shape: number[]) =>
  new Uint8Array(dump(data, shape));

describe("dSprites", () => {
  it("is read as NumPy wrote it, in any order", async () => {
    const dataset = await openDsprites(fixture("dsprites.npz"));
    expect(dataset.size).toBe(5);
    for (const n of [4, 0, 2]) {
      const { image, latents, classes } = await dataset.get(n);
      expect(image.shape).toEqual([64, 64, 1]);
      image.data.forEach((value, p) => {
        const [y, x] = [p >> 6, p & 63];
        const inside = (Math.floor(x / (n + 1)) + y) % 3 === 0;
        if (value !== (inside ? 255 : 0)) throw new Error(`${[n, y, x]} is ${value}`);
      });
      expect([...latents.data]).toEqual([0, 1, 2, 3, 4, 5].map((k) => (6 * n + k) / 4));
      expect([...classes.data]).toEqual([0, 1, 2, 3, 4, 5].map((k) => 6 * n + k));
    }
    expect((await openDsprites(fixture("dsprites.npz"), { limit: 2 })).size).toBe(2);
  });

  it("is read from archives of other writers, stored or deflated", async () => {
    const images = Uint8Array.from({ length: 2 * 64 * 64 }, (_, i) => i % 2);
    const files = {
      "imgs.npy": npy(images, [2, 64, 64]),
      "latents_values.npy": npy(Float64Array.from({ length: 12 }, (_, i) => i), [2, 6]),
      "latents_classes.npy": npy(Int32Array.from({ length: 12 }, (_, i) => i), [2, 6]),
    };
    for (const level of [0, 9] as const) {
      const path = await put(temporary("other.npz"), zipSync(files, { level }));
      const { image, classes } = await (await openDsprites(path, { size: [32, 32] })).get(1);
      expect([image.shape, image.data[32 * 5 + 5]]).toEqual([[32, 32, 1], 128]);
      expect([...classes.data]).toEqual([6, 7, 8, 9, 10, 11]);
    }
  });

  it("is an error with an offset when cut off anywhere", async () => {
    const whole = new Uint8Array(await readFile(fixture("dsprites.npz")));
    for (const length of [0, 1, 3, 4, 500, whole.length - 22, whole.length - 1]) {
      const path = await put(temporary("cut.npz"), whole.subarray(0, length));
      const error = await failure(openDsprites(path));
      expect(["TruncatedError", "WrongKindError"]).toContain(error._tag);
      expect(error.offset).toBe(length < 4 ? (length === 1 ? 0 : length === 3 ? 3 : 0) : length);
    }
  });

  it("is an error when a byte of an image is damaged", async () => {
    const damaged = new Uint8Array(await readFile(fixture("dsprites.npz")));
    const name = Buffer.from(damaged).indexOf("imgs.npy");
    damaged[name + 60]! ^= 0x10;
    const error = await failure(openDsprites(await put(temporary("damaged.npz"), damaged)));
    expect(error._tag).toBe("CorruptError");
  });

  it("is told from other archives", async () => {
    const zip = zipSync({ "readme.txt": strToU8("hello") });
    const error = await failure(openDsprites(await put(temporary("zip.npz"), zip)));
    expect([error._tag, error.cure]).toEqual([
      "WrongKindError",
      "It has readme.txt; check that it is the right dataset",
    ]);
    const grey = zipSync({ "imgs.npy": npy(new Uint8Array(64 * 64).fill(7), [1, 64, 64]) });
    const values = await failure(openDsprites(await put(temporary("grey.npz"), grey)));
    expect(values.message).toContain("pixel 0");
  });
});

/** dSprites in an archive that NumPy wrote, and archives that are broken. */

import { strToU8, zipSync } from "fflate";
import { readFile } from "node:fs/promises";
import { dump } from "npyjs";
import { describe, expect, it } from "vitest";
import { DataError, openDsprites } from "trilevel/data";
import { failure, fixture, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();
const npy = (data: Uint8Array | Float64Array | Int32Array, shape: number[]) =>
  new Uint8Array(dump(data, shape));

/** The same archive with the directory of one that is larger than 4 GB. */
function toZip64(zip: Uint8Array): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = zip.length - 22;
  const count = view.getUint16(end + 10, true);
  const start = view.getUint32(end + 16, true);
  const entries: Uint8Array[] = [];
  for (let i = 0, at = start; i < count; i++) {
    const name = view.getUint16(at + 28, true);
    const extra = view.getUint16(at + 30, true);
    const wide = new DataView(new ArrayBuffer(28));
    wide.setUint16(0, 1, true);
    wide.setUint16(2, 24, true);
    [24, 20, 42].forEach((field, k) =>
      wide.setBigUint64(4 + 8 * k, BigInt(view.getUint32(at + field, true)), true)
    );
    const entry = zip.slice(at, at + 46 + name);
    for (const field of [24, 20, 42]) entry.fill(0xff, field, field + 4);
    entry.set([28, 0], 30);
    entries.push(entry, new Uint8Array(wide.buffer));
    at += 46 + name + extra + view.getUint16(at + 32, true);
  }
  const directory = Buffer.concat(entries);
  const record = new DataView(new ArrayBuffer(56 + 20));
  record.setUint32(0, 0x06064b50, true);
  record.setBigUint64(4, 44n, true);
  record.setBigUint64(24, BigInt(count), true);
  record.setBigUint64(32, BigInt(count), true);
  record.setBigUint64(40, BigInt(directory.length), true);
  record.setBigUint64(48, BigInt(start), true);
  record.setUint32(56, 0x07064b50, true);
  record.setBigUint64(64, BigInt(start + directory.length), true);
  const last = zip.slice(end).fill(0xff, 8, 20);
  return Buffer.concat([zip.subarray(0, start), directory, new Uint8Array(record.buffer), last]);
}

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

  it("is read from zip64 archives", async () => {
    const whole = new Uint8Array(await readFile(fixture("dsprites.npz")));
    const path = await put(temporary("zip64.npz"), toZip64(whole));
    const [wide, narrow] = await Promise.all(
      [path, fixture("dsprites.npz")].map((p) => openDsprites(p)),
    );
    for (const i of [0, 4]) expect(await wide!.get(i)).toEqual(await narrow!.get(i));
  });

  it("never fails otherwise than with a DataError, whatever byte is wrong", async () => {
    const whole = new Uint8Array(await readFile(fixture("dsprites.npz")));
    let failures = 0;
    for (const [i, archive] of [whole, toZip64(whole)].entries()) {
      for (let at = i * 900; at < archive.length; at += 3) {
        const wrong = Uint8Array.from(archive);
        wrong[at]! ^= 1 + (at % 255);
        const path = await put(temporary("fuzz.npz"), wrong);
        await openDsprites(path).catch((error) => {
          expect(error).toBeInstanceOf(DataError);
          expect(error.path).toBe(path);
          failures++;
        });
      }
    }
    expect(failures).toBeGreaterThan(100);
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

  it("is an error when a stored pixel is another than its checksum says", async () => {
    const imgs = npy(new Uint8Array(64 * 64), [1, 64, 64]);
    const zip = zipSync({ "imgs.npy": imgs }, { level: 0 });
    zip[Buffer.from(zip).indexOf("imgs.npy") + imgs.length - 100]! ^= 1;
    const error = await failure(openDsprites(await put(temporary("stored.npz"), zip)));
    expect(error.message).toContain('the checksum or length of "imgs.npy" is wrong');
  });

  it("is told from other archives", async () => {
    const zip = zipSync({ "readme.txt": strToU8("hello") });
    const error = await failure(openDsprites(await put(temporary("zip.npz"), zip)));
    expect([error._tag, error.hint]).toEqual([
      "WrongKindError",
      "It has readme.txt; check that it is the right dataset",
    ]);
    const long = npy(new Uint8Array(64 * 64), [1, 64, 64]);
    const shape = Buffer.from(long).indexOf("(1,");
    long.set(Buffer.from("(9,"), shape);
    const claim = zipSync({ "imgs.npy": long });
    const huge = await failure(openDsprites(await put(temporary("huge.npz"), claim)));
    expect(huge.message).toContain('"imgs" has 4096 bytes, not uint8[9,64,64]');
    const grey = zipSync({ "imgs.npy": npy(new Uint8Array(64 * 64).fill(7), [1, 64, 64]) });
    const values = await failure(openDsprites(await put(temporary("grey.npz"), grey)));
    expect(values.message).toContain("pixel 0");
  });
});

/** 3D Shapes and N-EM through h5py's files, and HDF5 files that must be refused. */

import { copyFile, readFile, rename, utimes } from "node:fs/promises";
import h5wasm from "h5wasm/node";
import { describe, expect, it } from "vitest";
import {
  DataError,
  fromArrays,
  type NdArray,
  ndarray,
  nemFrames,
  openNem,
  openShapes3d,
  seeded,
  toFloat,
} from "trilevel/data";
import { failure, fixture, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();

describe("3D Shapes", () => {
  it("is read as h5py wrote it", async () => {
    const dataset = await openShapes3d(fixture("shapes3d.h5"));
    expect(dataset.size).toBe(4);
    expect(dataset.schema.image).toEqual({ shape: [64, 64, 3], dtype: "uint8" });
    for (const n of [3, 0, 2, 1]) {
      const { image, labels } = await dataset.get(n);
      expect(image.shape).toEqual([64, 64, 3]);
      image.data.forEach((value, i) => {
        const [y, x, c] = [Math.floor(i / 192), Math.floor(i / 3) % 64, i % 3];
        if (value !== (7 * n + 3 * y + 5 * x + 11 * c) % 256) throw new Error(`${[n, y, x, c]}`);
      });
      expect([...labels.data]).toEqual([0, 1, 2, 3, 4, 5].map((k) => (6 * n + k) / 10));
    }
    await dataset.close();
    expect((await failure(dataset.get(0)))._tag).toBe("ClosedError");
  });

  it("is prepared as asked", async () => {
    const dataset = await openShapes3d(fixture("shapes3d.h5"), { size: [16, 16], channels: 1 });
    const { image } = await dataset.get(1);
    expect(image.shape).toEqual([16, 16, 1]);
    expect(dataset.schema.image.shape).toEqual([16, 16, 1]);
    expect(toFloat(image).data.length).toBe(256);
    await dataset.close();
  });

  it("refuses LZF, which h5wasm would read as garbage", async () => {
    const error = await failure(openShapes3d(fixture("lzf.h5")));
    expect(error._tag).toBe("UnsupportedError");
    expect(error.message).toContain("lzf");
    expect(error.hint).toContain("h5repack");
  });

  it("tells a file that is cut off, wherever", async () => {
    const whole = new Uint8Array(await readFile(fixture("shapes3d.h5")));
    for (const length of [0, 5, 8, 40, 100, 5000, whole.length - 1]) {
      const path = await put(temporary("cut.h5"), whole.subarray(0, length));
      const error = await failure(openShapes3d(path));
      expect(error._tag).toBe(length > 0 && length < 8 ? "WrongKindError" : "TruncatedError");
      expect(error.offset).toBe(length < 8 ? 0 : length);
    }
  });

  it("tells another file", async () => {
    const page = await put(temporary("page.h5"), "<html>".repeat(100));
    expect((await failure(openShapes3d(page)))._tag).toBe("WrongKindError");
    expect((await failure(openShapes3d(temporary("absent.h5"))))._tag).toBe("MissingFileError");
    const error = await failure(openShapes3d(fixture("nem.h5")));
    expect(error._tag).toBe("WrongKindError");
    expect(error.hint).toContain("training");
  });

  it("tells a damaged chunk instead of returning what was in memory", async () => {
    const damaged = new Uint8Array(await readFile(fixture("shapes3d.h5")));
    // A gzip stream begins 78 5e or so; what follows the first one is overwritten.
    const start = damaged.findIndex((byte, i) => byte === 0x78 && damaged[i + 1]! % 32 === 0x1e);
    expect(start).toBeGreaterThan(0);
    damaged.fill(0xff, start + 2, start + 200);
    const dataset = await openShapes3d(await put(temporary("damaged.h5"), damaged));
    const errors = await Promise.all([0, 2].map((i) => dataset.get(i).catch((e) => e)));
    const failed = errors.filter((error) => error instanceof Error);
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({ _tag: "CorruptError" });
    expect(failed[0]?.message).toContain("filter returned failure");
    await dataset.close();
  });

  it("refuses a damaged file that was overwritten, but not one that was replaced", async () => {
    const whole = new Uint8Array(await readFile(fixture("shapes3d.h5")));
    const damaged = Uint8Array.from(whole);
    const start = damaged.findIndex((byte, i) => byte === 0x78 && damaged[i + 1]! % 32 === 0x1e);
    damaged.fill(0xff, start + 2, start + 200);
    const path = await put(temporary("again.h5"), damaged);
    const dataset = await openShapes3d(path);
    await Promise.allSettled([0, 2].map((i) => dataset.get(i)));
    await dataset.close();
    await put(path, whole);
    await utimes(path, new Date(0), new Date(0)); // in case the clock is coarse
    const error = await failure(openShapes3d(path));
    expect([error._tag, error.path]).toEqual(["UnsupportedError", path]);
    await rename(await put(temporary("fresh.h5"), whole), path);
    const fresh = await openShapes3d(path);
    expect((await fresh.get(0)).image.data[4]).toBe(16);
    expect((await fresh.get(2)).image.data[4]).toBe(30);
    await fresh.close();
  });

  it("never fails otherwise than with a DataError, whatever byte is wrong", async () => {
    const whole = new Uint8Array(await readFile(fixture("shapes3d.h5")));
    let failures = 0;
    for (let i = 0; i < 150; i++) {
      const random = seeded(i);
      const wrong = Uint8Array.from(whole);
      wrong[random.below(wrong.length)]! ^= 1 + random.below(255);
      const path = await put(temporary(`fuzz-${i}.h5`), wrong);
      const read = async () => {
        await using dataset = await openShapes3d(path);
        for (let n = 0; n < dataset.size && n < 4; n++) await dataset.get(n);
      };
      await read().catch((error) => {
        expect(error).toBeInstanceOf(DataError);
        expect(error.path).toBe(path);
        failures++;
      });
    }
    expect(failures).toBeGreaterThan(10);
  });

  it("accepts what h5wasm itself writes", async () => {
    await h5wasm.ready;
    const path = temporary("own.h5");
    const file = new h5wasm.File(path, "w");
    const data = new Uint8Array(2 * 64 * 64 * 3).fill(9);
    file.create_dataset({ name: "images", data, shape: [2, 64, 64, 3], dtype: "<B" });
    file.create_dataset({ name: "labels", data: new Float64Array(12), shape: [2, 6], dtype: "<d" });
    file.close();
    const dataset = await openShapes3d(path);
    expect((await dataset.get(1)).image.data[5]).toBe(9);
    await dataset.close();
  });
});

describe("N-EM and R-NEM", () => {
  it("are read as h5py wrote them, each split", async () => {
    for (const [offset, split] of (["training", "validation", "test"] as const).entries()) {
      const dataset = await openNem(fixture("nem.h5"), { split });
      expect(dataset.size).toBe(3);
      expect(dataset.schema).toEqual({
        features: { shape: [5, 4, 6, 1], dtype: "float32" },
        groups: { shape: [5, 4, 6, 1], dtype: "int32" },
        collisions: { shape: [5, 1], dtype: "float32" },
      });
      for (const n of [0, 2]) {
        const { features, groups, collisions } = await dataset.get(n);
        const at = ({ data, shape }: NdArray, t: number, y: number, x: number) =>
          data[(t * shape[1]! + y) * shape[2]! + x];
        for (const [t, y, x] of [[0, 0, 0], [4, 3, 5], [2, 1, 4]] as const) {
          expect(at(features, t, y, x)).toBe((t + n + y + x + offset) % 2);
          expect(at(groups, t, y, x)).toBe((t * n + y + x + offset) % 4);
        }
        expect([...collisions!.data]).toEqual([0, 1, 2, 3, 4].map((t) => 3 * t + n));
      }
      await dataset.close();
    }
  });

  it("have frames of bytes as they are, and of floats from 0 to 1", async () => {
    const sequences = (features: NdArray, groups: NdArray) =>
      nemFrames(fromArrays({ features, groups }));
    const shape = [1, 1, 2, 3, 1];
    const bytes = Uint8Array.of(0, 1, 2, 100, 254, 255);
    const labels = Int32Array.of(0, 1, 2, 3, 254, 255);
    const frames = sequences(ndarray(bytes, shape), ndarray(labels, shape));
    const { image, masks } = await frames.get(0);
    expect([...image.data].filter((_, i) => i % 3 === 0)).toEqual([...bytes]);
    expect([...masks.data]).toEqual([...labels]);
    const floats = Float32Array.of(0, 1, 0.5, 0.2, -3, 7);
    const real = await sequences(ndarray(floats, shape), ndarray(labels, shape)).get(0);
    expect([...real.image.data].filter((_, i) => i % 3 === 0)).toEqual([0, 255, 128, 51, 0, 255]);
    // Labels that bytes do not hold would come out as others.
    for (const label of [256, -1, 0.5]) {
      const wrong = ndarray(Float32Array.of(0, 0, 0, 0, 0, label), shape);
      const error = await failure(sequences(ndarray(floats, shape), wrong).get(0));
      expect(error._tag).toBe("UnsupportedError");
    }
    expect(() => sequences(ndarray(labels, shape), ndarray(labels, shape))).toThrow("int32");
  });

  it("refuse another layout", async () => {
    expect((await failure(openNem(fixture("shapes3d.h5"))))._tag).toBe("WrongKindError");
    const path = temporary("copy.h5");
    await copyFile(fixture("nem.h5"), path);
    await (await openNem(path)).close();
  });
});

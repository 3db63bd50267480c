/** Labelled images in idx and CIFAR files: every byte in its place, and files that are none. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openCifar, openIdx } from "../../src/data/index.ts";
import { failure, put, temporaryFolder } from "./support.ts";

const folder = temporaryFolder();
const byte = (i: number) => (i * 7 + 3) % 251;
const bytes = (n: number, first = 0) => Array.from({ length: n }, (_, i) => byte(first + i));

describe("idx files", () => {
  const header = (...lengths: number[]) => {
    const big = new DataView(new ArrayBuffer(4 * lengths.length));
    lengths.forEach((length, i) => big.setUint32(4 * i, length));
    return [0, 0, 8, lengths.length, ...new Uint8Array(big.buffer)];
  };
  const images = () =>
    put(folder("i3"), Uint8Array.from([...header(300, 2, 3), ...bytes(300 * 6)]));
  const labels = (n = 300) =>
    put(folder(`l${n}`), Uint8Array.from([...header(n), ...bytes(n).map((x) => x % 10)]));

  it("have images and labels in their order", async () => {
    await using digits = await openIdx(await images(), await labels());
    expect(digits.size).toBe(300);
    for (const i of [0, 1, 299]) {
      const { image, label } = await digits.get(i);
      expect([...image.data]).toEqual(bytes(6, 6 * i));
      expect([image.shape, [...label.data]]).toEqual([[2, 3, 1], [byte(i) % 10]]);
    }
  });

  it("that are packed, cut, swapped, or of two parts are refused", async () => {
    const [whole, three] = [await images(), await labels()];
    const read = (first: string, second: string) => failure(openIdx(first, second));
    const packed = await put(folder("packed"), gzipSync(Uint8Array.from(header(1, 1, 1))));
    expect(await read(packed, three)).toMatchObject({ _tag: "WrongKindError" });
    const cut = await put(folder("cut"), Uint8Array.from([...header(300, 2, 3), ...bytes(1799)]));
    expect(await read(cut, three)).toMatchObject({ _tag: "TruncatedError", path: cut });
    expect(await read(three, whole)).toMatchObject({ _tag: "WrongKindError", path: three });
    expect(await read(whole, await labels(299))).toMatchObject({ _tag: "SampleShapeError" });
    expect(await read(whole, folder("none"))).toMatchObject({ _tag: "MissingFileError" });
    const empty = await put(folder("empty"), new Uint8Array());
    expect(await read(empty, three)).toMatchObject({ _tag: "WrongKindError" });
  });
});

describe("CIFAR", () => {
  const records = (labels: readonly number[][]) =>
    Uint8Array.from(labels.flatMap((label, n) => [...label, ...bytes(3072, 5 * n)]));

  it("has colours as planes, in one file after the other", async () => {
    const paths = [
      await put(folder("data_batch_1.bin"), records([[1], [2]])),
      await put(folder("data_batch_2.bin"), records([[9]])),
    ];
    await using images = await openCifar(paths);
    expect(images.size).toBe(3);
    for (const [i, label, n] of [[0, 1, 0], [1, 2, 1], [2, 9, 0]] as const) {
      const sample = await images.get(i);
      expect([...sample.label.data]).toEqual([label]);
      for (const [row, column] of [[0, 0], [3, 31], [31, 7]] as const) {
        const pixel = 32 * row + column;
        expect([...sample.image.data.subarray(3 * pixel, 3 * pixel + 3)])
          .toEqual([0, 1, 2].map((c) => byte(5 * n + 1024 * c + pixel)));
      }
    }
  });

  it("of a hundred classes has two labels, of which the fine one counts", async () => {
    const path = await put(folder("train.bin"), records([[19, 99], [3, 0]]));
    await using images = await openCifar([path]);
    expect([...(await images.get(0)).label.data]).toEqual([99]);
    expect([...(await images.get(1)).label.data]).toEqual([0]);
  });

  it("that is cut, or none, is refused", async () => {
    const cut = await put(folder("test_batch.bin"), records([[1]]).subarray(0, 3000));
    expect(await failure(openCifar([cut]))).toMatchObject({ _tag: "TruncatedError", path: cut });
    const other = await put(folder("data_batch_3.bin"), records([[10]]));
    await using images = await openCifar([other]);
    expect(await failure(images.get(0))).toMatchObject({ _tag: "WrongKindError", offset: 0 });
    expect(await failure(openCifar([]))).toMatchObject({ _tag: "MissingFileError" });
  });
});

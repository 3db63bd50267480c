/** Weights by name, to files and back, and from files of other libraries. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { np, random, setBackend } from "trilevel";
import {
  MissingFileError,
  OptionError,
  TruncatedError,
  UnsupportedError,
  WrongKindError,
} from "trilevel/data";
import * as files from "../../src/data/files.ts";
import { encode, type HostTensor, load, save, stream } from "trilevel/safetensors";
import fixture from "../fixtures/safetensors.json" with { type: "json" };
import { runs } from "../support/tier.ts";

const folder = mkdtempSync(join(tmpdir(), "trilevel-safetensors-"));
const file = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => setBackend("reference"));

async function gather(tensors: AsyncIterable<[string, HostTensor]>) {
  const all: Record<string, HostTensor> = {};
  for await (const [name, tensor] of tensors) all[name] = tensor;
  return all;
}

test("tensors come back under their names, with types, shapes and bits", async () => {
  const dtypes = ["float32", "float64", "int32", "uint32", "bool"] as const;
  const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array } as const;
  const tensor = fc.record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(3), { maxLength: 3 }),
    seed: fc.integer(),
  }).map(({ dtype, shape, seed }): HostTensor => {
    const length = shape.reduce((n, size) => n * size, 1);
    const values = Array.from({ length }, (_, i) => Math.sin(seed + i) * 100);
    const data = dtype === "bool"
      ? Uint8Array.from(values, (x) => Number(x > 0))
      : dtype === "uint32"
      ? Uint32Array.from(values, Math.abs)
      : arrays[dtype].from(values);
    return { dtype, shape, data };
  });
  const names = fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__");
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(names, tensor, { maxKeys: 5 }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }),
      async (tensors, metadata) => {
        const bytes = await encode(tensors, { metadata });
        const loaded = await load(bytes);
        expect(loaded.tensors).toEqual(tensors);
        expect(Object.entries(loaded.metadata)).toEqual(
          expect.arrayContaining(Object.entries(metadata)),
        );
        expect(await gather(stream(bytes))).toEqual(tensors);
      },
    ),
    { numRuns: runs(200) },
  );
});

test("tensors of the library are saved as what they are, float32 of the reference as F32", async () => {
  const w = random.normal(random.key(0), [2, 3]);
  await save(file("own.safetensors"), { w, n: np.array(new Int32Array([3])) });
  const { tensors } = await load(file("own.safetensors"));
  expect(tensors["w"]).toEqual({
    dtype: "float32",
    shape: [2, 3],
    data: Float32Array.from(await w.data()),
  });
  expect(tensors["n"]).toEqual({ dtype: "int32", shape: [1], data: Int32Array.of(3) });
});

describe("files that the official library made of PyTorch's tensors", () => {
  const bytes = Uint8Array.fromBase64(fixture.file);

  test("every type reads as PyTorch reads it", async () => {
    const { tensors, metadata } = await load(bytes);
    expect(metadata).toEqual({ maker: "torch" });
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(fixture.values).sort());
    for (const [name, { shape, values }] of Object.entries(fixture.values)) {
      const found = tensors[name]!;
      expect(found.shape, name).toEqual(shape);
      expect([...found.data].map(String), name).toEqual(values.map(String));
    }
    expect(tensors["half"]!.dtype).toBe("float32");
    expect(tensors["brain"]!.dtype).toBe("float32");
    expect(tensors["layer.num_batches_tracked"]!.dtype).toBe("int32");
  });

  test("64-bit integers that do not fit are refused by name, and can be left out", async () => {
    const large = wide(2n ** 40n);
    await expect(load(large)).rejects.toThrow(UnsupportedError);
    await expect(load(large)).rejects.toThrow(/n has the 64-bit integer 1099511627776/);
    expect((await load(large, { names: (name) => name !== "n" })).tensors).toEqual({});
    expect([...(await load(wide(-(2n ** 31n)))).tensors["n"]!.data]).toEqual([-(2 ** 31)]);
  });
});

/** A file with one 64-bit integer `n`. */
function wide(value: bigint): Uint8Array {
  const header = `{"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`;
  const bytes = new Uint8Array(8 + header.length + 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  view.setBigInt64(8 + header.length, value, true);
  return bytes;
}

describe("a stream", () => {
  test("reads the header and the tensor that is asked for, and closes the file", async () => {
    const path = file("large.safetensors");
    await save(path, { a: np.ones([1000]), b: np.array([1, 2]), c: np.ones([1000]) });
    const reads: number[] = [];
    let closed = 0;
    const actual = files.openFile;
    vi.spyOn(files, "openFile").mockImplementation(async (path) => {
      const opened = await actual(path);
      return {
        ...opened,
        read: (offset, length) => (reads.push(length), opened.read(offset, length)),
        close: () => (closed++, opened.close()),
      };
    });
    const found = await gather(stream(path, { names: ["b"] }));
    expect(Object.keys(found)).toEqual(["b"]);
    expect([...found["b"]!.data]).toEqual([1, 2]);
    expect(reads).toEqual([8, reads[1], 8]);
    for await (const [name] of stream(path)) if (name === "a") break;
    expect(closed).toBe(2);
    vi.restoreAllMocks();
  });

  test("gives the file's tensors in the header's order", async () => {
    const bytes = await encode({ b: np.ones([1]), a: np.ones([2]) });
    expect(Object.keys(await gather(stream(bytes)))).toEqual(["b", "a"]);
  });
});

describe("mistakes", () => {
  test("files that are not there, cut short, or lack a name say where", async () => {
    await expect(load(file("nowhere.safetensors"))).rejects.toThrow(MissingFileError);
    await expect(save(file("no/folder/x"), {})).rejects.toThrow(MissingFileError);
    const path = file("cut.safetensors");
    await save(path, { a: np.ones([4]) });
    await expect(load(path, { names: ["b"] })).rejects.toThrow(WrongKindError);
    await expect(load(path, { names: ["b"] })).rejects.toThrow(/no tensor "b".*cut[^]*It has a/);
    const whole = readFileSync(path);
    for (const end of [0, 5, 20, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, end));
      await expect(load(path), `cut at ${end}`).rejects.toThrow(TruncatedError);
    }
    await expect(load(path)).rejects.toMatchObject({ path });
  });

  test.each<[string, () => unknown, RegExp]>([
    ["a source", () => load(3 as never), /safetensors.load: `source` must be the path/],
    ["a source of a stream", () => stream({} as never), /safetensors.stream: `source`/],
    ["names", () => load("x", { names: 3 as never }), /`names` must be/],
    ["an option", () => stream("x", { name: ["a"] } as never), /`name`[^]*names/],
    ["metadata", () => encode({}, { metadata: { a: 1 } as never }), /`metadata` must be/],
    ["a path", () => save(3 as never, {}), /safetensors.save: `path` must be a string/],
    ["a tree", () => encode({ a: { b: np.ones([1]) } as never }), /"a" is not a tensor/],
    ["a number", () => encode({ a: 3 as never }), /"a" is not a tensor/],
    ["the name of metadata", () => encode({ __metadata__: np.ones([1]) }), /__metadata__/],
    [
      "a wrong shape",
      () => encode({ a: { dtype: "float32", shape: [3], data: new Float32Array(2) } }),
      /"a" of shape \[3\] has 2 elements/,
    ],
  ])("%s is refused", async (_, call, message) => {
    const error = await Promise.resolve().then(call).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(OptionError);
    expect(String(error)).toMatch(message);
  });
});

test("nothing of the file system is loaded for bytes, so that browsers can read them", async () => {
  const { metafile } = await build({
    entryPoints: ["src/safetensors/index.ts"],
    outdir: file("bundle"),
    ...{ bundle: true, splitting: true, write: false, metafile: true },
    ...{ format: "esm", platform: "browser", external: ["node:*"] },
  });
  const outputs = Object.entries(metafile.outputs);
  const loaded = new Set(
    outputs.filter(([, { entryPoint }]) => entryPoint === "src/safetensors/index.ts").map((
      [path],
    ) => path),
  );
  const imported = (kind: string, from: string) =>
    metafile.outputs[from]?.imports.filter((i) => i.kind === kind).map(({ path }) => path) ?? [];
  for (const path of loaded) imported("import-statement", path).forEach((it) => loaded.add(it));
  expect([...loaded].filter((path) => path.startsWith("node:"))).toEqual([]);
  const later = outputs.flatMap(([path]) => imported("import-statement", path));
  expect(later).toContain("node:fs/promises"); // it is there, in the chunks that come later
});

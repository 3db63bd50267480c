/** The conversion cache: what goes in comes out, and nothing partial is ever taken for it. */

import fc from "fast-check";
import { spawn } from "node:child_process";
import {
  copyFile,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  cached,
  DataError,
  describeSchema,
  fileStamp,
  fromArrays,
  makeDataset,
  ndarray,
  type Sample,
  type Schema,
  seeded,
} from "trilevel/data";
import { writeFileAtomically } from "../../src/data/atomic.ts";
import { npyHeader, parseNpyHeader } from "../../src/data/formats/npy.ts";
import { failure, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();
const repository = fileURLToPath(new URL("../..", import.meta.url));

const schema: Schema = {
  image: { shape: [2, 3], dtype: "uint8" },
  scalar: { shape: [], dtype: "float64" },
  mask: { shape: [null, 2], dtype: "int16" },
  "an odd/name": { shape: [], dtype: "json" },
};
const sample: fc.Arbitrary<Sample> = fc.record({
  image: fc.uint8Array({ minLength: 6, maxLength: 6 }).map((data) => ndarray(data, [2, 3])),
  scalar: fc.double().map((x) => ndarray(Float64Array.of(x), [])),
  mask: fc.int16Array({ maxLength: 8 })
    .map((data) => ndarray(data.subarray(0, data.length & ~1), [data.length >> 1, 2])),
  "an odd/name": fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))),
});
const from = (samples: readonly Sample[], seen: (i: number) => void = () => {}) => () =>
  Promise.resolve(makeDataset<Sample>({
    size: samples.length,
    schema,
    get: (i) => (seen(i), samples[i]!),
  }));

describe("the conversion cache", () => {
  it("gives back every sample, fixed, varying and JSON, without asking again", async () => {
    let key = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(sample, { maxLength: 6 }), async (samples) => {
        const options = { directory: temporary("round"), key: key++ };
        let made = 0;
        const make = () => (made++, from(samples)());
        const first = await cached(make, options);
        const second = await cached(make, options);
        expect([made, first.size, second.size]).toEqual([1, samples.length, samples.length]);
        expect(second.schema).toEqual(schema);
        for (const i of [...samples.keys()].reverse()) {
          expect(await first.get(i)).toEqual(samples[i]);
          expect(await second.get(i)).toEqual(samples[i]);
        }
        await first.close();
        await second.close();
      }),
      { numRuns: 40 },
    );
  });

  it("keeps caches of different keys apart", async () => {
    const directory = temporary("keys");
    const open = async (value: number) => {
      const make = () => Promise.resolve(fromArrays({ x: ndarray(Float32Array.of(value), [1]) }));
      const dataset = await cached(make, { directory, key: ["x", value] });
      return (await dataset.get(0)).x.data[0];
    };
    expect([await open(1), await open(2), await open(1)]).toEqual([1, 2, 1]);
    expect(await readdir(directory)).toHaveLength(2);
  });

  it("is written for NumPy too: .npy with a plain header", async () => {
    const directory = temporary("npy");
    const x = ndarray(Float32Array.from({ length: 12 }, (_, i) => i), [3, 4]);
    await (await cached(() => Promise.resolve(fromArrays({ x })), { directory, key: 1 })).close();
    const [folder] = await readdir(directory);
    const bytes = new Uint8Array(await readFile(join(directory, folder!, "x.npy")));
    const { dtype, shape, dataOffset } = parseNpyHeader(bytes);
    expect({ dtype, shape, dataOffset }).toEqual({
      dtype: "float32",
      shape: [3, 4],
      dataOffset: 128,
    });
    expect(new Float32Array(bytes.slice(128).buffer)).toEqual(x.data);
    expect(() => parseNpyHeader(bytes.subarray(0, 50))).toThrow("cut off");
    expect(parseNpyHeader(npyHeader("uint8", [])).shape).toEqual([]);
  });

  it("leaves nothing behind when a conversion fails, and succeeds later", async () => {
    const directory = temporary("fails");
    const samples = fc.sample(sample, { numRuns: 20, seed: 1 });
    let broken = true;
    const make = from(samples, (i) => {
      if (broken && i === 15) throw new Error("the disk caught fire");
    });
    await expect(cached(make, { directory, key: 0 })).rejects.toThrow("the disk caught fire");
    expect(await readdir(directory)).toEqual([]);
    broken = false;
    expect((await cached(make, { directory, key: 0 })).size).toBe(20);
  });

  it("refuses samples that contradict their schema", async () => {
    const [good] = fc.sample(sample, { numRuns: 1, seed: 2 });
    const wrong = { ...good, image: ndarray(new Uint8Array(6), [3, 2]) };
    const options = { directory: temporary("schema"), key: 0 };
    const error = await failure(cached(from([good!, wrong]), options));
    expect(error.message).toContain(
      '"image" of sample 1 is uint8[3,2], but its schema says uint8[2,3]',
    );
    expect(await readdir(options.directory)).toEqual([]);
  });

  it("notices damage to its own files, and says which folder to delete", async () => {
    const directory = temporary("damage");
    const samples = fc.sample(sample, { numRuns: 5, seed: 3 });
    await (await cached(from(samples), { directory, key: 0 })).close();
    const [folder] = await readdir(directory);
    const image = join(directory, folder!, "image.npy");
    await truncate(image, 140);
    const error = await failure(cached(from(samples), { directory, key: 0 }));
    expect([error._tag, error.path, error.offset]).toEqual(["TruncatedError", image, 140]);
    expect(error.hint).toContain(join(directory, folder!));
  });

  it("never gives other samples than it was given, whatever is wrong with its files", async () => {
    const directory = temporary("mutations");
    const samples = fc.sample(sample, { numRuns: 4, seed: 6 });
    await (await cached(from(samples), { directory, key: "k" })).close();
    const [folder] = await readdir(directory);
    const path = (name: string) => join(directory, folder!, name);
    const names = (await readdir(path(""))).sort();
    const whole = new Map<string, Uint8Array>();
    for (const name of names) whole.set(name, new Uint8Array(await readFile(path(name))));
    const read = async () => {
      await using dataset = await cached(from(samples), { directory, key: "k" });
      for (const i of samples.keys()) expect(await dataset.get(i)).toEqual(samples[i]);
    };
    let noticed = 0;
    const notices = async (what: string) => {
      const error = await read().then(() => undefined, (error) => error);
      if (error === undefined) return false; // the same samples
      expect(error, what).toBeInstanceOf(DataError);
      expect(error.hint, what).toContain(`Delete the folder ${path("").slice(0, -1)}`);
      noticed++;
      return true;
    };
    const random = seeded(7);
    for (let i = 0; i < 150; i++) {
      const name = names[random.below(names.length)]!;
      const wrong = Uint8Array.from(whole.get(name)!);
      wrong[random.below(wrong.length)]! ^= 1 << random.below(8);
      await writeFile(path(name), wrong);
      const found = await notices(`a bit of ${name}`);
      if (name !== "manifest.json") expect(found, `a bit of ${name}`).toBe(true); // there, white space
      await writeFile(path(name), whole.get(name)!);
    }
    expect(noticed).toBeGreaterThan(130);

    // Two rows, and two files, that changed places.
    const image = Uint8Array.from(whole.get("image.npy")!);
    const [first, second] = [image.slice(128, 134), image.slice(134, 140)];
    expect(first).not.toEqual(second);
    image.set(second, 128);
    image.set(first, 134);
    await writeFile(path("image.npy"), image);
    expect(await notices("rows")).toBe(true);
    await writeFile(path("image.npy"), whole.get("image.npy")!);
    for (const name of names) {
      await rm(path(name));
      expect(await notices(`without ${name}`)).toBe(true);
      await writeFile(path(name), whole.get(name)!);
    }
    await read();
  });

  it("notices that a folder has the name of another", async () => {
    const directory = temporary("swapped");
    const open = (value: number) =>
      cached(
        () => Promise.resolve(fromArrays({ x: ndarray(Float32Array.of(value), [1]) })),
        { directory, key: value },
      );
    await (await open(1)).close();
    const [one] = await readdir(directory);
    await (await open(2)).close();
    const other = (await readdir(directory)).find((name) => name !== one)!;
    const [a, b, c] = [one!, other, "aside"].map((name) => join(directory, name));
    await rename(a!, c!);
    await rename(b!, a!);
    await rename(c!, b!);
    expect((await failure(open(1))).message).toContain("other data than its name says");
    // Rows of the other folder, which have their own checksums.
    await rename(a!, c!);
    await rename(b!, a!);
    await rename(c!, b!);
    await copyFile(join(b!, "x.npy"), join(a!, "x.npy"));
    const dataset = await open(1);
    expect((await failure(dataset.get(0))).message).toContain('row 0 of "x"');
    await dataset.close();
  });

  it("survives kill -9 in the middle of a conversion", async () => {
    const directory = temporary("killed");
    await put(join(directory, "unrelated.txt"), "stays");
    const child = spawn(process.execPath, ["run", "-A", "test/data/slowConversion.ts", directory], {
      cwd: repository,
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve)); // it has begun to write
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    const left = (await readdir(directory)).filter((name) => name.includes(".partial-"));
    expect(left).toHaveLength(1);

    const samples = fc.sample(sample, { numRuns: 3, seed: 4 });
    const open = () => cached(from(samples), { directory, key: "slow" });
    expect(await (await open()).get(2)).toEqual(samples[2]);
    // The leftovers look alive until nobody has written to them for an hour.
    const files = [join(directory, left[0]!)];
    for (const name of await readdir(files[0]!)) files.push(join(files[0]!, name));
    for (const file of files) await utimes(file, new Date(0), new Date(0));
    await cached(from(samples), { directory, key: "another" });
    expect((await readdir(directory)).filter((name) => name.includes(".partial-"))).toEqual(left);
    const name = left[0]!.split(".partial-")[0]!;
    await rm(join(directory, name), { recursive: true });
    await open();
    expect((await readdir(directory)).some((entry) => entry.includes(".partial-"))).toBe(false);
    expect(await readdir(directory)).toContain("unrelated.txt");
  });

  it("lets two conversions of the same key race", async () => {
    const directory = temporary("race");
    const samples = fc.sample(sample, { numRuns: 10, seed: 5 });
    const open = () => cached(from(samples), { directory, key: 0 });
    const datasets = await Promise.all([open(), open(), open()]);
    for (const dataset of datasets) expect(await dataset.get(9)).toEqual(samples[9]);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it("stamps files by path, length and time", async () => {
    const path = await put(temporary("stamped"), "abc");
    const before = await fileStamp(path);
    expect(before.slice(0, 2)).toEqual([path, 3]);
    await writeFile(path, "abcd");
    expect(await fileStamp(path)).not.toEqual(before);
    expect((await failure(fileStamp(temporary("absent"))))._tag).toBe("MissingFileError");
  });
});

describe("writing", () => {
  it("replaces a file at once and leaves no other", async () => {
    const path = await put(temporary("atomic/file"), "old");
    await writeFileAtomically(path, new TextEncoder().encode("new"));
    expect(await readFile(path, "utf8")).toBe("new");
    expect(await readdir(temporary("atomic"))).toEqual(["file"]);
    await expect(writeFileAtomically(temporary("no/folder/x"), new Uint8Array(1))).rejects
      .toThrow();
  });

  it("describes schemas for people", () => {
    expect(describeSchema(schema)).toBe(
      "image: uint8[2, 3]\nscalar: float64[]\nmask: int16[?, 2]\nan odd/name: json",
    );
  });
});

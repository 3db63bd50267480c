/** The directory in which compiled programs are kept. */
import fs, { existsSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Store } from "../../src/backends/onnx/cache/store.ts";
import { entries, fresh, removeAll } from "./onnxCacheRuns.ts";

afterEach(() => {
  removeAll();
  vi.restoreAllMocks();
});

const keyOf = (i: number) => i.toString(16).padStart(64, "0");

test("gives back what it was given, for as long as nobody takes it away", () => {
  const directory = fresh();
  const store = new Store(directory);
  const value = { list: [1, -0, NaN, undefined, null], bytes: Uint8Array.of(0, 255) };
  expect(store.read(keyOf(1))).toBe(undefined);
  store.write(keyOf(1), value);
  expect(store.read(keyOf(1))).toEqual(value);
  expect(new Store(directory).read(keyOf(1))).toEqual(value);
  expect(store.read(keyOf(2))).toBe(undefined);
  store.write(keyOf(1), "another");
  expect(store.read(keyOf(1))).toBe("another");
  rmSync(join(directory, `${keyOf(1)}.entry`));
  expect(store.read(keyOf(1))).toBe(undefined);
});

test("reads where it may not write", () => {
  const directory = fresh();
  new Store(directory).write(keyOf(1), "value");
  const refuse = () => {
    throw new Error("read-only file system");
  };
  const refused = vi.spyOn(fs, "utimesSync").mockImplementation(refuse);
  vi.spyOn(fs, "writeFileSync").mockImplementation(refuse);
  const store = new Store(directory);
  expect(store.read(keyOf(1))).toBe("value");
  expect(refused).toHaveBeenCalledOnce();
  expect(() => store.write(keyOf(2), "value")).toThrow("read-only");
  expect(entries(directory)).toEqual([`${keyOf(1)}.entry`]);
});

describe("a directory does not grow without end", () => {
  test("what was used least recently goes, and nothing that is not ours", () => {
    const directory = fresh();
    const large = new Uint8Array(1000);
    writeFileSync(join(directory, "letter.txt"), large);
    const store = new Store(directory, 10_000);
    for (let i = 0; i < 9; i++) {
      store.write(keyOf(i), large);
      utimesSync(join(directory, `${keyOf(i)}.entry`), 1000 + i, 1000 + i);
    }
    expect(store.read(keyOf(0))).toEqual(large); // so that it was used last
    store.write(keyOf(9), large);
    store.write(keyOf(10), large);
    const left = entries(directory).filter((name) => name.endsWith(".entry"));
    expect(left.length).toBeLessThanOrEqual(5);
    expect(left).toContain(`${keyOf(0)}.entry`);
    expect(left).toContain(`${keyOf(10)}.entry`);
    expect(left).not.toContain(`${keyOf(1)}.entry`);
    expect(existsSync(join(directory, "letter.txt"))).toBe(true);
    expect(store.read(keyOf(1))).toBe(undefined);
  });

  test("also when others have filled it, or died while they wrote", () => {
    const directory = fresh();
    const abandoned = join(directory, `${keyOf(1)}.0b44e2b0-3c8e-4d7e-9d53-6a1f2f1f7a11.part`);
    writeFileSync(abandoned, new Uint8Array(20_000));
    utimesSync(abandoned, 1000, 1000);
    new Store(directory, 10_000).write(keyOf(2), "value");
    expect(entries(directory)).toEqual([`${keyOf(2)}.entry`]);
  });
});

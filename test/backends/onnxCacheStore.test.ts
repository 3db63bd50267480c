/** The directory in which compiled programs are kept. */
import fs, {
  chmodSync,
  existsSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
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

describe("nobody else may write what is run", () => {
  test("entries are the user's own, whatever the umask", () => {
    const directory = join(fresh(), "made");
    const before = process.umask(0);
    try {
      new Store(directory).write(keyOf(1), "value");
    } finally {
      process.umask(before);
    }
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, `${keyOf(1)}.entry`)).mode & 0o777).toBe(0o600);
  });

  test.each([0o777, 0o1777, 0o770, 0o722])("a directory of mode %o is refused", (mode) => {
    const directory = fresh();
    chmodSync(directory, mode);
    expect(() => new Store(directory)).toThrow("others may write code there that is run; forbid");
    chmodSync(directory, 0o755);
    expect(new Store(directory).read(keyOf(1))).toBe(undefined);
  });

  test("a directory of another user is refused, one of root's is not", () => {
    const directory = fresh();
    const stat = fs.statSync(directory);
    const of = (uid: number) =>
      vi.spyOn(fs, "statSync").mockReturnValue(Object.assign(Object.create(stat), { uid }));
    of(stat.uid + 1);
    expect(() => new Store(directory)).toThrow(`belongs to the user ${stat.uid + 1}`);
    of(0);
    new Store(directory);
  });

  test("an entry that others may write counts as missing, and is written anew", () => {
    const directory = fresh();
    const store = new Store(directory);
    store.write(keyOf(1), "value");
    chmodSync(join(directory, `${keyOf(1)}.entry`), 0o666);
    expect(store.read(keyOf(1))).toBe(undefined);
    store.write(keyOf(1), "value");
    expect(store.read(keyOf(1))).toBe("value");
  });

  test("entries that changed places count as missing", () => {
    const directory = fresh();
    const store = new Store(directory);
    store.write(keyOf(1), "one");
    store.write(keyOf(2), "two");
    const [a, b, c] = [`${keyOf(1)}.entry`, `${keyOf(2)}.entry`, "aside"]
      .map((name) => join(directory, name)) as [string, string, string];
    renameSync(a, c);
    renameSync(b, a);
    renameSync(c, b);
    expect([store.read(keyOf(1)), store.read(keyOf(2))]).toEqual([undefined, undefined]);
  });
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

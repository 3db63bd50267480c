/** Cells: which configs a grid has, and what their address depends on. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { Effect } from "effect";
import { describe, expect, it } from "vitest";
import { cellOf } from "../../../src/experiments/sweep/cell.ts";
import { gridOf, listed } from "../../../src/experiments/sweep/grid.ts";
import { CurrentCode } from "../../../src/experiments/sweep/identity.ts";
import { failure, temporaryFolder, tiny, toyConfig } from "../support.ts";

const folder = temporaryFolder();
const grid = (...sets: string[]) => Effect.runPromise(gridOf(tiny, sets));
const refused = async (...sets: string[]) => String(await failure(gridOf(tiny, sets)));

describe("a grid", () => {
  it.each([
    ["0,1,2", ["0", "1", "2"]],
    ["[1,3]", ["[1,3]"]],
    ["[1,3],[2,2]", ["[1,3]", "[2,2]"]],
    ['{"a":[1,2]},"x,y"', ['{"a":[1,2]}', '"x,y"']],
    ['"a\\",b",c', ['"a\\",b"', "c"]],
    ["unrolled, oneStep", ["unrolled", "oneStep"]],
    ["", [""]],
  ])("lists the values of %s", (text, values) => expect(listed(text)).toEqual(values));

  it("has every combination once, named by the fields that differ", async () => {
    const configs = await grid("seed=0,1", "model.slots=2,3,4", "steps=5");
    expect(configs.map(({ name }) => name)).toEqual([
      ...[2, 3, 4].map((slots) => `tiny-seed0-slots${slots}`),
      ...[2, 3, 4].map((slots) => `tiny-seed1-slots${slots}`),
    ]);
    expect(configs.map(({ seed }) => seed)).toEqual([0, 0, 0, 1, 1, 1]);
    expect(configs.every(({ steps }) => steps === 5)).toBe(true);
    expect((await grid()).map(({ name }) => name)).toEqual(["tiny"]);
  });

  it("tells what is wrong with it", async () => {
    expect(await refused("seed")).toContain('"seed" is not of the form path=value');
    expect(await refused("seed=0,,1")).toContain("an empty value between its commas");
    expect(await refused("seed=0,1,0")).toContain("a value twice");
    expect(await refused("seed=0,minus")).toContain("seed: expected");
    expect(await refused("sead=0,1")).toContain("sead: there is no such field");
  });
});

describe("the address of a cell", () => {
  const keyOf = async (...overrides: string[]) =>
    (await Effect.runPromise(cellOf(await toyConfig(...overrides)))).key;

  it("depends on every field of the config but its name", async () => {
    const key = await keyOf();
    expect(await keyOf()).toBe(key);
    expect(await keyOf("name=other")).toBe(key);
    for (const set of ["seed=1", "steps=5", "model.slots=2", "log.keep=1", "backend=onnx"]) {
      expect(await keyOf(set)).not.toBe(key);
    }
    const { model, ...config } = await toyConfig();
    const turned = { ...config, model: Object.fromEntries(Object.entries(model).reverse()) };
    expect(
      (await Effect.runPromise(
        cellOf(turned as unknown as typeof config & { model: typeof model }),
      )).key,
    )
      .toBe(key);
  });

  it("depends on the code", async () => {
    const config = await toyConfig();
    const keyWith = (code: string) =>
      Effect.runPromise(
        Effect.map(cellOf(config), ({ key }) => key).pipe(
          Effect.provideService(CurrentCode, () => Promise.resolve(code)),
        ),
      );
    expect(await keyWith("one")).toBe(await keyWith("one"));
    expect(await keyWith("one")).not.toBe(await keyWith("two"));
  });

  it("depends on the contents of the files that it reads, not on their place or time", async () => {
    await mkdir(folder("images"));
    await writeFile(folder("images", "a.png"), "one");
    await writeFile(folder("images", "b.png"), "two");
    const keyAt = (path: string) => keyOf("data.source=folder", `data.path=${path}`);
    const identity = async (path: string) =>
      (await Effect.runPromise(cellOf(await toyConfig("data.source=folder", `data.path=${path}`))))
        .data;
    const [key, data] = [await keyAt(folder("images")), await identity(folder("images"))];
    await writeFile(folder("images", "b.png"), "two"); // later
    expect(await keyAt(folder("images"))).toBe(key);
    await writeFile(folder("images", "b.png"), "too");
    expect(await keyAt(folder("images"))).not.toBe(key);
    await writeFile(folder("images", "b.png"), "two");
    await rename(folder("images"), folder("elsewhere"));
    expect(await identity(folder("elsewhere"))).toBe(data);
    await rename(folder("elsewhere", "b.png"), folder("elsewhere", "c.png"));
    expect(await identity(folder("elsewhere"))).not.toBe(data);
    const gone = await toyConfig("data.source=folder", `data.path=${folder("nowhere")}`);
    expect(String(await failure(cellOf(gone)))).toContain("cannot be read");
  });
});

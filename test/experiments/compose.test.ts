/** Configs made of parts: fragments are laid over each other, values are unset, and mistakes name their file. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effect } from "effect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/experiments/config/compose.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { allPresets, presetNamed } from "../../src/experiments/config/presets.ts";
import type { ImageConfig } from "../../src/experiments/tasks/images/config.ts";
import { failure, tinyConfig } from "./support.ts";

let folder = "";
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "compose-"))));
afterAll(() => rm(folder, { recursive: true }));

/** Writes a file of the folder and gives its path. */
async function file(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const load = (path: string, ...overrides: string[]) =>
  readConfig(path).pipe(
    Effect.flatMap(({ config, originOf }) =>
      applyOverrides(config, overrides).pipe(
        Effect.flatMap((changed) => decodeConfig(changed, path, originOf)),
      )
    ),
  );

describe("extends", () => {
  it("gives every preset as it is, and what stands beside it", async () => {
    for (const [name, preset] of await Effect.runPromise(allPresets)) {
      const path = await file("own.json", { extends: name, seed: 5 });
      const plain = await Effect.runPromise(decodeConfig(preset, name));
      expect(await Effect.runPromise(load(path))).toEqual({ ...plain, seed: 5 });
    }
  });

  it("lays fragments over each other in order, field by field, lists as a whole", async () => {
    await file("a.json", { model: { slots: 5 }, data: { objects: [1, 4] }, steps: 7 });
    await file("b.json", { model: { slots: 6, encoder: { strides: [2] } } });
    const path = await file("c.json", {
      extends: ["discovery-quick", "./a.json", "./b.json"],
      steps: 9,
    });
    const config = await Effect.runPromise(load(path, "seed=3"));
    const quick = await Effect.runPromise(
      Effect.flatMap(presetNamed("discovery-quick"), (preset) => decodeConfig(preset, "")),
    );
    expect(config).toMatchObject({
      model: { slots: 6, encoder: { strides: [2], channels: 32 }, iterations: 3 },
      data: { objects: [1, 4], source: "sprites" },
      steps: 9,
      seed: 3,
    });
    expect(config.batchSize).toBe(quick.batchSize);
  });

  it("takes paths relative to the file that names them", async () => {
    const inner = await mkdtemp(join(folder, "inner-"));
    await writeFile(join(inner, "x.json"), JSON.stringify({ extends: "../base.json", steps: 4 }));
    await file("base.json", { extends: "discovery-quick", seed: 8 });
    const path = await file("outer.json", { extends: `./${inner.split("/").at(-1)}/x.json` });
    expect(await Effect.runPromise(load(path))).toMatchObject({ steps: 4, seed: 8 });
  });
});

describe("null", () => {
  it("unsets a field: of a preset, of a fragment, or by an override", async () => {
    const has = (config: { readonly data: unknown }) => Object(config.data).maxObjects;
    const path = await file("clevr.json", { extends: "discovery-clevr6" });
    expect(has(await Effect.runPromise(load(path)))).toBe(6);
    expect(has(await Effect.runPromise(load(path, "data.maxObjects=null")))).toBeUndefined();
    const unset = await file("unset.json", { extends: "./clevr.json", data: { maxObjects: null } });
    expect(has(await Effect.runPromise(load(unset)))).toBeUndefined();
    expect(has(await Effect.runPromise(load(unset, "data.maxObjects=4")))).toBe(4);
  });

  it("brings the default back, and a missing value where there is none", async () => {
    const config = await tinyConfig("log.keep=null");
    expect(config.log.keep).toBe(2);
    const { problems } = await failure(tinyEffect("steps=null"));
    expect(problems).toEqual(["steps: is missing"]);
  });

  it("of a field that does not exist is a mistake", async () => {
    const { problems } = await failure(tinyEffect("model.slotz=null", "dato=null"));
    expect([...problems].sort()).toEqual([
      "dato: there is no such field",
      "model.slotz: there is no such field",
    ]);
  });
});

const tinyEffect = (...overrides: string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed("discovery-quick"), (preset) => applyOverrides(preset, overrides)),
    (config) => decodeConfig(config, "The config"),
  );

describe("mistakes", () => {
  it("of a value name the file that it stands in, unless it was overridden", async () => {
    await file("part.json", { model: { slots: 0 } });
    const path = await file("whole.json", { extends: ["discovery-quick", "./part.json"] });
    const { problems } = await failure(load(path));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^model\.slots \(in .*part\.json\): expected .*found 0$/);
    const overridden = await failure(load(path, "model.slots=-1"));
    expect(overridden.problems[0]).toMatch(/^model\.slots: expected .*found -1$/);
  });

  it.each([
    [
      "a name that is none",
      { extends: "discovery-fast" },
      /extends: "discovery-fast" is neither a preset/,
    ],
    [
      "a file that is missing",
      { extends: ["./gone.json"] },
      /extends\[0\]: .*gone\.json.*no such file/,
    ],
    ["no name at all", { extends: [3] }, /extends\[0\]: expected the name of a preset.*found 3/],
    ["text that is no JSON", '{ "steps": ', /is not JSON/],
    ["a list", "[1]", /not an object of fields/],
    ["itself", { extends: "./bad.json" }, /extends .*bad\.json, which is circular/],
  ])("%s: one error that says where", async (_, content, expected) => {
    const error = await failure(load(await file("bad.json", content)));
    expect(error._tag).toBe("ConfigError");
    expect(error.problems).toHaveLength(1);
    expect(error.problems[0]).toContain("bad.json");
    expect(error.problems[0]).toMatch(expected);
  });

  it("names that every object has are fields like all others", async () => {
    const path = await file(
      "proto.json",
      '{ "extends": "discovery-quick", "__proto__": { "steps": 1 } }',
    );
    const { problems } = await failure(load(path));
    expect(problems.join()).toContain("__proto__");
  });
});

describe("rectangular images", () => {
  const clevr = ["data.source=clevr", "data.resolution=[16,24]"];

  it("have height and width", async () => {
    const config = await tinyConfig(...clevr);
    expect((config.data as ImageConfig).resolution).toEqual([16, 24]); // of the task "discovery"
  });

  it("are refused where images are made square, in words", async () => {
    const { problems } = await failure(tinyEffect("data.resolution=[16,24]"));
    expect(problems).toEqual([
      "data.resolution: 16×24, but sprites are made square; give one number",
    ]);
    const { problems: tower } = await failure(
      tinyEffect("data.source=towers", "data.resolution=[16,24]", "data.objects=[1,3]"),
    );
    expect(tower).toEqual([
      "data.objects: towers have 2 to 6 blocks, found [1, 3]",
      "data.resolution: 16×24, but towers are made square; give one number",
    ]);
    const wrong = await failure(tinyEffect("data.resolution=[16]"));
    expect(wrong.problems.join()).toMatch(/^data\.resolution/);
  });
});

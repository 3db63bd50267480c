/** Configs: what is wrong is told at once; presets are right; overrides reach every field. */
import { Effect } from "effect";
import { describe, expect, it } from "vitest";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { allPresets, presetNamed } from "../../src/experiments/config/presets.ts";
import { discoveryPresets, propertyPresets } from "../../src/experiments/tasks/presets.ts";
import { failure, tiny, tinyConfig } from "./support.ts";

const presetNames = [...(await Effect.runPromise(allPresets)).keys()];

describe("configs", () => {
  it("lists every mistake at once", async () => {
    const wrong = {
      ...tiny,
      steps: 1.5,
      colour: "red",
      model: { ...tiny.model, slots: 0, adjoint: "guess" },
      data: { scenes: 40, resolution: 16 },
    };
    const error = await failure(decodeConfig(wrong, "The config"));
    expect(error._tag).toBe("ConfigError");
    expect(error.what).toContain("5 mistakes");
    const text = error.problems.join("\n");
    expect(text).toContain("colour: there is no such field");
    expect(text).toContain("steps: expected an integer, found 1.5");
    expect(text).toContain("model.slots: expected a whole number of at least 1, found 0");
    expect(text).toMatch(/model\.adjoint: expected .*"oneStep".*, found "guess"/);
    expect(text).toContain("data.source: is missing");
  });

  it("says which tasks there are, beside all that is wrong with the other fields", async () => {
    for (
      const [task, found] of [["segmentation", `found "segmentation"`], [undefined, "missing"]]
    ) {
      const model = { ...tiny.model, task };
      const { problems } = await failure(decodeConfig({ ...tiny, model, steps: 0 }, "The config"));
      expect(problems).toHaveLength(2);
      expect(problems[0]).toMatch(`model.task: expected "discovery" | "properties"`);
      expect(problems[0]).toContain(found);
      expect(problems[1]).toContain("steps: expected a whole number of at least 1, found 0");
    }
  });

  it("takes names that every object has for unknown fields", async () => {
    for (const name of ["constructor", "toString", "hasOwnProperty", "valueOf"]) {
      for (const path of [name, `${name}.x`, `model.${name}`, `model.${name}.x`]) {
        const changed = await Effect.runPromise(applyOverrides(tiny, [`${path}=1`]));
        const { problems } = await failure(decodeConfig(changed, "The config"));
        expect(problems.join("\n"), path).toContain(`${name}: there is no such field`);
      }
      expect((await failure(presetNamed(name))).message).toContain("No preset is called");
    }
  });

  it("sees fields that contradict each other", async () => {
    const contradictory = {
      ...tiny,
      batchSize: 100,
      data: { ...tiny.data, source: "folder", objects: [3, 2] },
      log: { every: 3, checkpointEvery: 4 },
    };
    const { problems } = await failure(decodeConfig(contradictory, "The config"));
    expect(problems).toHaveLength(4);
    expect(problems.join("\n")).toContain("data.path");
  });

  it("spells out defaults, and reads what it wrote", async () => {
    const config = await tinyConfig();
    expect(config.model.adjoint).toBe("oneStep");
    expect(config.log.panelImages).toBe(6);
    const written: unknown = JSON.parse(JSON.stringify(config));
    expect(written).toEqual(config);
    expect(await Effect.runPromise(decodeConfig(written, "again"))).toEqual(config);
  });

  it.each(presetNames)(
    "has a correct preset %s",
    async (name) => {
      const preset = await Effect.runPromise(presetNamed(name));
      const config = await Effect.runPromise(decodeConfig(preset, name));
      expect(config.name).toBe(name);
    },
  );

  it("has the paper's hyperparameters", () => {
    const { model, batchSize, optimizer } = discoveryPresets["discovery-clevr6"];
    expect(model.slots).toBe(7);
    expect([batchSize, optimizer.learningRate, optimizer.warmup]).toEqual([64, 4e-4, 10_000]);
    expect(propertyPresets["properties-clevr10"].batchSize).toBe(512);
  });

  it("names the presets when there is none of a name", async () => {
    const error = await failure(presetNamed("discovery-fast"));
    expect(error.message).toContain("discovery-quick");
  });
});

describe("overrides", () => {
  it("change fields without touching the original", async () => {
    const config = await tinyConfig("model.slots=9", "data.source=clevr", "data.objects=[1,4]");
    expect(config.model.slots).toBe(9);
    expect(config.data.source).toBe("clevr");
    expect(config.data.objects).toEqual([1, 4]);
    expect(tiny.model.slots).toBe(3);
  });

  it("make parts that are missing, and keep text that looks like paths", async () => {
    const path = "data.path=../some where/x=y.png";
    const config = await tinyConfig("log.keep=7", "data.source=folder", path);
    expect(config.log.keep).toBe(7);
    expect(config.data.path).toBe("../some where/x=y.png");
  });

  it("are all told when they cannot be applied", async () => {
    const error = await failure(applyOverrides(tiny, ["slots", "steps.x=1", "a..b=2", "steps=5"]));
    expect(error.problems).toHaveLength(3);
  });

  it("of fields that do not exist are mistakes of the config", async () => {
    const error = await failure(
      applyOverrides(tiny, ["model.slot=9"]).pipe(
        Effect.flatMap((config) => decodeConfig(config, "The config")),
      ),
    );
    expect(error.message).toContain("model.slot: there is no such field");
  });
});

/** A run that was trained is scored on other data and with other counts, and goes on with another config. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { Effect } from "effect";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { evaluateRun, type LookOptions } from "../../src/experiments/train/evaluateRun.ts";
import { train, type TrainOptions } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder, tinyConfig } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
vi.setConfig({ testTimeout: 180_000 });

const folder = temporaryFolder();
const run = Effect.runPromise;
const log = { every: 1, evaluateEvery: 100, panelEvery: 100, firstPanel: 100, checkpointEvery: 2 };
let trained: RunFolder;

beforeAll(async () => {
  const config = await tinyConfig("steps=2", `log=${JSON.stringify(log)}`);
  trained = await run(train(config, { root: folder("runs"), display: remember() }));
}, 180_000);

const look = (options: LookOptions) =>
  openRun(folder("runs"), trained.path).pipe(
    Effect.flatMap((found) => evaluateRun(found, options)),
  );

describe("eval", () => {
  it("scores each part of the run's own data", async () => {
    const { results } = (await run(trained.summary())).value!;
    const validation = await run(look({}));
    expect([validation.size, validation.split, validation.changes]).toEqual([6, "validation", []]);
    expect(validation.scores["mse"]).toBeCloseTo(results["mse"]!, 6);
    const test = await run(look({ split: "test" }));
    expect(test.scores["mse"]).toBeCloseTo(results["test/mse"]!, 6);
    const train = await run(look({ split: "train" }));
    const all = await run(look({ split: "all" }));
    expect([test.size, train.size, all.size]).toEqual([6, 28, 40]);
    // The mean over all is that of the parts.
    const parts = [train, validation, test];
    const mean = parts.reduce((sum, part) => sum + part.scores["mse"]! * part.size, 0) / 40;
    // Slots begin at random, and by their place among those that are looked at.
    expect(Math.abs(all.scores["mse"]! / mean - 1)).toBeLessThan(0.05);
  });

  it("takes other data, and other counts of what the weights do not depend on", async () => {
    const more = await run(
      look({ set: ["model.slots=5", "model.iterations=4", "model.adjoint=unrolled"] }),
    );
    expect(more.changes).toEqual([
      "model.slots was 3, and is 5 now",
      "model.iterations was 2, and is 4 now",
      'model.adjoint was "oneStep", and is "unrolled" now',
    ]);
    expect(more.scores["activeSlots"]).toBeGreaterThan(0);
    const own = await run(look({}));
    expect(more.scores["mse"]).not.toBe(own.scores["mse"]);
    const other = await run(look({
      split: "all",
      set: ["data.objects=[1,1]", "data.scenes=5", "data.seed=3"],
    }));
    expect(other.size).toBe(5);
    expect(other.changes).toHaveLength(3);
    // What was found is kept, and the run itself is as it was.
    const kept = (await readFile(trained.file("evaluations.jsonl"), "utf8")).trimEnd().split("\n");
    const last = JSON.parse(kept.at(-1)!);
    expect([last.split, last.size, last.scores.mse]).toEqual(["all", 5, other.scores["mse"]]);
    expect((await run(openRun(folder("runs"), "latest"))).config.data).toMatchObject({
      scenes: 40,
    });
  });

  it("refuses what has no effect, and other shapes, in words", async () => {
    const told = async (...set: string[]) => (await failure(look({ set }))).message;
    expect(await told("optimizer.clip=1", "steps=9")).toMatch(
      /no effect[^]*steps was 2, and is 9 now/,
    );
    expect(await told("model.slotSize=9")).toMatch(
      /of another model: params\.\S+ is[^]*Sizes of a model/,
    );
    expect(await told("model.slts=9")).toContain("model.slts: there is no such field");
    expect(await told("model.slots")).toContain('"model.slots" is not of the form path=value');
    const config = await tinyConfig("data.scenes=6", "data.test=0", "steps=1");
    const none = await run(train(config, { root: folder("none"), display: remember() }));
    const opened = await run(openRun(folder("none"), none.path));
    expect((await failure(evaluateRun(opened, { split: "test" }))).message).toMatch(
      /no part "test"[^]*--split train or validation/,
    );
  });
});

describe("resume --set", () => {
  const copy = async (name: string) => {
    const config = await tinyConfig("steps=2", `log=${JSON.stringify(log)}`);
    return await run(train(config, { root: folder(name), display: remember() }));
  };
  const goOn = async (
    where: RunFolder,
    set: readonly string[],
    more: Partial<TrainOptions> = {},
  ) => {
    const display = remember();
    const { config } = await run(openRun(folder(), where.path));
    const changed = await run(
      Effect.flatMap(applyOverrides(config, set), (c) => decodeConfig(c, "The config")),
    );
    const accepted = set.map((text) => text.split("=")[0]!);
    const effect = train(changed, { root: folder(), display, resume: where, accepted, ...more });
    return { effect, lines: display.lines };
  };
  const contents = async (where: RunFolder) => {
    const names = (await readdir(where.path, { recursive: true })).filter((name) =>
      /\.\w+$/.test(name)
    );
    return await Promise.all(
      names.sort().map(async (
        name,
      ) => [name, (await readFile(where.file(name))).toString("base64")]),
    );
  };

  it("names every difference, goes on, and keeps the configs", async () => {
    const where = await copy("changed");
    const set = ["optimizer.learningRate=0.002", "data.seed=4", "steps=4"];
    const { effect, lines } = await goOn(where, set);
    await run(effect);
    expect(lines.filter((line) => line.startsWith("changed: "))).toEqual([
      "changed: data.seed was 0, and is 4 now",
      "changed: optimizer.learningRate was 0.01, and is 0.002 now",
    ]);
    const names = await readdir(where.file("configs"));
    expect(names.sort()).toEqual(["step-00000000.json", "step-00000002.json"]);
    const [first, second] = await Promise.all(
      names.map(async (name) => JSON.parse(await readFile(where.file("configs", name), "utf8"))),
    );
    expect([first.optimizer.learningRate, first.steps]).toEqual([0.01, 2]);
    expect([second.optimizer.learningRate, second.steps]).toEqual([0.002, 4]);
    const rows = await run(where.metrics());
    const rates = rows.flatMap(({ learningRate }) => learningRate ?? []);
    expect(rates).toHaveLength(4);
    expect(rates.at(-1)).toBeCloseTo(0.002, 6);
    expect((await run(openRun(folder(), where.path))).config.steps).toBe(4);
  });

  it("refuses other shapes, and changes nobody asked for, and leaves the folder as it was", async () => {
    const where = await copy("refused");
    const before = await contents(where);
    const shapes = await goOn(where, ["model.slotSize=16", "steps=4"]);
    expect((await failure(shapes.effect)).message).toMatch(/is of another model: params\./);
    expect(await contents(where)).toEqual(before);
    // The seed is not that of the checkpoint, and --set does not say so.
    const path = where.file("config.json");
    await writeFile(
      path,
      (await readFile(path, "utf8")).replace(/"seed": 0,\n(\s+)"backend/, '"seed": 7,\n$1"backend'),
    );
    const edited = await contents(where);
    const { effect } = await goOn(where, ["optimizer.learningRate=0.002", "steps=4"]);
    const { message } = await failure(effect);
    expect(message).toContain("seed was 0, and is 7 now");
    expect(message).not.toContain("learningRate");
    expect(await contents(where)).toEqual(edited);
  });
});

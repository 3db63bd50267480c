/** Commands that look at a run work for every task that gives slots, through its declarations: eval, export, probe. */
import { readdir, readFile } from "node:fs/promises";
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { parseNpyHeader } from "../../src/data/formats/npy.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import { Tasks, tasks } from "../../src/experiments/tasks/index.ts";
import type { Probed } from "../../src/experiments/tasks/task.ts";
import { evaluateRun } from "../../src/experiments/train/evaluateRun.ts";
import { exportRun } from "../../src/experiments/train/exportRun.ts";
import { probeRun } from "../../src/experiments/train/probeRun.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { someOf } from "../support/tier.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();

const images = ["data.scenes=16", "data.evaluate=2", "data.test=0"];
const slots = ["model.slots=2", "model.slotSize=8", "model.mlpHidden=8", "model.iterations=1"];
const encoder = 'model.encoder={"channels":4,"kernel":3,"strides":[2]}';
const decoder = 'model.decoder={"kind":"mlp","channels":4,"layers":1}';

/** The smallest config of each task: its first preset, with these changes. */
const small: { readonly [task: string]: readonly string[] } = {
  discovery: [...images, ...slots, encoder, decoder, "data.resolution=16"],
  properties: [...images, ...slots, encoder, decoder, "data.resolution=16", "data.objects=[1,2]"],
  slate: [
    ...images,
    ...["data.resolution=8", "data.grid=0", "data.objects=[1,1]"],
    ...[
      "model.vocabulary=8",
      "model.channels=4",
      "model.size=8",
      "model.heads=2",
      "model.blocks=1",
    ],
    ...["model.slots=2", "model.temperatureSteps=4", "optimizer.warmup=2"],
  ],
  savi: [
    ...["data.resolution=12", "data.frames=2", "data.videos=8", "data.evaluate=2"],
    ...["model.slotSize=8", "model.startHidden=4", "model.predictorHidden=4"],
    ...["model.encoder.channels=4", "model.encoder.kernel=3", "model.decoder.channels=4"],
  ],
  parts: [
    ...["data.resolution=12", "data.frames=2", "data.videos=8", "data.evaluate=2"],
    ...["model.latentSize=4", "model.memorySize=4", "model.hidden=4"],
    ...["model.encoder.channels=4", "model.encoder.kernel=3", "model.decoder.channels=4"],
  ],
  op3: [
    ...[
      "data.resolution=12",
      "data.frames=2",
      "data.further=1",
      "data.videos=8",
      "data.evaluate=2",
    ],
    ...["model.deterministicSize=2", "model.latentSize=3", "model.effectSize=2"],
    ...["model.memorySize=4", "model.refinements=1", "model.refinementsAfter=0"],
    'model.encoder={"channels":[2],"kernel":3,"hidden":3}',
    'model.decoder={"channels":2,"layers":1,"kernel":3}',
  ],
  relationalNeuralEm: [
    ...[
      "data.resolution=16",
      "data.frames=3",
      "data.further=1",
      "data.videos=8",
      "data.evaluate=2",
    ],
    ...["model.hidden=4", "model.channels=[2]", "model.features=4", "model.attentionHidden=4"],
  ],
  iodine: [
    ...images,
    ...["data.resolution=8", "data.objects=[1,1]", "model.latentSize=2", "model.iterations=1"],
    ...["model.slots=2", "model.memorySize=2", "model.decoder.channels=2"],
    'model.encoder={"channels":2,"kernel":3,"strides":[2],"hidden":[4]}',
  ],
  efficientMorl: [
    ...images,
    ...["data.resolution=8", "model.slots=2", "model.latentSize=2", "model.levels=2"],
    ...["model.decoder.channels=2", "model.encoder.channels=2"],
  ],
  neuralEm: [
    ...["data.resolution=13", "data.images=16", "data.evaluate=2"],
    ...["model.hidden=6", "model.iterations=2"],
  ],
};
const common = ["steps=1", "batchSize=2", "backend=reference", "log.evaluateEvery=1"];

const exporting = tasks.filter(({ exports = {} }) => "slots" in exports);
const named = someOf(exporting).map((task) => [task.name, task] as const);

describe.each(named)("the task %s", (name, task) => {
  it("is scored, exported and probed", async () => {
    const changes = small[name];
    if (changes === undefined) throw new Error(`give "${name}" a small config above`);
    const probed: Probed[][] = [];
    // Fitting is tried elsewhere, and takes long.
    const fit = (...parts: readonly (readonly Probed[])[]) => {
      probed.push(...parts.map((part) => [...part]));
      return Promise.resolve([]);
    };
    const probe = task.probe === undefined ? {} : { probe: { ...task.probe, fit } };
    const run = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.runPromise(effect.pipe(Effect.provideService(Tasks, [{ ...task, ...probe }])));

    const preset = await run(presetNamed(Object.keys(task.presets)[0]!));
    const config = await run(
      applyOverrides(preset, [...changes, ...common]).pipe(
        Effect.flatMap((changed) => decodeConfig(changed, "The config")),
      ),
    );
    const { path } = await run(train(config, { root: folder(name), display: remember() }));
    const opened = await run(openRun(folder(name), path));

    // The report leads with a picture and the scores, and ends with the machine.
    const report = await readFile(`${path}/report.html`, "utf8");
    const order = ["<img", 'class="tiles"', "<h2>Curves", "<h2>The machine"];
    const places = order.map((mark) => report.indexOf(mark));
    expect(places.every((place, i) => place > (places[i - 1] ?? 0))).toBe(true);

    const { scores } = await run(evaluateRun(opened));
    expect(task.main.some((key) => Number.isFinite(scores[key]))).toBe(true);

    const { exports = {} } = task;
    expect(Object.keys(exports)).toContain("slots");
    const files = Object.keys(exports).map((key) =>
      [key, folder(name, "out", `${key}.npy`)] as const
    );
    await run(exportRun(opened, { outputs: Object.fromEntries(files), count: 2 }));
    for (const [, file] of files) {
      expect(parseNpyHeader(await readFile(file), "a test").shape[0]).toBe(2);
    }
    const pictures = Object.entries(exports).filter(([, { picture }]) => picture !== undefined)
      .map(([key]) => [key, folder(name, "png", key)] as const);
    if (pictures.length > 0) {
      await run(exportRun(opened, { outputs: Object.fromEntries(pictures), count: 2 }));
    }
    for (const [, where] of pictures) {
      expect((await readdir(where)).length).toBeGreaterThanOrEqual(2);
    }

    // Binary videos do not say the properties of their objects, and OP3's states are of imagined frames.
    expect(task.probe === undefined).toBe(["relationalNeuralEm", "op3"].includes(name));
    if (task.probe === undefined) return;
    await run(probeRun(opened, { count: 4 }));
    const [fitted, held] = probed as [Probed[], Probed[]];
    // Each frame of a video is probed.
    const { frames = 1 } = config.data as { readonly frames?: number };
    expect([fitted.length, held.length]).toEqual([4 * frames, 2 * frames]);
    for (const { values, objects } of [...fitted, ...held]) {
      expect(values.shape[0]).toBe((config.model as unknown as { slots: number }).slots); // all have slots
      expect(objects.length).toBeGreaterThan(0);
    }
  });
});

it("a declared output that is not given is told", async () => {
  const [task] = tasks;
  const lying = { ...task!, exports: { ...task!.exports, moods: { description: "Moods" } } };
  const run = <A, E>(effect: Effect.Effect<A, E>) =>
    effect.pipe(Effect.provideService(Tasks, [lying]));
  const [name] = await readdir(folder(task!.name));
  const opened = await Effect.runPromise(
    run(openRun(folder(task!.name), folder(task!.name, name!))),
  );
  const { message } = await failure(
    run(exportRun(opened, { outputs: { moods: folder("moods.npy") } })),
  );
  expect(message).toContain("`represent` does not give it");
});

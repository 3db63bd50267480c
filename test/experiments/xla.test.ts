/** Training on XLA, in a Python with JAX where there is one: one process with 8 devices that are made of the CPU. */
import process from "node:process";
import { Effect, Stream } from "effect";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { setBackend } from "trilevel";
import type { Batch, Sample } from "trilevel/data";
import { openExamples, trainingBatches } from "../../src/experiments/train/examples.ts";
import { type Engine, localEngine } from "../../src/experiments/train/engine.ts";
import { readTree } from "../../src/experiments/train/device.ts";
import { StartXla } from "../../src/experiments/train/openEngine.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { makeTrainer } from "../../src/experiments/train/step.ts";
import {
  exportStep,
  openXlaEngine,
  type XlaEngine,
} from "../../src/experiments/train/xlaEngine.ts";
import { discovery } from "../../src/experiments/tasks/discovery.ts";
import { Tasks } from "../../src/experiments/tasks/index.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { Machine } from "../../src/experiments/xla/machine.ts";
import { python } from "../support/xla.ts";
import {
  failure,
  type ImageRun,
  remember,
  temporaryFolder,
  tinyConfig,
  toyConfig,
  toyTask,
} from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const overrides = [
  ...["batchSize=8", "data.scenes=40", "optimizer.learningRate=1e-3", "model.iterations=1"],
];
const flags = {
  XLA_FLAGS: "--xla_force_host_platform_device_count=8 " +
    "--xla_cpu_collective_call_terminate_timeout_seconds=600",
  JAX_PLATFORMS: "cpu",
};

describe.skipIf(!python)("XLA", () => {
  let machine: Machine;
  let close = () => {};
  let config: ImageRun;
  let some: readonly Batch<Sample>[];
  beforeAll(async () => {
    await setBackend("onnx");
    Object.assign(process.env, flags);
    machine = await Machine.open(undefined, python);
    close = machine.close;
    vi.spyOn(machine, "close").mockImplementation(() => {}); // runs share it
    config = await tinyConfig(...overrides);
    some = await Effect.runPromise(
      openExamples(discovery, config).pipe(
        Effect.flatMap((examples) =>
          Stream.runCollect(Stream.take(trainingBatches(examples, config, 0), 5))
        ),
        Effect.scoped,
      ),
    );
  }, 60_000);
  afterAll(() => close());

  const trainerOf = () => makeTrainer(discovery.system(config), config.optimizer);

  /** The engine on some devices, with its trainer's first state. */
  async function engineOn(devices: number, shard: { readonly [path: string]: number } = {}) {
    const trainer = trainerOf();
    const state = trainer.init(0);
    const { fields } = some[0]!;
    const step = await exportStep(trainer, ["image"], state, fields, { devices, shard });
    return await openXlaEngine(machine, step, state);
  }

  /** Losses of steps with the batches from one on. */
  async function curve(engine: Engine, steps: number, from = 0): Promise<number[]> {
    for (let i = from; i < from + steps; i++) await engine.advance(some[i % some.length]!.fields);
    const rows = await engine.measure();
    const width = rows.length / steps;
    return Array.from({ length: steps }, (_, i) => rows[i * width]!);
  }

  /** Over as many as both have. */
  const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    expect(a.length).toBeGreaterThan(0);
    return Math.max(...Array.from(a).slice(0, b.length).map((x, i) => Math.abs(x - b[i]!)));
  };
  const kindsOf = ({ compilation: { exchanges } }: XlaEngine) =>
    new Set(
      exchanges.map((line) => /(all-[a-z]+|reduce-scatter|collective-permute)/.exec(line)![1]),
    );

  it("makes the steps of this process, on eight devices as on one, with state whole or shared", async () => {
    const trainer = trainerOf();
    const here = await curve(localEngine(trainer, ["image"], trainer.init(0)), 20);
    const one = await engineOn(1);
    const alone = await curve(one, 1);
    const state = await readTree(await one.state());
    alone.push(...await curve(one, 199, 1));
    expect(largestDifference(here, alone)).toBeLessThan(1e-5);
    expect(kindsOf(one).size).toBe(0);
    expect(alone[199]).toBeLessThan(0.9 * alone[0]!);

    const eight = await engineOn(8);
    const together = await curve(eight, 1);
    const other = await readTree(await eight.state());
    together.push(...await curve(eight, 199, 1));
    expect(largestDifference(alone, together)).toBeLessThan(1e-5);
    expect(kindsOf(eight)).toContain("all-reduce");
    for (const [name, { dtype, shape, data }] of Object.entries(state)) {
      expect([name, other[name]!.dtype, other[name]!.shape]).toEqual([name, dtype, shape]);
      // Moments are linear in the gradient; Adam's parameters move by the sign of gradients that are rounding.
      if (/\.mu\b/.test(name)) {
        expect(largestDifference(data, other[name]!.data), name).toBeLessThan(1e-5);
      }
    }
    expect(Object.keys(state).some((name) => /\.mu\b/.test(name))).toBe(true);

    const shared = await engineOn(8, { "**.decoder": 0, "**.mlp": 1 });
    expect(largestDifference(alone, await curve(shared, 10))).toBeLessThan(1e-5);
    expect(shared.compilation.memory.argument).toBeLessThan(eight.compilation.memory.argument!);
    expect(kindsOf(shared)).toContain("all-gather");
  });

  it("goes on with a run of this process, the other way too, and when Python is killed", async () => {
    const run = async (overridden: string[], resume?: RunFolder) => {
      const config = await toyConfig(
        "backend=onnx",
        "batchSize=8",
        "data.scenes=40",
        ...overridden,
      );
      const effect = train(config, {
        ...{ root: folder("runs"), display: remember(), accepted: ["engine"] },
        ...(resume === undefined ? {} : { resume }),
      });
      return {
        effect: effect.pipe(
          Effect.provideService(Tasks, [toyTask]),
          Effect.provideService(StartXla, () => Promise.resolve(machine)),
        ),
      };
    };
    const finish = async (overridden: string[], resume?: RunFolder) =>
      await Effect.runPromise((await run(overridden, resume)).effect);
    const losses = async (where: RunFolder) =>
      (await Effect.runPromise(where.metrics())).flatMap(({ loss }) =>
        typeof loss === "number" ? [loss] : []
      );
    const xla = 'engine={"name":"xla","devices":8}';
    const here = await losses(await finish(["steps=12"]));
    expect(here).toHaveLength(12);
    const back = await finish(["steps=12"], await finish([xla, "steps=4"]));
    expect(largestDifference(here, await losses(back))).toBeLessThan(1e-5);

    // A machine of its own that ends on the way would take seconds to start: this is the last test of the shared one.
    const begun = await finish(["steps=4"]);
    let steps = 0;
    const step = machine.step.bind(machine);
    vi.spyOn(machine, "step").mockImplementation((batch) => {
      if (++steps === 6) process.kill(machine.facts.pid, "SIGKILL");
      return step(batch);
    });
    const error = await failure((await run([xla, "steps=12"], begun)).effect);
    expect(error.message).toMatch(/The Python process that runs XLA was killed by SIGKILL/);
    const { checkpoint } = await Effect.runPromise(latestCheckpoint(begun));
    expect(checkpoint!.progress.step).toBe(8);
    expect(largestDifference(here, await losses(await finish(["steps=12"], begun))))
      .toBeLessThan(1e-5);
  });
});

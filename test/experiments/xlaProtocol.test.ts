/** The engine of XLA without XLA: frames, what can be missing, and runs on a machine that speaks the protocol. */
import { chmod, readdir, writeFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { Effect, Option } from "effect";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { debug, setBackend } from "trilevel";
import { ndarray } from "trilevel/data";
import { clusterOf, type EngineFlags, withEngine } from "../../src/experiments/cli/engine.ts";
import { Tasks } from "../../src/experiments/tasks/index.ts";
import { defineTask } from "../../src/experiments/tasks/task.ts";
import { StartXla } from "../../src/experiments/train/openEngine.ts";
import { exchangesOf, planStep } from "../../src/experiments/train/plan.ts";
import { train, type TrainOptions } from "../../src/experiments/train/runner.ts";
import { makeTrainer } from "../../src/experiments/train/step.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { Connection, encodeFrame, readFrames } from "../../src/experiments/xla/connection.ts";
import { Machine } from "../../src/experiments/xla/machine.ts";
import { fakeXla } from "./fakeXla.ts";
import { failure as failureOf, remember, temporaryFolder, toyConfig, toyTask } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

beforeAll(() => setBackend("onnx"));
const folder = temporaryFolder();

describe("frames", () => {
  it("arrive as they were sent, however the stream is cut", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.float32Array())),
        fc.integer({ min: 1, max: 9 }),
        async (messages, size) => {
          const stream = new PassThrough();
          for (const [text, data] of messages) {
            for (const part of encodeFrame({ text }, [data, data])) {
              for (let at = 0; at < part.length; at += size) {
                stream.write(part.subarray(at, at + size));
              }
            }
          }
          stream.end();
          const found: [string, Float32Array][] = [];
          for await (const { header, body } of readFrames(stream)) {
            found.push([String(header["text"]), new Float32Array(body.buffer)]);
          }
          expect(found).toEqual(
            messages.map(([text, data]) => [text, Float32Array.of(...data, ...data)]),
          );
        },
      ),
      { numRuns: 30 },
    ));

  it("that are cut short are none", async () => {
    const stream = new PassThrough();
    const [head] = encodeFrame({ do: "step" }, [Float32Array.of(1)]);
    stream.end(head);
    const found = [];
    for await (const frame of readFrames(stream)) found.push(frame);
    expect(found).toEqual([]);
  });
});

describe("what is missing", () => {
  /** The error of a machine that greets like this. */
  const greeted = async (header: object) => {
    const back = new PassThrough();
    for (const part of encodeFrame({ ...header })) back.write(part);
    const connection = new Connection(new PassThrough(), back, new Promise(() => {}));
    return await Machine.over(connection, () => {}, "py").then((m) => m, (error) => error);
  };
  /** The error of a program that is called in place of Python. */
  const started = async (name: string, script: string) => {
    await writeFile(folder(name), `#!/bin/sh\n${script}\n`);
    await chmod(folder(name), 0o755);
    return await Machine.open(undefined, folder(name)).then((m) => m, (error) => error);
  };

  it("is told with the cure: Python", async () => {
    const error = await Machine.open(undefined, folder("none")).catch((e) => e);
    expect(error._tag).toBe("EngineError");
    expect(error.message).toMatch(/There is no Python.*none" cannot be started/);
    expect(error.message).toMatch(/pip install jax.*TRILEVEL_PYTHON=/);
  });

  it("is told with the cure: JAX, a new one", async () => {
    expect((await greeted({ jax: null, missing: "No module named 'jax'" })).message)
      .toMatch(/The Python "py" has no JAX: No module named 'jax'[^]*pip install jax/);
    const old = /JAX 0\.4\.9 of "py" is too old[^]*py -m pip install --upgrade jax/;
    expect((await greeted({ jax: "0.4.9", devices: 1 })).message).toMatch(old);
    const part = { jax: "0.6.1", missing: "cannot import name 'mlir'" };
    expect((await greeted(part)).message).toMatch(/too old.*cannot import name 'mlir'/);
    expect((await greeted({ error: "RuntimeError: no TPU" })).message).toMatch(/no TPU/);
  });

  it("is told with the cure: devices", async () => {
    const found = { jax: "0.10.2", platform: "cpu", kind: "cpu", devices: 2, process: 0 };
    const machine: Machine = await greeted(found);
    expect(machine.devicesOf(undefined)).toBe(2);
    expect(machine.devicesOf(1)).toBe(1);
    expect(() => machine.devicesOf(8)).toThrow(
      /8 devices are asked for, and JAX has 2[^]*--devices 2[^]*device_count=8/,
    );
    const gpu: Machine = await greeted({ ...found, jax: "1.0.0", platform: "gpu" });
    expect(() => gpu.devicesOf(8)).toThrow(/on every host/);
  });

  it("is told when the process ends: how, and what it said", async () => {
    expect((await started("fails", "echo no library >&2; exit 3")).message)
      .toMatch(/ended with the exit code 3\. It said last:\n {2}no library/);
    expect((await started("killed", "kill -9 $$")).message).toMatch(/was killed by SIGKILL/);
  });
});

describe("a plan", () => {
  it("is that of the first step, counted by hand", async () => {
    const config = await toyConfig("backend=onnx", "batchSize=6");
    const trainer = makeTrainer(toyTask.system(config), config.optimizer);
    const image = ndarray(new Float32Array(6 * 4 * 4 * 3), [6, 4, 4, 3]);
    const plan = (devices: number, shard = {}) =>
      planStep(trainer, ["image"], trainer.init(0), { image }, { devices, shard });
    const one = plan(1);
    // scale [3] and shift; Adam's two moments of each and its count, that of the rate; a key of two numbers, the step.
    expect([one.parameters, one.parameterBytes]).toEqual([4, 16]);
    expect([one.wholeBytes, one.sharedBytes]).toEqual([16 + 32 + 4 + 4 + 8 + 4, 0]);
    expect(one.batchBytes).toBe(4 * 6 * 4 * 4 * 3);
    expect(one.exchangedBytes).toBe(0);
    const two = plan(2);
    expect(two.batchBytes).toBe(one.batchBytes / 2);
    expect(two.exchangedBytes).toBe(16);
    expect(two.intermediateBytes).toBeLessThan(one.intermediateBytes);
    const shared = plan(3, { "**.scale": 0 });
    expect(shared.sharedBytes).toBe(3 * 4);
    expect(shared.wholeBytes).toBe(one.wholeBytes - 3 * 12);
  });

  it("reads XLA's exchanges", () => {
    const exchanges = [
      "%all-reduce = f32[3]{0} all-reduce(%bitcast.3), channel_id=1, to_apply=%add.clone",
      "%r.1 = (f32[], f32[2,8]{1,0}) all-reduce(%a, %b), channel_id=2",
      "ROOT %g = bf16[4,2]{1,0} all-gather(%c), dimensions={0}",
      "%s = pred[5]{0} all-gather-start(%c), dimensions={0}",
    ];
    expect(exchangesOf({ memory: {}, exchanges })).toEqual({
      "all-reduce": 12 + 4 + 64,
      "all-gather": 16 + 5,
    });
  });
});

describe("flags", () => {
  const none: EngineFlags = {
    engine: Option.none(),
    devices: Option.none(),
    shard: [],
    coordinator: Option.none(),
    processes: Option.none(),
    process: Option.none(),
  };

  it("name the engine, its devices and its rules", async () => {
    const config = await toyConfig();
    const with_ = (flags: object) => Effect.runPromise(withEngine(config, { ...none, ...flags }));
    expect(await with_({})).toBe(config);
    const engine = Option.some("xla");
    const full = { engine, devices: Option.some(4), shard: ["**.a=1", "b[0]=0"] };
    expect((await with_(full)).engine).toEqual({
      name: "xla",
      devices: 4,
      shard: { "**.a": 1, "b[0]": 0 },
    });
    const wrong = async (flags: object) =>
      (await failureOf(withEngine(config, { ...none, ...flags }))).message;
    expect(await wrong({ engine, shard: ["a"] })).toMatch(/expected path=axis, got a/);
    expect(await wrong({ devices: Option.some(2) })).toMatch(/are of --engine xla/);
    expect(await wrong({ engine, devices: Option.some(0) })).toMatch(/at least 1, got 0/);
  });

  it("say which of several processes this is", async () => {
    const at = (coordinator: string, processes?: number, process?: number) => ({
      ...none,
      coordinator: Option.some(coordinator),
      processes: Option.fromUndefinedOr(processes),
      process: Option.fromUndefinedOr(process),
    });
    expect(await Effect.runPromise(clusterOf(none))).toBeUndefined();
    expect(await Effect.runPromise(clusterOf(at("auto")))).toEqual({ coordinator: "auto" });
    expect(await Effect.runPromise(clusterOf(at("host:1", 2, 1)))).toEqual({
      coordinator: "host:1",
      processes: 2,
      process: 1,
    });
    const wrong = async (flags: EngineFlags) => (await failureOf(clusterOf(flags))).message;
    expect(await wrong(at("host:1"))).toMatch(/needs --processes and --process/);
    expect(await wrong(at("host:1", 2, 2))).toMatch(/from 0 to 1, got 2/);
    expect(await wrong({ ...none, process: Option.some(1) })).toMatch(/need a --coord/);
  });
});

describe("a run on a machine", () => {
  const xla = ["backend=onnx", 'engine={"name":"xla"}'];
  const start = async (faults: Parameters<typeof fakeXla>[2] = {}) => {
    const config = await toyConfig(...xla);
    const trainer = makeTrainer(toyTask.system(config), config.optimizer);
    return fakeXla(trainer, ["image"], faults);
  };
  const trained = async (
    fake: { readonly machine: Promise<Machine> } | undefined,
    options: Partial<TrainOptions>,
    ...overrides: string[]
  ) => {
    const display = remember();
    const config = await toyConfig("backend=onnx", ...overrides);
    const run = await Effect.runPromise(
      train(config, { root: folder("runs"), display, ...options }).pipe(
        Effect.provideService(Tasks, [toyTask]),
        Effect.provideService(StartXla, () => fake?.machine ?? Promise.reject(new Error("none"))),
      ),
    );
    return { run, said: display.lines.join("\n") };
  };
  const failed = async (
    fake: { readonly machine: Promise<Machine> },
    task: typeof toyTask,
    ...overrides: string[]
  ) => {
    const config = await toyConfig(...xla, ...overrides);
    const display = remember();
    const error = await failureOf(
      train(config, { root: folder("failed"), display }).pipe(
        Effect.provideService(Tasks, [task]),
        Effect.provideService(StartXla, () => fake.machine),
      ),
    );
    return { error, said: display.lines.join("\n") };
  };
  const outcome = async (run: RunFolder) => {
    const [rows, { checkpoint }] = await Effect.runPromise(
      Effect.all([run.metrics(), latestCheckpoint(run)]),
    );
    const measured = rows.map(({ step, loss, noise, gradientNorm, ...row }) => ({
      ...{ step, loss, noise, gradientNorm, validation: row["validation/loss"] },
    }));
    return { measured, tensors: checkpoint!.tensors, step: checkpoint!.progress.step };
  };

  it("is that of this process, and either goes on with what the other began", async () => {
    const here = await outcome((await trained(undefined, {})).run);
    const fake = await start();
    const there = await trained(fake, {}, ...xla);
    expect(await outcome(there.run)).toEqual(here);
    expect(there.said).toContain("backend xla on 2 × cpu");
    expect(fake.asked.slice(0, 2)).toEqual(["compile", "load"]);
    expect(fake.asked.filter((what) => what === "step")).toHaveLength(4);
    // The state of step 0 is known, and evaluations, pictures and checkpoints of one step share what was fetched.
    expect(fake.asked.filter((what) => what === "fetch")).toHaveLength(2);

    const half = await trained(await start(), {}, ...xla, "steps=2");
    const accepted = { resume: half.run, accepted: ["engine"] };
    expect(await outcome((await trained(undefined, accepted)).run)).toEqual(here);

    const other = await trained(undefined, {}, "steps=2");
    const back = { resume: other.run, accepted: ["engine"] };
    const gone = await trained(await start(), back, ...xla);
    expect(gone.said).toContain("the backend was onnx, and is xla on 2 × cpu now");
    expect(await outcome(gone.run)).toEqual(here);
  });

  it("that loses its machine says so and how to go on, and goes on", async () => {
    const { error, said } = await failed(await start({ dies: 4 }), toyTask);
    expect(error.message).toMatch(/the fake has ended/);
    const name = /task train resume (\S+)/.exec(said)?.[1];
    expect(name).toBeDefined();
    expect(await readdir(folder("failed", name!, "checkpoints"))).toContain(
      "step-00000002.safetensors",
    );
  });

  it("is refused before any work where devices cannot share a batch, or are not there", async () => {
    const fake = await start({ devices: 3 });
    const { error } = await failed(fake, toyTask);
    expect(error.message).toMatch(/batchSize: expected a multiple of the 3 devices, got 2/);
    const asked = await failed(await start(), toyTask, "engine.devices=4", "batchSize=4");
    expect(asked.error.message).toMatch(/4 devices are asked for, and JAX has 2/);
    expect(fake.asked).toEqual([]);
  });

  it("is refused where the step calls the host, or a rule divides nothing", async () => {
    const noisy = defineTask({
      ...(toyTask as unknown as Parameters<typeof defineTask>[0]), // of the same types
      system: (config) => {
        const system = toyTask.system(config as never);
        const loss: typeof system.loss = (...args) => {
          debug.print("{}", args[0]["shift"]);
          return system.loss(...args);
        };
        return { ...system, loss } as never;
      },
    });
    const fake = await start();
    const { error } = await failed(fake, noisy as unknown as typeof toyTask);
    expect(error.message).toMatch(/The step of this task cannot run on XLA[^]*calls the host/);
    const rule = await failed(await start(), toyTask, 'engine.shard={"params.scales":0}');
    expect(rule.error.message).toMatch(/"params.scales" \(axis 0\), found none/);
    const odd = await failed(await start(), toyTask, 'engine.shard={"params.scale":0}');
    expect(odd.error.message).toMatch(/whose axis 2 devices can share/);
    expect(fake.asked).toEqual([]);
    for (const name of await readdir(folder("failed"))) {
      expect(await readdir(folder("failed", name, "checkpoints"))).not.toEqual([]);
    }
  });
});

/**
 * The runner knows no model. Tasks that are not about images, `mixture.ts` and one below, are trained, scored, drawn,
 * gone on with and reported, without a change in `src/experiments`.
 */
import { readdir, readFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Effect, Schema } from "effect";
import { decode } from "fast-png";
import { describe, expect, it, vi } from "vitest";
import { np, optim, random, type Tensor } from "trilevel";
import { fromArrays, ndarray, select } from "trilevel/data";
import { inspectData } from "../../src/experiments/cli/data.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { makeOptimizer } from "../../src/experiments/optimizer.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { compareRuns, listTable } from "../../src/experiments/report/compare.ts";
import { seedTable } from "../../src/experiments/report/seeds.ts";
import { decodeCheckpoint, latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import { Tasks, tasks } from "../../src/experiments/tasks/index.ts";
import { averaged } from "../../src/experiments/tasks/scores.ts";
import { defineTask, type LossAt, type Seen, type Task } from "../../src/experiments/tasks/task.ts";
import { evaluateRun, renderRun } from "../../src/experiments/train/evaluateRun.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { mixture } from "./mixture.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const withTasks = (...tasks: readonly Task[]) => Effect.provideService(Tasks, tasks);
const run = <A, E>(effect: Effect.Effect<A, E>, task: Task = mixture) =>
  Effect.runPromise(effect.pipe(withTasks(task)));
const configured = (task: Task, ...overrides: string[]) =>
  run(
    Effect.flatMap(
      Effect.flatMap(presetNamed(task.name), (preset) => applyOverrides(preset, overrides)),
      (config) => decodeConfig(config, "The config"),
    ),
    task,
  );
const trained = async (root: string, task: Task, overrides: string[] = [], resume?: RunFolder) =>
  await run(
    train(await configured(task, ...overrides), {
      root: folder(root),
      display: remember(),
      ...(resume === undefined ? {} : { resume }),
    }),
    task,
  );
const checkpointOf = async (where: RunFolder) => (await run(latestCheckpoint(where))).checkpoint!;
const png = async (where: RunFolder, name: string) => decode(await readFile(where.file(name)));

describe("a task about points", () => {
  it("is trained, scored and drawn", async () => {
    const where = await trained("whole", mixture);
    const rows = await run(where.metrics());
    const losses = rows.flatMap(({ loss }) => typeof loss === "number" ? [loss] : []);
    expect(losses).toHaveLength(8);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.2);
    const { status, results } = (await run(where.summary())).value!;
    expect(status).toBe("finished");
    expect(results["best"]).toBeGreaterThan(0.8);
    // Three colours and white.
    const { data } = await png(where, "panels/fit-00000008.png");
    const colors = new Set(
      Array.from({ length: 96 * 96 }, (_, p) => `${data.slice(3 * p, 3 * p + 3)}`),
    );
    expect(colors.size).toBe(4);
    const report = await readFile(where.file("report.html"), "utf8");
    for (const text of ["A mixture of 3 Gaussians", "The points by component.", "Validation ARI"]) {
      expect(report).toContain(text);
    }
  });

  it("goes on to the same bits", async () => {
    const whole = await run(openRun(folder("whole"), "latest"));
    const half = await trained("half", mixture, ["steps=4"]);
    const resumed = await trained("half", mixture, [], half);
    expect((await checkpointOf(resumed)).tensors).toEqual(
      (await checkpointOf(whole.folder)).tensors,
    );
  });

  it("is evaluated, rendered, listed, compared and inspected", async () => {
    const found = await run(openRun(folder("whole"), "latest"));
    const { best } = (await run(found.folder.summary())).value!.results;
    expect((await run(evaluateRun(found))).scores["ari"]).toBe(best);
    const drawn = (await run(renderRun(found))).map((path) => relative(found.folder.path, path));
    expect(drawn[0]).toMatch(/^panels\/fit-\d+\.png$/);
    expect(drawn.at(-1)).toBe("report.html");
    for (const ending of ["svg", "png", "md", "tex"]) {
      expect(drawn).toContain(`charts/training-loss.${ending}`);
    }
    const table = await readFile(found.folder.file("charts/training-loss.md"), "utf8");
    const loss = (await run(found.folder.metrics())).find(({ step }) => step === 8)!["loss"];
    expect(table).toContain(`| 8 | ${Number(Number(loss).toPrecision(4))} |`);
    expect(table).toContain("n = 1 run");
    const [name, other] = [
      found.folder.path,
      (await run(openRun(folder("half"), "latest"))).folder.path,
    ];
    expect(await run(listTable(folder("whole")))).toContain(`ARI ${best!.toFixed(3)}`);
    const seeds = await run(seedTable(folder(), [name, other]));
    expect(seeds).toContain("| mixture | 8 | 1 |");
    expect(seeds).toContain("mixture has several runs of seed 0");
    await run(compareRuns(folder(), [name, other], folder("compare.html")));
    expect(await readFile(folder("compare.html"), "utf8")).toContain("Validation ARI");
    await run(inspectData(found.config, folder("data.png"), remember()));
    expect(decode(await readFile(folder("data.png"))).width).toBe(96);
  });

  it("has configs of its own, which other programs do not know", async () => {
    const config = await configured(mixture);
    expect(config.model).toEqual({ task: "mixture", components: 3, iterations: 3 });
    const wrong = { ...config, model: { ...config.model, slots: 3 }, data: { sets: 0 } };
    const { problems } = await failure(decodeConfig(wrong, "It").pipe(withTasks(mixture)));
    expect(problems).toEqual([
      "model.slots: there is no such field",
      "data.sets: expected a whole number of at least 1, found 0",
    ]);
    const { message } = await failure(decodeConfig(config, "The config"));
    const names = tasks.map(({ name }) => `"${name}"`).join(" | ");
    expect(message).toContain(`model.task: expected ${names}, found "mixture"`);
  });
});

describe("what a task may have", () => {
  type Video = { readonly video: ReturnType<typeof ndarray<Float32Array>> };
  type Forecaster = { readonly slow: { readonly w: Tensor }; readonly fast: Tensor };
  type Carried = { readonly average: Tensor };

  /** Predicts the next frame; has two losses, a temperature, a running average, and a group of its own. */
  const forecast = defineTask({
    name: "forecast",
    samples: "clips",
    model: Schema.Struct({ task: Schema.Literal("forecast") }),
    data: Schema.Struct({}),
    presets: {
      forecast: {
        ...mixture.presets["mixture"]!,
        name: "forecast",
        model: { task: "forecast" as const },
        data: {},
      },
    },
    describe: () => "Frames.",
    inputs: ["video"],
    open: () => {
      const frames = Float32Array.from({ length: 12 * 5 * 2 }, (_, i) => Math.sin(i));
      const all = fromArrays({ video: ndarray(frames, [12, 5, 2]) });
      return Effect.succeed({ train: all, validation: select(all, [0, 1]) });
    },
    scores: [{ key: "error", name: "error", digits: 3, better: "lower" }],
    main: ["error"],
    system: ({ optimizer }) => ({
      init: (key): Forecaster => ({
        slow: { w: random.normal(key, [2]) },
        fast: np.zeros([2]),
      }),
      initState: (): Carried => ({ average: np.zeros([]) }),
      groups: {
        slow: { paths: ["slow"], ...makeOptimizer({ ...optimizer, learningRate: 0.001 }) },
      },
      loss({ slow, fast }: Forecaster, { video }, _key, { step, state }: LossAt<Carried>) {
        const frames = np.swapaxes(video, 0, 1);
        const [past, future] = [frames.slice([0, 4]), frames.slice([1, 5])];
        const error = np.mean(np.square(past.mul(slow.w).add(fast).sub(future)));
        const size = np.mean(np.square(slow.w)).mul(np.exp(step.mul(-0.5)));
        const average = state.average.mul(0.5).add(error.mul(0.5));
        return [
          error.add(size),
          { "loss/error": error, "loss/size": size, average },
          { average },
        ];
      },
      predict: ({ fast }, { video }) => ({ video: video.mul(0).add(fast) }),
      // It grows, so that the first of these scores is the best.
      scorer: () =>
        averaged(({ output }: Seen<Video, "video">) => ({ error: output.video.data[0]! ** 2 })),
      draw: () => ({}),
    }),
  });

  it("sequences, losses by name, schedules and a state of the loss", async () => {
    const where = await trained("forecast", forecast);
    const rows = (await run(where.metrics())).filter((row) => "loss" in row);
    const value = (row: typeof rows[number], name: string) => Number(row[name]);
    let average = 0;
    rows.forEach((row) => {
      expect(value(row, "loss")).toBeCloseTo(value(row, "loss/error") + value(row, "loss/size"), 6);
      average = 0.5 * average + 0.5 * value(row, "loss/error");
      expect(value(row, "average")).toBeCloseTo(average, 6);
      expect([row["learningRate"], row["learningRate/slow"]]).toEqual([
        Math.fround(0.1),
        Math.fround(0.001),
      ]);
    });
    // exp(−step / 2), and a weight that hardly moves.
    expect(value(rows[4]!, "loss/size") / value(rows[0]!, "loss/size")).toBeCloseTo(
      Math.exp(-2),
      1,
    );
    const report = await readFile(where.file("report.html"), "utf8");
    for (const name of ["error", "size", "slow"]) expect(report).toContain(name);
    // Adam's first step is its learning rate: each group has its own.
    const one =
      (await checkpointOf(await trained("one", forecast, ["steps=1", "log.keep=9"]))).tensors;
    const zero = await latestOf("one", 0);
    const moved = (name: string) => Math.abs(one[name]!.data[0]! - zero[name]!.data[0]!);
    expect(moved("params.fast")).toBeCloseTo(0.1, 4);
    expect(moved("params.slow.w")).toBeCloseTo(0.001, 5);
  });

  it("which all go on to the same bits", async () => {
    const { folder: whole } = await run(openRun(folder("forecast"), "latest"), forecast);
    const half = await trained("forecast-half", forecast, ["steps=4"]);
    const resumed = await trained("forecast-half", forecast, [], half);
    const { tensors } = await checkpointOf(resumed);
    expect(tensors).toEqual((await checkpointOf(whole)).tensors);
    expect(Object.keys(tensors)).toContain("loss.average");
  });

  it("a main score of which less is better", async () => {
    const { folder: where } = await run(openRun(folder("forecast"), "latest"), forecast);
    const scores = (await run(where.metrics())).flatMap((row) => row["validation/error"] ?? []).map(
      Number,
    );
    expect(scores).toHaveLength(2);
    expect(scores[0]).not.toBe(scores[1]);
    expect((await run(where.summary())).value!.results["best"]).toBe(Math.min(...scores));
  });

  it("but nothing that cannot be trained", async () => {
    const wrong = async (task: Task) =>
      (await failure(
        train(await configured(task), { root: folder("wrong"), display: remember() }).pipe(
          withTasks(task),
        ),
      )).message;
    const changed = (groups: object): Task => ({
      ...forecast,
      system: (config) => ({ ...forecast.system(config as never), groups: groups as never }),
    });
    const lost = {
      lost: {
        paths: ["nowhere"],
        transformation: optim.sgd(1),
        schedule: optim.constantSchedule(1),
      },
    };
    expect(await wrong(changed(lost))).toContain(
      'the group "lost" of the task: the model has no parameters at "nowhere"',
    );
    expect(await wrong({ ...mixture, inputs: ["labels"] } as Task)).toContain(
      'expected the field "labels" of a batch to be float32, int32 or uint32, got uint8',
    );
    const returning = (...loss: readonly unknown[]): Task => ({
      ...forecast,
      system: (config) => ({ ...forecast.system(config as never), loss: () => loss as never }),
    });
    const [one, two] = [np.zeros([]), np.zeros([2])];
    expect(await wrong(returning(two, {}, {}))).toContain("expected a scalar, got the shape [2]");
    expect(await wrong(returning(one, { two }, {}))).toContain('got "two" of the shape [2]');
    expect(await wrong(returning(one, { loss: one }, {}))).toContain(
      'the output "loss" has a name',
    );
    expect(await wrong(returning(one, {}))).toContain("expected the next state as a third value");
  });

  const latestOf = async (root: string, step: number) => {
    const { folder: where } = await run(openRun(folder(root), "latest"), forecast);
    const { readCheckpoint } = await import("../../src/experiments/runs/checkpoint.ts");
    const name = `step-${String(step).padStart(8, "0")}.safetensors`;
    return (await run(readCheckpoint(where.file("checkpoints", name)))).tensors;
  };
});

it("no file of the runner imports models or names one", async () => {
  const root = fileURLToPath(new URL("../../src/experiments/", import.meta.url));
  const files = (await readdir(root, { recursive: true })).filter((name) =>
    name.endsWith(".ts") && !name.startsWith("tasks/") && name !== "index.ts"
  );
  expect(files.length).toBeGreaterThan(30);
  const importing: string[] = [];
  const naming: string[] = [];
  for (const name of files) {
    const text = await readFile(root + name, "utf8");
    if (/from "[./]*\/(models|tasks\/(?!index|task|scores|inference))/.test(text)) {
      importing.push(name);
    }
    // A study is about certain systems; it makes configs of them and imports none.
    if (name.startsWith("studies/")) continue;
    const found = /\b(slots?|slotAttention|discovery|properties|fgAri|FG-ARI|iodine|slate)\b/i.exec(
      text,
    );
    if (found) naming.push(`${name}: ${found[0]}`);
  }
  expect(importing).toEqual([]);
  expect(naming).toEqual([]);
});

describe("train, validation and test", () => {
  it("are kept apart: validation chooses the checkpoint, test is scored once, by the best", async () => {
    const seen: string[] = [];
    const part = (name: string, value: number) => ({
      size: 3,
      schema: { x: { shape: [1], dtype: "float32" as const } },
      get: (i: number) => {
        seen.push(name);
        return Promise.resolve({ x: ndarray(Float32Array.of(value + i), [1]) });
      },
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
    // The weight falls from 1 by the rate at every step. Validation likes .8 most, test .6, training none.
    const falling = defineTask({
      name: "falling",
      samples: "numbers",
      model: Schema.Struct({ task: Schema.Literal("falling") }),
      data: Schema.Struct({}),
      presets: {
        falling: {
          name: "falling",
          model: { task: "falling" },
          data: {},
          optimizer: { learningRate: 0.1 },
          log: { every: 1, evaluateEvery: 1, panelEvery: 9, firstPanel: 9, checkpointEvery: 1 },
          steps: 6,
          batchSize: 3,
          backend: "reference",
        },
      },
      describe: () => "A number that falls.",
      inputs: ["x"],
      open: () =>
        Effect.succeed({
          train: part("train", 0),
          validation: part("validation", 0.8),
          test: part("test", 0.6),
        }),
      scores: [{ key: "distance", name: "distance", digits: 2, better: "lower" }, {
        key: "weight",
        name: "weight",
        digits: 2,
      }],
      main: ["distance"],
      system: () => ({
        init: () => ({ w: np.ones([]) }),
        loss: ({ w }: { readonly w: Tensor }, { x }) => [np.mean(w.add(x)), { "loss/w": w }],
        predict: ({ w }, { x }) => ({ w: x.mul(0).add(w) }),
        scorer: () =>
          averaged((
            { sample, output }: Seen<{ readonly x: ReturnType<typeof ndarray<Float32Array>> }, "w">,
          ) => ({
            // Of the first sample, whose x is the part's own number.
            distance: Math.abs(output.w.data[0]! - (sample.x.data[0]! % 1)),
            weight: output.w.data[0]!,
          })),
        draw: () => ({}),
      }),
    });
    const where = await trained("falling", falling, []);
    const rows = await run(where.metrics());
    expect(rows.filter((row) => "validation/distance" in row)).toHaveLength(6);
    // The mean of w + x over all samples of validation, 1.8 above w.
    for (const row of rows.filter((row) => "validation/loss" in row)) {
      const w = Number(row["validation/weight"]);
      expect(row["validation/loss"]).toBeCloseTo(w + 1.8, 6);
      expect(row["validation/loss/w"]).toBeCloseTo(w, 6);
    }
    const best = decodeCheckpoint(
      await readFile(where.file("checkpoints/best.safetensors")),
      where.file("checkpoints/best.safetensors"),
    );
    expect(best.progress.step).toBe(2);
    const { results } = (await run(where.summary())).value!;
    expect(results["test/weight"]).toBeCloseTo(0.8, 6);
    expect(results["test/distance"]).toBeCloseTo(0.2, 6);
    expect(seen.filter((name) => name === "test")).toHaveLength(3);

    // The config names another score, and the checkpoint is another one.
    const other = await trained("rising", falling, ["log.best=weight"]);
    expect((await run(other.summary())).value!.results["best"]).toBeCloseTo(0.9, 6);
    const byLoss = await trained("loss", falling, ["log.best=loss"]);
    expect((await run(byLoss.summary())).value!.results["test/weight"]).toBeCloseTo(0.4, 6);
    const wrong = configured(falling, "log.best=accuracy");
    await expect(wrong).rejects.toThrow("log.best: expected distance | weight | loss, found");
  });
});

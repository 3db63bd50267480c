/** Optimizers of configs: any function of `optim` by name, groups, accumulation, averages, and when training ends. */
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { np, optim, setBackend, type Tensor, tree } from "trilevel";
import { evaluateCall } from "../../src/experiments/calls.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { makeOptimizer } from "../../src/experiments/optimizer.ts";
import { isBelow } from "../../src/experiments/paths.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { OptimizerConfig } from "../../src/experiments/schema.ts";
import { Tasks } from "../../src/experiments/tasks/index.ts";
import { averaged } from "../../src/experiments/tasks/scores.ts";
import type { Params, System } from "../../src/experiments/tasks/task.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { makeTrainer } from "../../src/experiments/train/step.ts";
import { failure, remember, temporaryFolder, tiny, toyConfig, toyTask } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
await setBackend("reference");

const folder = temporaryFolder();
const toys = Effect.provideService(Tasks, [toyTask]);

/** The optimizer of a config with some fields, decoded. */
const fields = async (optimizer: object): Promise<OptimizerConfig> =>
  (await Effect.runPromise(
    decodeConfig({ ...tiny, optimizer: { learningRate: 0.1, ...optimizer } }, "The config"),
  )).optimizer;

const params = { encoder: { weight: np.array([1, -2]), bias: np.array([3]) }, scale: np.array(2) };
const gradientAt = (t: number) =>
  tree.map((p: Tensor) => p.mul(Math.sin(t + 1)).add(0.1 * t), params) as typeof params; // the same tree

/** The parameters after a few updates. */
async function trajectory(transformation: optim.GradientTransformation): Promise<number[]> {
  let at = params;
  let state = transformation.init(at);
  for (let t = 0; t < 4; t++) {
    const [updates, next] = transformation.update(gradientAt(t), state, at, {
      value: np.array(1 + t),
    });
    at = optim.applyUpdates(at, updates);
    state = next;
  }
  return await valuesOf(at);
}

const valuesOf = async (x: unknown) =>
  (await Promise.all(tree.leaves(x).map((leaf) => (leaf as Tensor).data()))).flatMap((v) => [...v]);

describe("a chain", () => {
  const noBias = { encoder: { weight: true, bias: false }, scale: true };
  it.each<[string, readonly unknown[], optim.GradientTransformation]>([
    [
      "AdamW with a mask by paths",
      [{ adamw: ["learningRate", { weightDecay: 0.3, mask: { except: ["**.bias"] } }] }],
      optim.adamw(0.1, { weightDecay: 0.3, mask: noBias }),
    ],
    [
      "clipping, then momentum",
      [{ clipByGlobalNorm: 0.5 }, { sgd: ["learningRate", { momentum: 0.9, nesterov: true }] }],
      optim.chain(optim.clipByGlobalNorm(0.5), optim.sgd(0.1, { momentum: 0.9, nesterov: true })),
    ],
    [
      "calls inside calls",
      [{ multiSteps: [{ lion: "learningRate" }, 2] }],
      optim.multiSteps(optim.lion(0.1), 2),
    ],
    [
      "a plateau, which looks at the loss",
      [{ adam: ["learningRate"] }, { reduceOnPlateau: { factor: 0.1, patience: 1 } }],
      optim.chain(optim.adam(0.1), optim.reduceOnPlateau({ factor: 0.1, patience: 1 })),
    ],
    [
      "a schedule of its own",
      [{ sgd: { cosineDecaySchedule: { initValue: 1, decaySteps: 3 } } }],
      optim.sgd(optim.cosineDecaySchedule({ initValue: 1, decaySteps: 3 })),
    ],
  ])("may be %s, as the functions themselves give it", async (_, chain, expected) => {
    const { transformation } = makeOptimizer(await fields({ chain }));
    expect(await trajectory(transformation)).toEqual(await trajectory(expected));
  });

  it("is Adam unless given, with clipping, warmup and decay", async () => {
    const config = await fields({ clip: 0.5, warmup: 2, decaySteps: 3 });
    const schedule = optim.multiplySchedules(
      optim.constantSchedule(0.1),
      optim.linearSchedule({ initValue: 0.5, endValue: 1, transitionSteps: 1 }),
      optim.exponentialDecay({ initValue: 1, transitionSteps: 3, decayRate: 0.5 }),
    );
    const expected = optim.chain(optim.clipByGlobalNorm(0.5), optim.adam(schedule));
    const { transformation } = makeOptimizer(config);
    expect(await trajectory(transformation)).toEqual(await trajectory(expected));
  });

  it("may call every optimizer that takes a learning rate alone", () => {
    const makers = Object.entries<unknown>(optim).filter(([name]) => name in alone);
    expect(makers.length).toBe(Object.keys(alone).length);
    for (const [name] of makers) {
      const made = evaluateCall({ [name]: "learningRate" }, "here", optim.constantSchedule(0.1));
      expect(made, name).toHaveProperty("update");
    }
  });

  it.each<[string, object, RegExp]>([
    [
      "a name that is none",
      { chain: [{ adamv: "learningRate" }] },
      /chain\[0\]: optim has no "adamv"; did you mean "adam/,
    ],
    [
      "an option that is wrong",
      { chain: [{ adamw: ["learningRate", { b1: 3 }] }] },
      /chain\[0\]\.adamw: .*`b1` must be/,
    ],
    [
      "an option that is none",
      { chain: [{ adamw: ["learningRate", { beta1: 0.9 }] }] },
      /chain\[0\]\.adamw: .*`beta1`/,
    ],
    [
      "a call without a name",
      { chain: [{ adam: 1, sgd: 2 }] },
      /chain\[0\]: expected a function of optim/,
    ],
    [
      "what is no transformation",
      { chain: [{ constantSchedule: 1 }] },
      /chain\[0\]: .*not a gradient transformation/,
    ],
    [
      "a mask of numbers",
      { chain: [{ adamw: ["learningRate", { mask: { only: [3] } }] }] },
      /adamw\[1\]\.mask\.only: expected a list of paths, found \[3\]/,
    ],
    [
      "a learning rate that is no schedule",
      { learningRate: { adam: 0.1 } },
      /optimizer\.learningRate: .*not a schedule/,
    ],
    [
      "a group's chain",
      { groups: { slow: { paths: ["encoder"], chain: [{ sgdd: 1 }] } } },
      /groups\.slow\.chain\[0\]: optim has no "sgdd"/,
    ],
    [
      "a field of a group",
      { groups: { slow: { path: ["encoder"] } } },
      /groups\.slow\.path: there is no such field/,
    ],
    ["an average that never moves", { average: 1 }, /average: expected a number from 0 to 1/],
  ])("tells %s with its place", async (_, optimizer, expected) => {
    const effect = decodeConfig({ ...tiny, optimizer: { learningRate: 0.1, ...optimizer } }, "");
    const { problems } = await failure(effect);
    expect(problems.join("\n")).toMatch(expected);
  });
});

/** Optimizers that need nothing but a learning rate. */
const alone = {
  adam: 1,
  adamw: 1,
  sgd: 1,
  rmsprop: 1,
  lion: 1,
  lamb: 1,
  radam: 1,
  adamax: 1,
  nadam: 1,
  yogi: 1,
};

describe("paths", () => {
  it.each([
    ["encoder", "encoder.convs[0].bias", true],
    ["encoder.convs[0]", "encoder.convs[0].bias", true],
    ["encoder.convs[1]", "encoder.convs[10].bias", false],
    ["enc", "encoder.convs[0].bias", false],
    ["**.bias", "encoder.convs[0].bias", true],
    ["**.bias", "bias", true],
    ["*.convs", "encoder.convs[0].bias", true],
    ["*.bias", "encoder.convs[0].bias", false],
    ["encoder.**.bias", "decoder.convs[0].bias", false],
  ])("%s and %s: %s", (path, name, expected) => {
    expect(isBelow(path, name)).toBe(expected);
  });
});

/** Two parameters, and the gradient 2 (p − x) of each. */
const quadratic: System = {
  init: () => ({ a: np.array([1, 2]), b: { c: np.array([3]) } }),
  loss: (p: Params, { x }) => {
    const { a, b } = p as { a: Tensor; b: { c: Tensor } }; // those of init
    const loss = np.sum(np.square(a.sub(np.mean(x!)))).add(np.sum(np.square(b.c.sub(np.mean(x!)))));
    return [loss, {}];
  },
  predict: () => ({}),
  scorer: () => averaged(() => ({})),
  draw: () => ({}),
};

/** States after each of some steps; the batch of a step is one number. */
async function steps(optimizer: object, batches: readonly number[]) {
  const trainer = makeTrainer(quadratic, await fields(optimizer));
  let state = trainer.init(0);
  const seen: { params: number[]; average: number[] }[] = [];
  for (const x of batches) {
    [state] = trainer.step(state, { x: np.array([x]) });
    seen.push({
      params: await valuesOf(state.params),
      average: await valuesOf(state.average ?? []),
    });
  }
  return seen;
}

describe("training", () => {
  const sgd = { chain: [{ sgd: "learningRate" }] };

  it("gives groups their own rate, and leaves frozen parameters alone", async () => {
    const groups = { slow: { paths: ["b"], learningRate: 0.01 } };
    const [first] = await steps({ ...sgd, groups }, [0]);
    // p − rate · 2 p
    [0.8, 1.6, 2.94].forEach((x, i) => expect(first!.params[i]).toBeCloseTo(x, 6));
    const [frozen] = await steps({ ...sgd, frozen: ["**.c"] }, [0]);
    [0.8, 1.6, 3].forEach((x, i) => expect(frozen!.params[i]).toBeCloseTo(x, 6));
  });

  it("with accumulation makes one update of several batches, by their mean gradient", async () => {
    const accumulated = await steps({ ...sgd, accumulate: 2 }, [1, 3, 5, 7]);
    const whole = await steps(sgd, [2, 6]);
    expect(accumulated[0]!.params).toEqual([1, 2, 3]);
    accumulated[1]!.params.forEach((x, i) => expect(x).toBeCloseTo(whole[0]!.params[i]!, 6));
    accumulated[3]!.params.forEach((x, i) => expect(x).toBeCloseTo(whole[1]!.params[i]!, 6));
  });

  it("keeps a moving average of the parameters", async () => {
    const states = await steps({ ...sgd, average: 0.3 }, [0, 1, 2, 3]);
    let average = [1, 2, 3];
    states.forEach(({ params, average: found }, t) => {
      const d = Math.min(0.3, (1 + t) / (10 + t));
      average = average.map((a, i) => d * a + (1 - d) * params[i]!);
      found.forEach((x, i) => expect(x).toBeCloseTo(average[i]!, 5));
    });
  });
});

describe("a run", () => {
  const all = [
    `optimizer.chain=${
      JSON.stringify([
        { clipByGlobalNorm: 1 },
        { adamw: ["learningRate", { weightDecay: 0.01, mask: { only: ["scale"] } }] },
        { reduceOnPlateau: { patience: 1, accumulationSize: 2 } },
      ])
    }`,
    'optimizer.learningRate={"cosineDecaySchedule":{"initValue":0.05,"decaySteps":10}}',
    'optimizer.groups={"shift":{"paths":["shift"],"chain":[{"sgd":["learningRate",{"momentum":0.9}]}]}}',
    "optimizer.accumulate=2",
    "optimizer.average=0.9",
  ];
  const trained = (name: string, config: Awaited<ReturnType<typeof toyConfig>>, more = {}) =>
    Effect.runPromise(
      toys(train(config, { root: folder(name), display: remember(), ...more })),
    );

  it("with all of them goes on to the same bits as one that was not interrupted", async () => {
    const whole = await trained("whole", await toyConfig(...all, "steps=9"));
    const half = await trained("half", await toyConfig(...all, "steps=5"));
    const resumed = await trained("half", await toyConfig(...all, "steps=9"), { resume: half });
    const tensors = async (where: typeof whole) =>
      (await Effect.runPromise(latestCheckpoint(where))).checkpoint!.tensors;
    expect(await tensors(resumed)).toEqual(await tensors(whole));
    const rows = await Effect.runPromise(whole.metrics());
    const scored = rows.filter((row) => "validation/psnr" in row);
    expect(scored.length).toBeGreaterThan(2);
    expect(scored.every((row) => "validation/average/psnr" in row)).toBe(true);
  });

  it("ends when its patience is over, and is then finished", async () => {
    // Scores of the toy never change: the first is the best.
    const config = await toyConfig("steps=40", "log.patience=3");
    const where = await trained("patience", config);
    const { checkpoint } = await Effect.runPromise(latestCheckpoint(where));
    expect(checkpoint!.progress).toMatchObject({ step: 8, sinceBest: 3 });
    expect((await Effect.runPromise(where.summary())).value?.status).toBe("finished");
    await trained("patience", config, { resume: where });
    const again = await Effect.runPromise(latestCheckpoint(where));
    expect(again.checkpoint!.progress.step).toBe(8);
  });

  it("may be chosen by the average, where there is one", async () => {
    const chosen = await toyConfig("optimizer.average=0.9", "log.best=average/psnr");
    expect(chosen.log.best).toBe("average/psnr");
    const { problems } = await failure(
      Effect.flatMap(
        applyOverrides(tiny, ["log.best=average/psnr"]),
        (config) => decodeConfig(config, ""),
      ),
    );
    expect(problems.join()).toContain("log.best");
  });

  it("is refused for a type that no backend has", async () => {
    const { problems } = await failure(decodeConfig({ ...tiny, precision: "float16" }, ""));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^precision: no backend .* has float16/);
  });

  it("needs groups that name parameters", async () => {
    const config = await toyConfig('optimizer.groups={"x":{"paths":["encoder"]}}');
    const { message } = await failure(
      toys(train(config, { root: folder("none"), display: remember() })),
    );
    expect(message).toContain('optimizer.groups.x.paths: the model has no parameters at "encoder"');
  });
});

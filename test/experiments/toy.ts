/** A task whose runs take milliseconds. It is apart from what needs vitest, so that a program can have it, too. */
import { Effect } from "effect";
import { np, random, type Tensor } from "trilevel";
import { blank } from "../../src/experiments/display/canvas.ts";
import { discovery, DiscoveryConfig } from "../../src/experiments/tasks/discovery.ts";
import { ImageConfig } from "../../src/experiments/tasks/images/config.ts";
import { openImages } from "../../src/experiments/tasks/images/examples.ts";
import { lastPart, type Study } from "../../src/experiments/studies/study.ts";
import { averaged } from "../../src/experiments/tasks/scores.ts";
import { defineTask, type Task } from "../../src/experiments/tasks/task.ts";

/** The smallest run that has every part. */
export const tiny = {
  name: "tiny",
  model: {
    task: "discovery",
    slots: 3,
    slotSize: 8,
    mlpHidden: 8,
    iterations: 2,
    encoder: { channels: 4, kernel: 3, strides: [2] },
    decoder: { kind: "mlp", channels: 8, layers: 1 },
  },
  data: { source: "sprites", scenes: 40, resolution: 16, objects: [2, 2], evaluate: 6 },
  optimizer: { learningRate: 1e-2, warmup: 4 },
  log: { every: 2, evaluateEvery: 8, panelEvery: 8, firstPanel: 2, checkpointEvery: 4, keep: 2 },
  steps: 12,
  batchSize: 4,
  backend: "onnx",
} as const;

/** The config of a run of the toy, with a checkpoint every other step. */
export const toy = {
  ...tiny,
  name: "toy",
  model: { ...tiny.model, slots: 1 },
  data: { ...tiny.data, scenes: 8, resolution: 4, objects: [1, 1], evaluate: 1 },
  optimizer: { ...tiny.optimizer, learningRate: 0.01 },
  log: {
    every: 1,
    evaluateEvery: 2,
    panelEvery: 4,
    firstPanel: 4,
    panelImages: 1,
    checkpointEvery: 2,
    keep: 2,
  },
  steps: 4,
  batchSize: 2,
  backend: "reference",
} as const;

type Toy = { readonly scale: Tensor; readonly shift: Tensor };

/**
 * Images are explained as multiples of themselves. Every part of a run has something to do, and little. It takes the
 * place of object discovery, whose configs it has: `Effect.provideService(Tasks, [toyTask])`.
 */
export const toyTask = defineTask({
  ...discovery,
  model: DiscoveryConfig,
  data: ImageConfig,
  presets: {},
  inputs: ["image"],
  open: ({ data }, onProgress) => openImages(data, onProgress, {}),
  system: () => ({
    init: (key): Toy => ({
      scale: random.normal(key, [3]),
      shift: np.zeros([]),
    }),
    loss: ({ scale, shift }: Toy, { image }, key) => [
      np.mean(np.square(image.mul(scale).add(shift).sub(image))),
      { noise: np.mean(random.normal(key, [2])) },
    ],
    predict: ({ scale, shift }, { image }) => ({ reconstruction: image.mul(scale).add(shift) }),
    // The same at every step, so that the first checkpoint that is scored remains the best.
    scorer: () => averaged(() => ({ psnr: 1 })),
    draw: (seen) => ({ reconstruction: blank(4, 4 * seen.length) }),
    diagnose: ({ shift }) => ({
      residuals: np.zeros([20]).add(shift),
      spectralNorm: np.abs(shift),
    }),
  }),
});

/** A study of the toy: two rates. */
export const rates: Study = {
  name: "rates",
  title: "Learning rates",
  description: "Which of two rates is better?",
  preset: "toy",
  steps: 4,
  seeds: 2,
  set: ["optimizer.clip=0"],
  kinds: Object.entries({ slow: 0.01, fast: 0.1 }).map(([line, rate]) => ({
    name: line,
    line,
    place: "here",
    facts: { rate: String(rate) },
    set: [`optimizer.learningRate=${rate}`],
  })),
  measures: [
    {
      key: "loss",
      name: "loss",
      better: "lower",
      of: (rows) => lastPart(rows, "loss", 0)[0] ?? NaN,
    },
  ],
  claims: [{ text: "Fast is better.", measure: "loss", first: "fast", second: "slow" }],
  curves: [{ key: "loss", title: "Training loss" }],
};

/** A task whose samples for training take milliseconds to read. */
export const slowed = (task: Task, milliseconds: number): Task => ({
  ...task,
  open: (config, onProgress) =>
    Effect.map(task.open(config, onProgress), (examples) => {
      const { train } = examples;
      if (milliseconds === 0 || "batches" in train) return examples;
      const slow = new Proxy(train, {
        get: (target, name) =>
          name !== "get" ? Reflect.get(target, name) : async (index: number) => {
            await new Promise((resolve) => setTimeout(resolve, milliseconds));
            return await target.get(index);
          },
      });
      return { ...examples, train: slow };
    }),
});

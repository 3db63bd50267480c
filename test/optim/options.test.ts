/** What optimizers and schedules say to options that are none. */
import { describe, expect, test } from "vitest";
import { np, optim, setBackend } from "trilevel";
import { answered, loose } from "../support/mistakes.ts";
import { type Calls, lookAtOptions } from "../support/options.ts";

await setBackend("reference"); // before the operands below are made

const line = { initValue: 1, endValue: 0, transitionSteps: 4 };
const warmup = { initValue: 0, peakValue: 1, warmupSteps: 4 };

const functions: Calls<typeof optim> = {
  adam: [1e-3],
  adamw: [1e-3],
  addDecayedWeights: [1e-4],
  cosineDecaySchedule: { operands: [], options: { initValue: 1, decaySteps: 4 } },
  ema: [0.9],
  exponentialDecay: {
    operands: [],
    options: { initValue: 1, transitionSteps: 4, decayRate: 0.5 },
  },
  lbfgs: [null],
  linearSchedule: { operands: [], options: line },
  polynomialSchedule: { operands: [], options: { ...line, power: 2 } },
  reduceOnPlateau: [],
  rmsprop: [1e-3],
  scaleByAdam: [],
  scaleByBacktrackingLinesearch: { operands: [], options: { maxBacktrackingSteps: 20 } },
  scaleByLbfgs: [],
  scaleByRms: [],
  sgd: [0.1],
  trace: [0.9],
  warmupConstantSchedule: { operands: [], options: warmup },
  warmupCosineDecaySchedule: { operands: [], options: { ...warmup, decaySteps: 9 } },
  warmupExponentialDecaySchedule: {
    operands: [],
    options: { ...warmup, transitionSteps: 4, decayRate: 0.5 },
  },
};
lookAtOptions("optim", optim, functions);

describe("options", () => {
  answered([
    [
      "a beta by PyTorch's name",
      () => optim.adam(0.1, loose({ beta1: 0.9 })),
      /^optim\.adam: no option is named `beta1`$/,
      /did you mean `b1`\?/,
    ],
    [
      "options alone",
      () => optim.adam(loose({ b1: 0.9 })),
      /^optim\.adam: `learningRate` .* got \{ b1 \}$/,
      /optim\.adam\(1e-3\)/,
    ],
    ["a beta above 1", () => optim.adam(0.1, { b1: 9 }), /`b1` must be .* got 9$/, /b1: 0\.5/],
    ["a limit below 0", () => optim.clip(-1), /^optim\.clip: `limit` .* got -1$/, /clip\(0\)/],
    [
      "steps below 0",
      () => optim.warmupConstantSchedule({ ...warmup, warmupSteps: -1 }),
      /^optim\.warmupConstantSchedule: `warmupSteps` must be a number, 0 or more, got -1$/,
      /warmupSteps: 0/,
    ],
  ], /options\.test\.ts:\d+:\d+/);

  test("may be scalar tensors where they may change from step to step", () => {
    expect(() => optim.adam(np.array(0.1), { b1: np.array(0.9) })).not.toThrow();
    expect(() => optim.adam(0.1, { b1: np.ones([2]) })).toThrow(/`b1` must be/);
  });
});

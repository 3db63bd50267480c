/** What optimizers and schedules say to options that are none. */
import { describe, expect, test } from "vitest";
import { np, optim, random, setBackend } from "trilevel";
import { caught } from "../support/caught.ts";
import { answered, loose } from "../support/mistakes.ts";
import { type Calls, lookAtOptions } from "../support/options.ts";

await setBackend("reference"); // before the operands below are made

const line = { initValue: 1, endValue: 0, transitionSteps: 4 };
const warmup = { initValue: 0, peakValue: 1, warmupSteps: 4 };

const functions: Calls<typeof optim> = {
  adabelief: [1e-3],
  adadelta: [1],
  adafactor: [1e-3],
  adagrad: [1e-3],
  adamax: [1e-3],
  adamaxw: [1e-3],
  adan: [1e-3],
  adaptiveGradClip: [0.1],
  amsgrad: [1e-3],
  cosineOnecycleSchedule: { operands: [], options: { transitionSteps: 4, peakValue: 1 } },
  fromage: [1e-3],
  lamb: [1e-3],
  lars: [1],
  linearOnecycleSchedule: { operands: [], options: { transitionSteps: 4, peakValue: 1 } },
  lion: [1e-3],
  lookahead: { operands: [optim.sgd(1)], options: { syncPeriod: 2, slowStepSize: 0.5 } },
  matrixInversePthRoot: [np.eye(2), 2],
  measureWithEma: [optim.globalNorm, 0.9],
  multiSteps: [optim.sgd(1), 2],
  nadam: [1e-3],
  nadamw: [1e-3],
  nnls: [np.eye(2), np.ones([2]), 3],
  noisySgd: { operands: [0.1], options: { key: random.key(0) } },
  normalizeByUpdateNorm: [],
  novograd: [1e-3],
  optimisticAdam: [1e-3],
  optimisticAdamV2: [1e-3],
  optimisticGradientDescent: [1e-3],
  perExampleLayerNormClip: [np.ones([2, 3]), 1],
  polyakSgd: [],
  powerIteration: [np.eye(2)],
  radam: [1e-3],
  rprop: [1e-3],
  sam: [optim.sgd(1), optim.sgd(1)],
  scaleByAdadelta: [],
  scaleByAdamax: [],
  scaleByAdan: [],
  scaleByAmsgrad: [],
  scaleByBelief: [],
  scaleByDistanceOverGradients: [],
  scaleByFactoredRms: [],
  scaleByLion: [],
  scaleByNovograd: [],
  scaleByOptimisticGradient: [],
  scaleByParamBlockNorm: [],
  scaleByParamBlockRms: [],
  scaleByPolyak: [],
  scaleByRadam: [],
  scaleByRprop: [1e-3],
  scaleByRss: [],
  scaleBySm3: [],
  scaleByStddev: [],
  scaleByTrustRatio: [],
  scaleByYogi: [],
  scheduleFree: [optim.sgd(1), 1],
  selectiveTransform: { operands: [optim.sgd(1)], options: { freezeMask: false } },
  signum: [1e-3],
  sm3: [1e-3],
  yogi: [1e-3],
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
  scaleByZoomLinesearch: { operands: [], options: { maxLinesearchSteps: 20 } },
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

test("names of dictionaries are looked at, too", () => {
  const { piecewiseConstantSchedule, piecewiseInterpolateSchedule } = loose(optim);
  for (const wrong of [{ "10a": 0.5 }, { "-1": 1 }, { 1.5: 1 }, { 10: NaN }, { step: 2 }]) {
    for (
      const call of [
        () => piecewiseConstantSchedule(1, wrong),
        () => piecewiseInterpolateSchedule("linear", 1, wrong),
      ]
    ) {
      expect(caught(call).message).toMatch(
        /Schedule: the dictionary has the entry .*\n.*whole numbers/s,
      );
    }
  }
  const optimizer = optim.injectHyperparams(
    { learningRat: 0.1 },
    (values) => optim.sgd(loose(values).learningRate),
  );
  expect(caught(() => optimizer.init(np.zeros([1]))).message)
    .toMatch(/named `learningRate`.*did you mean `learningRat`/s);
});

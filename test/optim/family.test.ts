/** The family of optimizers against optax, with options, step by step in float64, as called and compiled. */
import { describe, expect, test } from "vitest";
import { jit, np, optim, setBackend, type Tensor, tree } from "trilevel";
import fixtures from "../fixtures/optimizers.json" with { type: "json" };

await setBackend("reference");

interface Params {
  readonly b: Tensor;
  readonly s: Tensor;
  readonly w: Tensor;
}

const float64 = { dtype: "float64" } as const;
const load = ({ b, s, w }: { b: number[]; s: number; w: number[][] }): Params => ({
  b: np.array(b, float64),
  s: np.array(s, float64),
  w: np.array(w, float64),
});
const flat = async (p: Params) => [...await p.b.data(), ...await p.s.data(), ...await p.w.data()];

const warmup = optim.linearSchedule({ initValue: 0, endValue: 0.3, transitionSteps: 3 });
const mask = { b: false, s: false, w: true };
const moments = { b1: 0.8, b2: 0.9, eps: 1e-3, epsRoot: 1e-4 };
const small = { minDimSizeToFactor: 2 };

const optimizers: Record<keyof typeof fixtures.optimizers, () => optim.GradientTransformation> = {
  nadam: () => optim.nadam(warmup, { b1: 0.8 }),
  nadamw: () => optim.nadamw(0.1, { weightDecay: 0.3, mask }),
  amsgrad: () => optim.amsgrad(warmup, moments),
  amsgradBiased: () => optim.amsgrad(0.1, { biasCorrectionMu: false, biasCorrectionNu: false }),
  adabelief: () => optim.adabelief(0.1, moments),
  adabeliefNesterov: () => optim.adabelief(0.1, { nesterov: true }),
  yogi: () => optim.yogi(0.1, { b1: 0.8, b2: 0.9, eps: 1e-2 }),
  scaleByYogi: () => optim.scaleByYogi({ epsRoot: 1e-3, initialAccumulatorValue: 0.1 }),
  radam: () => optim.radam(0.1, { threshold: 5 }),
  radamOptions: () => optim.radam(0.1, { ...moments, threshold: 4.2, nesterov: true }),
  adamax: () => optim.adamax(0.1, { b1: 0.8, b2: 0.9, eps: 1e-3 }),
  adamaxw: () => optim.adamaxw(warmup, { weightDecay: 0.3, mask }),
  adan: () =>
    optim.adan(0.1, {
      b1: 0.9,
      b2: 0.8,
      b3: 0.7,
      eps: 1e-3,
      epsRoot: 1e-4,
      weightDecay: 0.1,
      mask,
    }),
  novograd: () => optim.novograd(0.1, { ...moments, b2: 0.5, weightDecay: 0.1 }),
  adagrad: () => optim.adagrad(warmup, { initialAccumulatorValue: 0.5, eps: 1e-3 }),
  adadelta: () => optim.adadelta(0.5, { rho: 0.8, eps: 1e-3, weightDecay: 0.1, mask }),
  lion: () => optim.lion(0.1, { b1: 0.8, b2: 0.7, weightDecay: 0.1, mask }),
  lionSmooth: () => optim.scaleByLion({ mode: "smooth", smoothBeta: 3 }),
  lionRefined: () => optim.scaleByLion({ mode: "refined" }),
  signum: () => optim.signum(0.1, { beta: 0.5 }),
  rprop: () =>
    optim.rprop(0.1, { etaMinus: 0.3, etaPlus: 1.5, minStepSize: 0.05, maxStepSize: 0.2 }),
  adafactor: () => optim.adafactor(0.1, small),
  adafactorOptions: () =>
    optim.adafactor(null, {
      ...small,
      decayRate: 0.6,
      multiplyByParameterScale: false,
      clippingThreshold: null,
      momentum: 0.5,
      weightDecay: 0.01,
      eps: 1e-3,
      mask,
    }),
  adafactorWhole: () => optim.adafactor(warmup, { factored: false, clippingThreshold: 0.5 }),
  lamb: () => optim.lamb(0.1, { b1: 0.8, eps: 1e-3, weightDecay: 0.1, mask }),
  lars: () =>
    optim.lars(warmup, {
      weightDecay: 0.1,
      weightDecayMask: mask,
      trustCoefficient: 0.1,
      eps: 1e-2,
      trustRatioMask: mask,
      momentum: 0.5,
      nesterov: true,
    }),
  fromage: () => optim.fromage(0.1),
  fromageSchedule: () => optim.fromage(warmup, { minNorm: 0.5 }),
  trustRatio: () => optim.scaleByTrustRatio({ minNorm: 0.5, trustCoefficient: 0.2, eps: 0.1 }),
  optimisticAdam: () => optim.optimisticAdam(0.1, { optimism: 0.3, b1: 0.8 }),
  optimisticAdamV2: () => optim.optimisticAdamV2(warmup, { alpha: 0.5, beta: 2, nesterov: false }),
  optimisticGradientDescent: () => optim.optimisticGradientDescent(0.1, { alpha: 0.5, beta: 0.7 }),
  polyakSgd: () =>
    optim.polyakSgd({
      maxLearningRate: 0.3,
      scaling: warmup,
      fMin: 0.05,
      eps: 0.1,
      variant: "sps+",
    }),
  polyakSgdPlain: () => optim.polyakSgd(),
  distance: () =>
    optim.chain(
      optim.scaleByDistanceOverGradients({ repsRel: 0.1, eps: 1e-3, globalScale: 0.5 }),
      optim.scale(-1),
    ),
  stddev: () => optim.scaleByStddev({ decay: 0.8, initialScale: 1, biasCorrection: true }),
  adaptiveGradClip: () => optim.chain(optim.adaptiveGradClip(0.3, { eps: 0.1 }), optim.sgd(0.1)),
  adaptiveGradClipAxis: () => optim.masked(optim.adaptiveGradClip(0.3, { axis: 1 }), mask),
  normalize: () =>
    optim.chain(optim.normalizeByUpdateNorm({ scaleFactor: 2, eps: 0.1 }), optim.scale(-0.1)),
  centralize: () => optim.chain(optim.centralize(), optim.sgd(0.1)),
  applyEvery: () => optim.chain(optim.sgd(0.1), optim.applyEvery(3)),
  maskedAdam: () => optim.masked(optim.adam(0.1), mask),
  flatten: () => optim.flatten(optim.chain(optim.clipByGlobalNorm(1), optim.adam(0.1))),
  conditionally: () =>
    optim.conditionallyTransform(optim.adam(0.1), (step) => np.equal(np.mod(step, 2), 0)),
  nonnegative: () => optim.chain(optim.sgd(0.5), optim.keepParamsNonnegative()),
  scheduleFree: () => optim.scheduleFree(optim.sgd(0.1), 0.1, { b1: 0.8 }),
  scheduleFreeWarmup: () =>
    optim.scheduleFree(optim.adam(warmup, { b1: 0 }), warmup, { weightLrPower: 1 }),
  sam: () => optim.sam(optim.sgd(0.1), optim.chain(optim.normalizeByUpdateNorm(), optim.sgd(0.05))),
  samLong: () =>
    optim.sam(optim.adam(0.1), optim.sgd(0.05, { momentum: 0.5 }), {
      syncPeriod: 3,
      resetState: false,
    }),
};

const close = (got: readonly number[], wanted: readonly number[]) =>
  got.forEach((x, k) => expect(Math.abs(x - wanted[k]!)).toBeLessThan(1e-10));

describe.each(Object.entries(optimizers))("%s", (name, make) => {
  const expected = fixtures.optimizers[name as keyof typeof optimizers];
  const start = () => load(fixtures.params);
  type Step = (p: Params, s: unknown, g: Params, value: Tensor) => readonly [Params, unknown];
  const step: Step = (params, state, gradient, value) => {
    const [updates, next] = make().update(gradient, state, params, { value });
    return [optim.applyUpdates(params, updates), next];
  };
  const run = async (one: Step, check: (got: number[], i: number) => void) => {
    let params = start();
    let state = make().init(params);
    for (const [i, gradient] of fixtures.gradients.entries()) {
      [params, state] = one(params, state, load(gradient), np.array(fixtures.losses[i]!, float64));
      check(await flat(params), i);
    }
  };

  test("is optax's, step by step", () => run(step, (got, i) => close(got, expected[i]!)));

  test("does the same under jit, with everything donated", () =>
    run(jit(step, { donate: [0, 1, 2] }), (got, i) => close(got, expected[i]!)));

  test("keeps the structure and the types of its state", () => {
    const params = start();
    const state = make().init(params);
    const [, next] = step(params, state, params, np.array(1, float64));
    const types = (of: unknown) => tree.map((x: Tensor) => `${x.dtype}[${x.shape}]`, of);
    expect(types(next)).toEqual(types(state));
  });
});

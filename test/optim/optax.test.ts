/** Every optimizer and schedule against optax, step by step, in float64. */
import { expect, test } from "vitest";
import { jit, np, optim, setBackend, type Tensor, tree } from "trilevel";
import fixtures from "../fixtures/optim.json" with { type: "json" };

await setBackend("reference");

interface Params {
  readonly b: Tensor;
  readonly w: Tensor;
}

const float64 = { dtype: "float64" } as const;
const load = ({ b, w }: { b: number[]; w: number[][] }): Params => ({
  b: np.array(b, float64),
  w: np.array(w, float64),
});
const flat = async (p: Params) => [...await p.b.data(), ...await p.w.data()];

const warmup = optim.linearSchedule({ initValue: 0, endValue: 0.3, transitionSteps: 3 });
const mask = { b: false, w: true };

const optimizers: Record<
  keyof typeof fixtures.optimizers,
  () => optim.GradientTransformation
> = {
  sgd: () => optim.sgd(0.1),
  sgdMomentum: () => optim.sgd(0.1, { momentum: 0.9 }),
  sgdNesterov: () => optim.sgd(warmup, { momentum: 0.9, nesterov: true }),
  rmsprop: () => optim.rmsprop(0.1),
  rmspropTorch: () => optim.rmsprop(0.1, { decay: 0.99, epsInSqrt: false, momentum: 0.5 }),
  rmspropCentered: () =>
    optim.rmsprop(0.1, { centered: true, initialScale: 1, momentum: 0.5, nesterov: true }),
  rmspropCorrected: () => optim.rmsprop(0.1, { biasCorrection: true }),
  rmspropCenteredCorrected: () =>
    optim.rmsprop(0.1, { centered: true, biasCorrection: true, eps: 1e-3 }),
  adam: () => optim.adam(0.1),
  adamOptions: () => optim.adam(warmup, { b1: 0.8, b2: 0.95, eps: 1e-3, epsRoot: 1e-4 }),
  adamNesterov: () => optim.adam(0.1, { nesterov: true }),
  adamNoMomentum: () => optim.adam(0.1, { b1: 0 }),
  adamw: () => optim.adamw(0.1, { weightDecay: 0.03 }),
  adamwMask: () => optim.adamw(warmup, { weightDecay: 0.3, mask }),
  clip: () => optim.chain(optim.clip(0.7), optim.sgd(0.1)),
  clipByGlobalNorm: () => optim.chain(optim.clipByGlobalNorm(1), optim.adam(0.1)),
  clipByInfinityNorm: () => optim.chain(optim.clipByInfinityNorm(0.7), optim.sgd(0.1)),
  addDecayedWeights: () =>
    optim.chain(optim.addDecayedWeights(0.1), optim.sgd(0.1, { momentum: 0.9 })),
  ema: () => optim.chain(optim.ema(0.8), optim.scale(-0.1)),
  emaBiased: () => optim.chain(optim.ema(0.8, { debias: false }), optim.scale(-0.1)),
  multiSteps: () => optim.multiSteps(optim.adam(0.1), 3),
  multiTransform: () =>
    optim.multiTransform(
      { fast: optim.adam(0.1), slow: optim.sgd(0.01, { momentum: 0.9 }) },
      { b: "slow", w: "fast" },
    ),
  injectHyperparams: () =>
    optim.injectHyperparams(
      { learningRate: warmup, b1: 0.85 },
      ({ learningRate, b1 }) => optim.adam(learningRate, { b1 }),
    ),
  reduceOnPlateau: () =>
    optim.chain(
      optim.sgd(0.1),
      optim.reduceOnPlateau({ factor: 0.5, patience: 2, cooldown: 1 }),
    ),
  reduceOnPlateauMean: () =>
    optim.chain(
      optim.adam(0.1),
      optim.reduceOnPlateau({
        factor: 0.3,
        patience: 1,
        rtol: 0.1,
        atol: 0.01,
        accumulationSize: 2,
        minScale: 0.2,
      }),
    ),
};

test.each(Object.entries(optimizers))("%s is optax's, step by step", async (name, make) => {
  const optimizer = make();
  const expected = fixtures.optimizers[name as keyof typeof optimizers];
  let params = load(fixtures.params);
  let state = optimizer.init(params);
  for (const [i, gradient] of fixtures.gradients.entries()) {
    const value = np.array(fixtures.losses[i]!, float64);
    const [updates, next] = optimizer.update(load(gradient), state, params, { value });
    params = optim.applyUpdates(params, updates);
    state = next;
    const got = await flat(params);
    got.forEach((x, k) => expect(Math.abs(x - expected[i]![k]!)).toBeLessThan(1e-12));
  }
});

test.each(Object.entries(optimizers))(
  "%s does the same under jit, with everything donated",
  async (name, make) => {
    const optimizer = make();
    const expected = fixtures.optimizers[name as keyof typeof optimizers];
    const step = jit((params: Params, state: unknown, gradient: Params, value: Tensor) => {
      const [updates, next] = optimizer.update(gradient, state, params, { value });
      return [optim.applyUpdates(params, updates), next] as const;
    }, { donate: [0, 1, 2] });
    let params = load(fixtures.params);
    let state = optimizer.init(params);
    for (const [i, gradient] of fixtures.gradients.entries()) {
      const value = np.array(fixtures.losses[i]!, float64);
      [params, state] = step(params, state, load(gradient), value);
    }
    (await flat(params)).forEach((x, k) =>
      expect(Math.abs(x - expected.at(-1)![k]!)).toBeLessThan(1e-12)
    );
  },
);

test("states hold tensors only, and keep their types", () => {
  for (const make of Object.values(optimizers)) {
    const optimizer = make();
    const params = load(fixtures.params);
    const state = optimizer.init(params);
    const value = np.array(1, float64);
    const [, next] = optimizer.update(params, state, params, { value });
    const types = (of: unknown) => tree.map((x: Tensor) => `${x.dtype}${x.shape}`, of);
    expect(types(next)).toEqual(types(state));
  }
});

const schedules: Record<keyof typeof fixtures.schedules, optim.Schedule> = {
  constant: optim.constantSchedule(0.3),
  linear: optim.linearSchedule({
    initValue: 1,
    endValue: 0.1,
    transitionSteps: 7,
    transitionBegin: 2,
  }),
  polynomial: optim.polynomialSchedule({
    initValue: 1,
    endValue: 0.1,
    power: 2.5,
    transitionSteps: 7,
    transitionBegin: 2,
  }),
  exponential: optim.exponentialDecay({ initValue: 0.4, transitionSteps: 5, decayRate: 0.5 }),
  exponentialStaircase: optim.exponentialDecay({
    initValue: 0.4,
    transitionSteps: 5,
    decayRate: 0.5,
    transitionBegin: 3,
    staircase: true,
    endValue: 0.06,
  }),
  exponentialGrowth: optim.exponentialDecay({
    initValue: 0.4,
    transitionSteps: 5,
    decayRate: 1.5,
    endValue: 2,
  }),
  cosine: optim.cosineDecaySchedule({
    initValue: 0.4,
    decaySteps: 10,
    alpha: 0.1,
    exponent: 2,
  }),
  warmupConstant: optim.warmupConstantSchedule({ initValue: 0, peakValue: 0.3, warmupSteps: 6 }),
  warmupCosine: optim.warmupCosineDecaySchedule({
    initValue: 0,
    peakValue: 0.3,
    warmupSteps: 4,
    decaySteps: 12,
    endValue: 0.01,
  }),
  warmupExponential: optim.warmupExponentialDecaySchedule({
    initValue: 0,
    peakValue: 0.3,
    warmupSteps: 4,
    transitionSteps: 5,
    decayRate: 0.5,
    transitionBegin: 2,
  }),
  piecewise: optim.piecewiseConstantSchedule(0.8, { 3: 0.5, 10: 0.1 }),
  join: optim.joinSchedules([
    optim.constantSchedule(1),
    optim.linearSchedule({ initValue: 0.5, endValue: 0, transitionSteps: 4 }),
    optim.constantSchedule(2),
  ], [3, 9]),
  linearOfNoSteps: optim.linearSchedule({ initValue: 1, endValue: 0.1, transitionSteps: 0 }),
  linearOfOneStep: optim.linearSchedule({ initValue: 1, endValue: 0.1, transitionSteps: 1 }),
  linearBeforeZero: optim.linearSchedule({
    initValue: 1,
    endValue: 0.1,
    transitionSteps: 7,
    transitionBegin: -3,
  }),
  polynomialOfNoPower: optim.polynomialSchedule({
    initValue: 1,
    endValue: 0.1,
    power: 0,
    transitionSteps: 7,
  }),
  exponentialOfNoSteps: optim.exponentialDecay({
    initValue: 0.4,
    transitionSteps: 0,
    decayRate: 0.5,
  }),
  exponentialOfNoRate: optim.exponentialDecay({
    initValue: 0.4,
    transitionSteps: 5,
    decayRate: 0,
  }),
  exponentialBeforeZero: optim.exponentialDecay({
    initValue: 0.4,
    transitionSteps: 5,
    decayRate: 0.5,
    transitionBegin: -3,
  }),
  cosineOfOneStep: optim.cosineDecaySchedule({ initValue: 0.4, decaySteps: 1 }),
  warmupCosineAtOnce: optim.warmupCosineDecaySchedule({
    initValue: 0,
    peakValue: 0.3,
    warmupSteps: 0,
    decaySteps: 12,
    endValue: 0.01,
  }),
  warmupCosineOfNoPeak: optim.warmupCosineDecaySchedule({
    initValue: 0.1,
    peakValue: 0,
    warmupSteps: 4,
    decaySteps: 12,
    endValue: 0.01,
  }),
  warmupExponentialAtOnce: optim.warmupExponentialDecaySchedule({
    initValue: 0,
    peakValue: 0.3,
    warmupSteps: 0,
    transitionSteps: 5,
    decayRate: 0.5,
  }),
  warmupExponentialOfNoSteps: optim.warmupExponentialDecaySchedule({
    initValue: 0,
    peakValue: 0.3,
    warmupSteps: 4,
    transitionSteps: 0,
    decayRate: 0.5,
  }),
  piecewiseAtZero: optim.piecewiseConstantSchedule(0.8, { 0: 0.5, 1: 0.1 }),
  joinAtZero: optim.joinSchedules([
    optim.constantSchedule(1),
    optim.linearSchedule({ initValue: 0.5, endValue: 0, transitionSteps: 4 }),
  ], [0]),
  joinTwiceAtOne: optim.joinSchedules([
    optim.constantSchedule(1),
    optim.constantSchedule(2),
    optim.linearSchedule({ initValue: 0.5, endValue: 0, transitionSteps: 4 }),
  ], [3, 3]),
};

test.each(Object.entries(schedules))("the schedule %s is optax's", async (name, schedule) => {
  const expected = fixtures.schedules[name as keyof typeof schedules];
  for (const [i, count] of fixtures.counts.entries()) {
    const at = np.array(count, { dtype: "int32" });
    const value = schedule(at, "float64");
    expect(value.shape).toEqual([]);
    expect(value.dtype).toBe("float64");
    expect(Math.abs(await value.item() - expected[i]!)).toBeLessThan(1e-12);
    // A number counts as well as a tensor; float32 unless asked otherwise.
    expect(schedule(count).dtype).toBe("float32");
    expect(await schedule(count).item()).toBeCloseTo(expected[i]!, 5);
  }
});

test("a warm-up of no steps is at its peak from the first step on", async () => {
  const schedule = optim.warmupConstantSchedule({ initValue: 0, peakValue: 0.3, warmupSteps: 0 });
  for (const count of [0, 1, 100]) expect(await schedule(count, "float64").item()).toBe(0.3);
});

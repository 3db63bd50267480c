/** NaN and infinity in a gradient stay visible: through every transformation, norm and schedule that is exported. */
import { describe, expect, test } from "vitest";
import { np, optim, random, setBackend, type Tensor } from "trilevel";
import { backends } from "../support/backends.ts";
import { someOf } from "../support/tier.ts";

const weights = () => ({ a: np.array([1, -2]), b: np.array([[3]]) });
type Weights = ReturnType<typeof weights>;

/** A gradient of which one element is this. */
const gradient = (value: number): Weights => ({ a: np.array([0.5, value]), b: np.array([[0.25]]) });

const norms: { readonly [name: string]: (of: unknown) => Tensor } = {
  globalNorm: optim.globalNorm,
  infinityNorm: optim.infinityNorm,
};

const transformations: { readonly [name: string]: () => optim.GradientTransformation } = {
  adam: () => optim.adam(0.1),
  adamw: () => optim.adamw(0.1),
  addDecayedWeights: () => optim.addDecayedWeights(0.1),
  chain: () => optim.chain(optim.clip(1), optim.sgd(0.1, { momentum: 0.5 })),
  clip: () => optim.clip(1),
  clipByGlobalNorm: () => optim.clipByGlobalNorm(1),
  clipByInfinityNorm: () => optim.clipByInfinityNorm(1),
  ema: () => optim.ema(0.9),
  identity: () => optim.identity(),
  lbfgs: () => optim.lbfgs(0.1, { linesearch: optim.identity() }),
  injectHyperparams: () =>
    optim.injectHyperparams({ learningRate: 0.1 }, ({ learningRate }) => optim.sgd(learningRate)),
  multiSteps: () => optim.multiSteps(optim.sgd(0.1), 1),
  multiTransform: () => optim.multiTransform({ all: optim.sgd(0.1) }, { a: "all", b: "all" }),
  perSubtree: () => optim.perSubtree({ a: optim.sgd(0.1), b: optim.adam(0.1) }),
  reduceOnPlateau: () => optim.reduceOnPlateau(),
  rmsprop: () => optim.rmsprop(0.1, { centered: true }),
  scale: () => optim.scale(0),
  scaleByLbfgs: () => optim.scaleByLbfgs(),
  scaleByAdam: () => optim.scaleByAdam({ nesterov: true }),
  scaleByLearningRate: () => optim.scaleByLearningRate(0.1),
  scaleByRms: () => optim.scaleByRms(),
  scaleBySchedule: () => optim.scaleBySchedule(optim.constantSchedule(1)),
  sgd: () => optim.sgd(0.1),
  trace: () => optim.trace(0.9, { nesterov: true }),
  adabelief: () => optim.adabelief(0.1),
  adadelta: () => optim.adadelta(0.1),
  adafactor: () => optim.adafactor(0.1),
  adagrad: () => optim.adagrad(0.1),
  adamax: () => optim.adamax(0.1),
  adamaxw: () => optim.adamaxw(0.1),
  adan: () => optim.adan(0.1),
  adaptiveGradClip: () => optim.adaptiveGradClip(0.1),
  addNoise: () => optim.addNoise(0.5, 0.55, random.key(3)),
  amsgrad: () => optim.amsgrad(0.1),
  applyEvery: () => optim.applyEvery(1),
  centralize: () => optim.centralize(),
  clipByBlockRms: () => optim.clipByBlockRms(0.1),
  conditionallyMask: () => optim.conditionallyMask(optim.sgd(0.1), (step) => np.equal(step, 0)),
  conditionallyTransform: () =>
    optim.conditionallyTransform(optim.sgd(0.1), (step) => np.equal(step, 0)),
  flatten: () => optim.flatten(optim.sgd(0.1)),
  freeze: () => optim.freeze(false),
  fromage: () => optim.fromage(0.1),
  keepParamsNonnegative: () => optim.keepParamsNonnegative(),
  lamb: () => optim.lamb(0.1),
  lars: () => optim.lars(0.1),
  lion: () => optim.lion(0.1),
  masked: () => optim.masked(optim.sgd(0.1), true),
  monitor: () => optim.monitor({ norm: optim.globalNorm }),
  nadam: () => optim.nadam(0.1),
  nadamw: () => optim.nadamw(0.1),
  namedChain: () => optim.namedChain(["descent", optim.sgd(0.1)]),
  noisySgd: () => optim.noisySgd(0.1, { key: random.key(3) }),
  normalizeByUpdateNorm: () => optim.normalizeByUpdateNorm(),
  novograd: () => optim.novograd(0.1),
  optimisticAdam: () => optim.optimisticAdam(0.1),
  optimisticAdamV2: () => optim.optimisticAdamV2(0.1),
  optimisticGradientDescent: () => optim.optimisticGradientDescent(0.1),
  polyakSgd: () => optim.polyakSgd(),
  radam: () => optim.radam(0.1),
  rprop: () => afterOne(optim.rprop(0.1)),
  sam: () => optim.sam(optim.sgd(0.1), optim.sgd(0.1)),
  scaleByAdadelta: () => optim.scaleByAdadelta(),
  scaleByAdamax: () => optim.scaleByAdamax(),
  scaleByAdan: () => optim.scaleByAdan(),
  scaleByAmsgrad: () => optim.scaleByAmsgrad(),
  scaleByBelief: () => optim.scaleByBelief(),
  scaleByDistanceOverGradients: () => optim.scaleByDistanceOverGradients(),
  scaleByFactoredRms: () => optim.scaleByFactoredRms(),
  scaleByLion: () => optim.scaleByLion(),
  scaleByNovograd: () => optim.scaleByNovograd(),
  scaleByOptimisticGradient: () => optim.scaleByOptimisticGradient(),
  scaleByParamBlockNorm: () => optim.scaleByParamBlockNorm(),
  scaleByParamBlockRms: () => optim.scaleByParamBlockRms(),
  scaleByPolyak: () => optim.scaleByPolyak(),
  scaleByRadam: () => optim.scaleByRadam(),
  scaleByRprop: () => afterOne(optim.scaleByRprop(0.1)),
  scaleByRss: () => optim.scaleByRss(),
  scaleBySign: () => optim.scaleBySign(),
  scaleBySm3: () => optim.scaleBySm3(),
  scaleByStddev: () => optim.scaleByStddev(),
  scaleByTrustRatio: () => optim.scaleByTrustRatio(),
  scaleByYogi: () => optim.scaleByYogi(),
  scheduleFree: () => optim.scheduleFree(optim.sgd(0.1), 0.1),
  selectiveTransform: () => optim.selectiveTransform(optim.sgd(0.1), { freezeMask: false }),
  signSgd: () => optim.signSgd(0.1),
  signum: () => optim.signum(0.1),
  sm3: () => optim.sm3(0.1),
  snapshot: () => optim.snapshot("norm", optim.globalNorm),
  stateless: () => optim.stateless((u) => u),
  statelessWithTreeMap: () => optim.statelessWithTreeMap((u) => u.mul(0.5)),
  yogi: () => optim.yogi(0.1),
};

/** A transformation that makes a step found from the gradient before: given the same gradient twice. */
function afterOne(inner: optim.GradientTransformation): optim.GradientTransformation {
  return {
    init: (params) => inner.init(params),
    update(updates, state, params, extra) {
      const [, next] = inner.update(updates, state, params, extra);
      return inner.update(updates, next, params, extra);
    },
  };
}

/** What is no transformation of gradients, or hides them because that is what it is for. */
const others = [
  "projections",
  "tree",
  "applyIfFinite",
  "applyUpdates",
  "biasCorrection",
  "cosineOnecycleSchedule",
  "incrementalUpdate",
  "linearOnecycleSchedule",
  "lookahead",
  "matrixInversePthRoot",
  "measureWithEma",
  "nnls",
  "perExampleGlobalNormClip",
  "perExampleLayerNormClip",
  "periodicUpdate",
  "piecewiseInterpolateSchedule",
  "powerIteration",
  "safeIncrement",
  "safeNorm",
  "safeRootMeanSquares",
  "scaleGradient",
  "scheduleFreeEvalParams",
  "sgdrSchedule",
  "skipLargeUpdates",
  "skipNotFinite",
  "updateInfinityMoment",
  "updateMoment",
  "updateMomentPerElemNorm",
  "zeroNans",
  "constantSchedule",
  "cosineDecaySchedule",
  "exponentialDecay",
  "joinSchedules",
  "linearSchedule",
  "multiplySchedules",
  "piecewiseConstantSchedule",
  "polynomialSchedule",
  "scaleByBacktrackingLinesearch",
  "scaleByZoomLinesearch",
  "setToZero",
  "warmupConstantSchedule",
  "warmupCosineDecaySchedule",
  "warmupExponentialDecaySchedule",
];

/** Those that bound an infinite element, as they bound every large one, and the sign that is left. */
const bounding: { readonly [name: string]: number } = {
  chain: -1,
  clip: 1,
  lion: -1,
  rprop: -1,
  scaleByLion: 1,
  scaleByRprop: 1,
  scaleBySign: 1,
  signSgd: -1,
  signum: -1,
};

test("everything that optim exports is in one of the tables", () => {
  const listed = [...Object.keys(norms), ...Object.keys(transformations), ...others];
  expect(listed.sort()).toEqual(Object.keys(optim).sort());
});

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  // On the reference all, on other backends some.
  const some = backend === "reference" ? <T>(cases: readonly T[]) => cases : someOf;
  describe(backend, () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      test.each(Object.entries(norms))(`${value} is seen in %s`, async (_, norm) => {
        await setBackend(backend);
        expect(await norm(gradient(value)).item()).toBe(Math.abs(value));
      });

      test.each(some(Object.entries(transformations)))(
        `${value} is seen behind %s`,
        async (name, make) => {
          await setBackend(backend);
          const transformation = make();
          const params = weights();
          const [updates] = transformation.update(
            gradient(value),
            transformation.init(params),
            params,
            { value: np.array(1) },
          );
          const found = (await updates.a.data())[1]!;
          const sign = bounding[name];
          // Towards negative numbers, parameters that must not be negative end at 0.
          if (name === "keepParamsNonnegative" && value === -Infinity) expect(found).toBe(2);
          else if (Number.isNaN(value) || sign === undefined) {
            expect(Number.isFinite(found)).toBe(false);
          } else expect(Math.sign(found)).toBe(Math.sign(value) * sign);
          const next = optim.applyUpdates(params, updates);
          if (Number.isNaN(value)) expect((await next.a.data())[1]).toBeNaN();
        },
      );
    }

    test.each(some(Object.entries(transformations)))(
      "a gradient whose square overflows is not the silent end of a parameter: %s",
      async (_, make) => {
        await setBackend(backend);
        const third = async (first: number) => {
          const transformation = make();
          const params = weights();
          let state = transformation.init(params);
          for (const g of [first, 1]) {
            [, state] = transformation.update(gradient(g), state, params, { value: np.array(1) });
          }
          const [updates] = transformation.update(gradient(1), state, params, {
            value: np.array(1),
          });
          return (await updates.a.data())[1]!;
        };
        if (await third(1) !== 0) expect(await third(1e25) === 0).toBe(false);
      },
    );

    test("norms neither overflow nor underflow between 1e-30 and 1e30", async () => {
      await setBackend(backend);
      for (let exponent = -30; exponent <= 30; exponent += 6) {
        const size = 10 ** exponent;
        const of = { a: np.array([3 * size, 0]), b: np.array([[-4 * size]]) };
        expect(await optim.globalNorm(of).item() / (5 * size)).toBeCloseTo(1, 6);
        expect(await np.linalg.norm(of.a).item() / (3 * size)).toBeCloseTo(1, 6);
        const [clipped] = optim.clipByGlobalNorm(0.5).update(of, null);
        const bound = Math.min(1, 0.5 / (5 * size));
        expect((await clipped.b.data())[0]! / (-4 * size * bound)).toBeCloseTo(1, 5);
      }
    });

    test("a limit of 0 leaves nothing, of zeros too", async () => {
      await setBackend(backend);
      for (const clip of [optim.clipByGlobalNorm(0), optim.clipByInfinityNorm(0), optim.clip(0)]) {
        for (const given of [[0, 0], [1, -2]]) {
          const [clipped] = clip.update(np.array(given), null);
          expect([...await clipped.data()].map(Math.abs)).toEqual([0, 0]);
        }
      }
    });
  });
}

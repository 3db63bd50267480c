/** NaN and infinity in a gradient stay visible: through every transformation, norm and schedule that is exported. */
import { describe, expect, test } from "vitest";
import { np, optim, setBackend, type Tensor } from "trilevel";
import { backends } from "../support/backends.ts";

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
};

/** What is no transformation of gradients, or hides them because that is what it is for. */
const others = [
  "applyUpdates",
  "constantSchedule",
  "cosineDecaySchedule",
  "exponentialDecay",
  "joinSchedules",
  "linearSchedule",
  "multiplySchedules",
  "piecewiseConstantSchedule",
  "polynomialSchedule",
  "scaleByBacktrackingLinesearch",
  "setToZero",
  "warmupConstantSchedule",
  "warmupCosineDecaySchedule",
  "warmupExponentialDecaySchedule",
];

/** Those that bound an infinite element, as they bound every large one. */
const bounding = ["clip", "chain"];

test("everything that optim exports is in one of the tables", () => {
  const listed = [...Object.keys(norms), ...Object.keys(transformations), ...others];
  expect(listed.sort()).toEqual(Object.keys(optim).sort());
});

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      test.each(Object.entries(norms))(`${value} is seen in %s`, async (_, norm) => {
        await setBackend(backend);
        expect(await norm(gradient(value)).item()).toBe(Math.abs(value));
      });

      test.each(Object.entries(transformations))(
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
          if (Number.isFinite(value) || Number.isNaN(value) || !bounding.includes(name)) {
            expect(Number.isFinite(found)).toBe(false);
          } else expect(Math.sign(found)).toBe(Math.sign(value) * (name === "clip" ? 1 : -1));
          const next = optim.applyUpdates(params, updates);
          if (Number.isNaN(value)) expect((await next.a.data())[1]).toBeNaN();
        },
      );
    }

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

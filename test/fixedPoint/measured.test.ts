/**
 * The residual that is told is that of the value, and a value that counts as converged is within the tolerance: for
 * every solver, every optimizer, last and best iterates, samples alone and together.
 */
import {
  anderson,
  argmin,
  broyden,
  fixedPointIteration,
  type FixedPointSolver,
  forward,
  grad,
  newton,
  np,
  optim,
  random,
  setBackend,
  type Tensor,
} from "trilevel";
import { describe, expect, it } from "vitest";
import { someOf } from "../support/tier.ts";

await setBackend("reference");
const list = async (x: Tensor) => [...await x.data()];
const normal = (seed: number, shape: readonly number[]) =>
  random.normal(random.key(seed), shape, { dtype: "float64" });

/** Every optimizer there is, at a rate and at one where it overshoots. */
const optimizers = {
  sgd: optim.sgd(0.3),
  "sgd of rate 1": optim.sgd(1),
  momentum: optim.sgd(0.5, { momentum: 0.5 }),
  "heavy momentum": optim.sgd(1, { momentum: 0.9 }),
  nesterov: optim.sgd(0.3, { momentum: 0.9, nesterov: true }),
  adam: optim.adam(0.3),
  nadam: optim.adam(0.3, { nesterov: true }),
  adamw: optim.adamw(0.3, { weightDecay: 0.01 }),
  rmsprop: optim.rmsprop(0.05),
  "rmsprop with momentum": optim.rmsprop(0.05, { momentum: 0.9 }),
  "centered rmsprop": optim.rmsprop(0.05, { centered: true }),
  averaged: optim.chain(optim.ema(0.9), optim.sgd(0.5)),
  "every other step": optim.multiSteps(optim.sgd(0.5), 2),
  clipped: optim.chain(optim.clip(0.2), optim.sgd(0.5, { momentum: 0.9 })),
  "clipped by norm": optim.chain(optim.clipByGlobalNorm(0.5), optim.sgd(0.5)),
  scheduled: optim.sgd(
    optim.exponentialDecay({ initValue: 1, transitionSteps: 5, decayRate: 0.7 }),
  ),
  injected: optim.injectHyperparams(
    { learningRate: 0.4 },
    ({ learningRate }) => optim.sgd(learningRate),
  ),
};

type Point = { x: Tensor; y: Tensor };
// Quadratic in one leaf, not in the other; the sum over samples.
const objective = ({ x, y }: Point, a: Tensor) =>
  np.sum(np.square(x.sub(a)).mul(0.5)).add(
    np.sum(np.log(np.exp(y.sub(a)).add(np.exp(a.sub(y))))),
  );
const targets = () => normal(7, [64]).mul(3);
const start = () => ({
  x: np.zeros([64], { dtype: "float64" }),
  y: np.zeros([64], { dtype: "float64" }),
});

/** ‖∇h‖ of each sample at a point. */
async function slopes(z: Point, a: Tensor): Promise<number[]> {
  const { x, y } = grad((p: Point) => objective(p, a))(z);
  const [gx, gy] = [await list(x), await list(y)];
  return gx.map((g, i) => Math.hypot(g, gy[i]!));
}

describe.each(Object.entries(optimizers))("argmin by %s", (_, optimizer) => {
  it.each(someOf([[1, false], [7, false], [120, false], [7, true], [120, true]] as const))(
    "of %i steps, best: %s: the residual is the gradient at the value",
    async (steps, best) => {
      const a = targets();
      const solve = argmin(objective, {
        optimizer,
        steps,
        best,
        batchAxis: 0,
        atol: 1e-4,
        rtol: 0,
      });
      const { value, stats } = solve(start(), a);
      const expected = await slopes(value, a);
      const [told, converged, trace] = [
        await list(stats.residual),
        await list(stats.converged),
        await list(stats.trace),
      ];
      expected.forEach((r, i) => {
        expect(told[i]).toBeCloseTo(r, 12);
        expect(converged[i]).toBe(r <= 1e-4 ? 1 : 0);
        if (!best) return;
        const looks = trace.filter((_, k) => k % 64 === i);
        expect(told[i]).toBe(Math.min(...looks));
      });
    },
  );

  it("without samples, and without a tolerance: as many updates as asked for", async () => {
    const a = targets();
    const { value, stats } = argmin(objective, { optimizer, steps: 9, atol: 0, rtol: 0 })(
      start(),
      a,
    );
    let [z, state] = [start() as Point, optimizer.init(start()) as unknown];
    for (let k = 0; k < 9; k++) {
      const [updates, next] = optimizer.update(
        grad((p: Point) => objective(p, a))(z),
        state as never,
        z,
      );
      [z, state] = [optim.applyUpdates(z, updates), next];
    }
    expect(await list(value.x)).toEqual(await list(z.x));
    expect(await list(value.y)).toEqual(await list(z.y));
    expect(await stats.residual.item()).toBeCloseTo(Math.hypot(...await slopes(z, a)), 12);
  });
});

describe("argmin", () => {
  it("does not pass by the minimum", async () => {
    const solve = argmin((z: Tensor, a: Tensor) => np.square(z.sub(a)).mul(0.5), {
      optimizer: optim.sgd(1, { momentum: 0.9 }),
      steps: 300,
    });
    expect(await solve(np.array(0), np.array(3)).value.item()).toBe(3);
  });
});

const solvers: Record<string, FixedPointSolver> = {
  forward: forward(),
  damped: forward({ damping: 0.6 }),
  anderson: anderson(),
  broyden: broyden(),
  "broyden with line search": broyden({ lineSearch: true }),
  newton: newton(),
};

describe.each(Object.entries(solvers))("fixedPointIteration by %s", (_, solver) => {
  // Contractions, rotations and maps that move away from their fixed point.
  const scales = np.array([[0.1], [0.5], [0.9], [-0.95], [1], [1.6], [-3]], { dtype: "float64" });
  const step = (z: Tensor) => np.tanh(np.roll(z, 1, { axis: 1 }).mul(scales).add(0.3));

  it.each([1, 3, 40])("of %i steps: the residual is that of the value", async (maxSteps) => {
    for (const best of [true, false]) {
      const z0 = normal(3, [7, 5]);
      const { value, stats } = fixedPointIteration(step, {
        solver,
        maxSteps,
        best,
        batchAxis: 0,
        atol: 1e-6,
        rtol: 0,
      })(z0);
      const change = await list(step(value).sub(value));
      const [told, converged] = [await list(stats.residual), await list(stats.converged)];
      told.forEach((r, i) => {
        const right = Math.hypot(...change.slice(5 * i, 5 * i + 5));
        expect(Math.abs(r - right)).toBeLessThan(1e-12);
        expect(converged[i]).toBe(right <= 1e-6 ? 1 : 0);
      });
    }
  });
});

/** EM and soft k-means as levels, against closed forms computed in double precision elsewhere. */
import { describe, expect, test } from "vitest";
import {
  contraction,
  grad,
  implicit,
  infer,
  type Level,
  np,
  objectiveTrace,
  oneStep,
  random,
  setBackend,
  type Tensor,
} from "trilevel";
import { closeTo } from "./closeTo.ts";
import { bernoulliMixture, f64, gaussianMixture, softKMeans } from "./levels.ts";

await setBackend("reference");
const key = random.key(0);

describe("a Gaussian mixture", () => {
  const x = f64([-1.2, -0.7, 0.1, 0.4, 1.5, 2]);
  const w = { pi: f64([0.5, 0.5]), mu: f64([-1, 1]), variance: f64([1, 1]) };

  test("one step", async () => {
    const { value, ys } = infer(gaussianMixture, { steps: 1, collect: "all" })(w, x, key);
    await closeTo(np.slice(ys, 0, ":", 0), [
      0.9168273035,
      0.8021838886,
      0.4501660027,
      0.3100255189,
      0.0474258732,
      0.0179862100,
    ]);
    await closeTo(value.pi, [0.4241024661, 0.5758975339]);
    await closeTo(value.mu, [-0.5445159914, 1.0087394729]);
    await closeTo(value.variance, [0.4682782936, 0.8357662024]);
  });

  test("the likelihood never falls", async () => {
    const trace = await objectiveTrace(gaussianMixture, { steps: 300 })(w, x, key).data();
    await closeTo(f64([...trace].filter((_, t) => [0, 1, 20, 300].includes(t))), [
      -9.6042839057,
      -8.8882204275,
      -8.1833275291,
      -7.7176778167,
    ]);
    for (let t = 1; t < trace.length; t++) expect(trace[t]!).toBeGreaterThan(trace[t - 1]! - 1e-12);
  });
});

test("a Bernoulli mixture", async () => {
  const x = f64([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 1], [0, 1, 1]]);
  const w = { pi: f64([0.6, 0.4]), mu: f64([[0.7, 0.6, 0.3], [0.3, 0.5, 0.8]]) };
  const { value, ys } = infer(bernoulliMixture, { steps: 1, collect: "all" })(w, x, key);
  await closeTo(np.slice(ys, 0, ":", 0), [
    0.9363057325,
    0.9074074074,
    0.6116504854,
    0.1616766467,
    0.2243767313,
  ]);
  await closeTo(np.slice(value.pi, 0), 0.5682834007);
  await closeTo(np.slice(value.mu, 0), [0.8641335019, 0.6237496809, 0.3511289833]);
  const trace = await objectiveTrace(bernoulliMixture, { steps: 8 })(w, x, key).data();
  await closeTo(f64([trace[0]!, trace[1]!]), [-9.7512682163, -9.1347741043]);
  for (let t = 1; t < trace.length; t++) expect(trace[t]!).toBeGreaterThan(trace[t - 1]! - 1e-12);
});

describe("means alone", () => {
  const x = f64([[-2], [-1.5], [-1], [0.5], [1.5], [2.5]]);
  const start = f64([[-1], [1]]);
  const w = { beta: f64(1), start };
  const options = { steps: 200, noise: "fixed" } as const;
  const fixed = [-1.3388818532, 1.5350313993];

  test("the rate is the missing information", async () => {
    const { value } = infer(softKMeans, options)(w, x, key);
    await closeTo(np.ravel(value), fixed);
    const { radius } = contraction(softKMeans, { steps: 60 })(w, value, x, key);
    await closeTo(radius, 0.3471588417, 1e-7);
    const { each } = infer(softKMeans, { ...options, steps: 30, collect: "all" })(w, x, key);
    const errors = await np.linalg.norm(each.sub(value), { axis: [1, 2] }).data();
    expect(errors[20]! / errors[19]!).toBeCloseTo(0.347159, 5);
  });

  const outer = (adjoint: ReturnType<typeof oneStep>) => {
    const solve = infer(softKMeans, { ...options, adjoint });
    return grad((x: Tensor, beta: Tensor) => {
      const { value } = solve({ beta, start }, x, key);
      return np.sum(value.mul(f64([[1], [2]])));
    }, { argnums: [0, 1] });
  };

  test("the implicit derivative is that of finite differences", async () => {
    const [dx, dbeta] = outer(implicit())(x, f64(1));
    await closeTo(np.ravel(dx), [
      0.5411567315,
      0.4827698288,
      0.2747245435,
      -0.1895300966,
      0.9034171309,
      0.9874618619,
    ], 1e-7);
    await closeTo(dbeta, -0.0416791962, 1e-7);
  });

  test("one step gives dβ the wrong sign", async () => {
    const [, dbeta] = outer(oneStep())(x, f64(1));
    expect(await dbeta.item()).toBeCloseTo(0.0245, 4);
  });

  test("a prior over means moves the fixed point", async () => {
    type Prior = { kappa: Tensor; m: Tensor };
    const level: Level<Prior, Tensor, Tensor> = {
      init: () => start,
      step({ kappa, m }, mu, x) {
        const apart = np.square(x.sub(mu.T)).mul(-0.5);
        const gamma = np.softmax(apart, { axis: 1 });
        const total = np.expandDims(np.sum(gamma, { axis: 0 }), 1);
        return np.matmul(gamma.T, x).add(kappa.mul(m)).div(total.add(kappa));
      },
    };
    const solve = infer(level, { ...options, adjoint: implicit() });
    const prior = { kappa: f64(2), m: f64(0) };
    const { value } = solve(prior, x, key);
    await closeTo(np.ravel(value), [-0.7222163806, 0.7608632280]);
    await closeTo(contraction(level, { steps: 80 })(prior, value, x, key).radius, 0.3777, 1e-4);
    const slope = grad((p: Prior) => np.sum(solve(p, x, key).value.mul(f64([[1], [2]]))))(
      prior,
    );
    await closeTo(slope.m, 1.4290448131, 1e-7);
    await closeTo(slope.kappa, -0.2911859723, 1e-7);
  });
});

describe("soft k-means splits only when it is cold enough", () => {
  const points = [-0.8, -0.3, 0.2, 0.9];
  const data = (offset: number) =>
    f64([...points.map((p) => [p - offset]), ...points.map((p) => [p + offset])]);
  const solve = infer(softKMeans, { steps: 2000, noise: "fixed", adjoint: implicit() });

  test.each([[0.75, 0.9575], [1, 0.5034], [2, 0.0452]])(
    "means at ±%d converge at the rate %d",
    async (offset, rate) => {
      const w = { beta: f64(1), start: f64([[-offset], [offset]]) };
      const x = data(offset);
      const { value } = solve(w, x, key);
      await closeTo(contraction(softKMeans, { steps: 400 })(w, value, x, key).radius, rate, 1e-4);
    },
  );

  test("below β_c = 1 / λ_max(Cov) all means are one, above they part", async () => {
    const x = data(0.75);
    const variance = await np.mean(np.square(x)).item() - (await np.mean(x).item()) ** 2;
    const apart = async (beta: number) => {
      const start = f64([[-0.3], [0.4]]);
      const { value } = solve({ beta: f64(beta), start }, x, key);
      const [a, b] = await value.data();
      return Math.abs(a! - b!);
    };
    expect(await apart(0.9 / variance)).toBeLessThan(1e-6);
    expect(await apart(1.2 / variance)).toBeGreaterThan(0.3);
  });
});

/** Variational autoencoders and stochastic variational inference: against PyTorch, and against ten digits of a linear model. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Adjoint,
  grad,
  implicit,
  jit,
  neumann,
  np,
  objectiveTrace,
  oneStep,
  random,
  setBackend,
  type Tensor,
  truncated,
  unrolled,
} from "trilevel";
import {
  type Gaussian,
  type GenerativeParams,
  stochasticVariationalInference,
  type StochasticVariationalInferenceOptions,
  vae,
} from "trilevel/models";
import { drawGaussian, logDensity } from "../../src/models/parts/gaussians.ts";
import fixture from "../fixtures/variational.json" with { type: "json" };
import { closeTo } from "../nested/closeTo.ts";
import { f64 } from "../nested/levels.ts";
import { backends } from "../support/backends.ts";
import { fill, leafAt } from "../support/fill.ts";
import { loose } from "../support/mistakes.ts";

let key: Tensor;
const use = (backend: Parameters<typeof setBackend>[0]) => async () => {
  await setBackend(backend);
  key = random.key(7);
};
/** Within a tolerance, relative to the largest number where that is above 1. */
const close = (x: Tensor, expected: unknown, tolerance: number) => {
  const numbers = [expected].flat(4) as number[];
  return closeTo(np.ravel(x), numbers, tolerance * Math.max(1, ...numbers.map(Math.abs)));
};

describe.each(["reference", ...backends.map((b) => b.name)] as const)("on %s", (backend) => {
  beforeAll(use(backend));
  const exact = backend === "reference";
  const array = (x: never) => np.array(x);

  test.each(exact ? fixture.cases : fixture.cases.filter((_, i) => i === 1 || i === 4))(
    "$system, $likelihood, equals PyTorch",
    async ({ system, ...golden }) => {
      const shared = {
        pixels: 5,
        latent: 2,
        hidden: [4],
        likelihood: golden.likelihood as "bernoulli" | "gaussian",
        variance: golden.variance,
      };
      const x = np.array(fixture.data[shared.likelihood]);
      const slopes = async <P>(
        { init, loss }: {
          init(key: Tensor): P;
          loss(p: P, x: Tensor, key: Tensor): [Tensor, { value: Gaussian }];
        },
        flat: Record<string, unknown>,
      ) => {
        const objective = (p: P) => {
          const [value, { value: q }] = loss(p, x, key);
          return [value, [value, q]] as [Tensor, [Tensor, Gaussian]];
        };
        const params = fill(init(random.key(0)), flat, array);
        const [gradient, [value, q]] = jit(grad(objective, { hasAux: true }))(params);
        const tolerance = exact ? 1e-6 : 1e-3; // constants of the noise are of single precision
        await close(value, golden.loss, tolerance);
        await close(q.mean, golden.mean, tolerance);
        await close(q.logVariance, golden.logVariance, tolerance);
        for (const [path, expected] of Object.entries(golden.gradient)) {
          await close(leafAt(gradient, path), expected, tolerance);
        }
      };
      if (system === "vae") {
        const { divergence, samples } = golden as { divergence: "closed"; samples: number };
        await slopes(
          vae({ ...shared, encoder: [4], divergence, samples }),
          fixture.weights.vae,
        );
      } else {
        const adjoint = golden.detached ? {} : { adjoint: unrolled() };
        await slopes(
          stochasticVariationalInference({ ...shared, ...adjoint, steps: 3 }),
          fixture.weights.stochasticVariationalInference,
        );
      }
    },
  );
});

describe("a linear model, in ten digits", () => {
  beforeAll(use("reference"));
  const x = () => f64([[0.7, -0.4, 1.1]]);
  const weights = (): GenerativeParams => ({
    observation: {
      network: { layers: [], gates: null, skip: null },
      mean: { weight: f64([[1, 0.5], [-0.3, 0.8], [0.2, -0.6]]), bias: f64([0.1, -0.2, 0.3]) },
    },
    priors: [],
  });
  const linear = {
    pixels: 3,
    latent: 2,
    hidden: [],
    likelihood: "gaussian",
    variance: 0.25,
    samples: "exact",
  } as const;
  const svi = (options: Partial<StochasticVariationalInferenceOptions> = {}) =>
    stochasticVariationalInference({ ...linear, ...options });
  const evidence = -3.2871259763;
  const best = {
    mean: [0.6230979321, -0.2848224737],
    logVariance: [-1.7083778603, -1.7917594692],
  };
  const optimum = (): Gaussian => ({
    mean: f64([best.mean]),
    logVariance: f64([best.logVariance]),
  });

  test("the ELBO and its gradient at the prior", async () => {
    const { level, bound } = svi();
    const start = level.init(weights(), x(), key);
    await close(bound(weights(), start, x(), key), -7.5173740579, 1e-9);
    const slope = grad((q: Gaussian) => np.sum(bound(weights(), q, x(), key)))(start);
    await close(slope.mean, [3.28, -1.36], 1e-9);
    await close(slope.logVariance, [-2.26, -2.5], 1e-9);
  });

  test("the ELBO climbs to the optimum of a diagonal posterior, and diverges above the largest stable rate", async () => {
    const trace = await objectiveTrace(svi().level, { steps: 500 })(weights(), x(), key).data();
    await closeTo(f64([1, 2, 10, 100, 500].map((t) => trace[t]!)), [
      -6.4404204276,
      -5.7422579676,
      -4.0276492813,
      -3.2941385107,
      -3.2918828319,
    ]);
    const one = svi({ steps: 1 }).apply(weights(), x(), key).value;
    await close(one.mean, [0.164, -0.068], 1e-12);
    const { value } = svi({ steps: 1000 }).apply(weights(), x(), key);
    await close(value.mean, best.mean, 1e-9);
    await close(value.logVariance, best.logVariance, 1e-9);
    const last = async (rate: number) =>
      (await objectiveTrace(svi({ rate }).level, { steps: 400 })(weights(), x(), key).data()).at(
        -1,
      )!;
    expect(await last(0.313)).toBeCloseTo(-3.2918828319, 2);
    expect(await last(0.316)).not.toBeCloseTo(-3.2918828319, 2);
  });

  test("the gap to the evidence is the same for every datum", async () => {
    const model = svi({ steps: 1000 });
    const three = f64([[0.7, -0.4, 1.1], [0, 0, 0], [-2, 1, 3]]);
    const { value } = model.apply(weights(), three, key);
    const { observation: { mean: { weight, bias } } } = weights();
    const covariance = np.matmul(weight, weight.T).add(np.eye(3).mul(0.25));
    const error = three.sub(bias!);
    const square = np.sum(error.mul(np.linalg.solve(covariance, error.T).T), { axis: 1 });
    const logp = square.add(np.log(np.linalg.det(covariance))).add(3 * Math.log(2 * Math.PI))
      .mul(-0.5);
    await closeTo(np.slice(logp, 0), evidence);
    const gap = logp.sub(model.bound(weights(), value, three, key));
    await closeTo(gap, [0.0047568556, 0.0047568556, 0.0047568556]);
  });

  test("gradients in the weights at the optimum: that of b is the evidence's, that of W is not", async () => {
    const { loss } = svi({ level: (own) => ({ ...own, init: optimum }), steps: 0 });
    const { observation: { mean } } = grad((w: GenerativeParams) => loss(w, x(), key)[0].neg())(
      weights(),
    );
    await close(mean.bias!, [0.4772532189, 0.8591494343, 2.0179477175], 1e-8);
    await close(np.slice(mean.weight, 0), [-0.4272621874, -0.4692657757], 1e-8);
  });

  test("closed and sampled divergences, and the importance bound", async () => {
    const q: Gaussian = { mean: f64([[0.2, -0.1]]), logVariance: f64([[-0.5, -1]]) };
    const { bound } = svi();
    await close(bound(weights(), q, x(), key), -4.6222370023, 1e-9);
    const draw = (eps: readonly number[]) => {
      const z = q.mean.add(np.exp(q.logVariance.mul(0.5)).mul(f64([eps])));
      const standard = { mean: f64([[0, 0]]), logVariance: f64([[0, 0]]) };
      const { observation: { mean: { weight, bias } } } = weights();
      const error = x().sub(np.matmul(z, weight.T)).sub(bias!);
      const square = np.square(error).div(0.25).add(Math.log(Math.PI / 2));
      const rec = np.sum(square, { axis: -1 }).mul(-0.5);
      return { rec, kl: logDensity(z, q).sub(logDensity(z, standard)) };
    };
    const { rec, kl } = draw([0.5, -1.2]);
    await close(rec, -1.9234355935, 1e-9);
    await close(kl, 0.4213532876, 1e-9);
    const bounds = [[0.5, -1.2], [-0.3, 0.8], [1.1, 0.1]].map(draw).map(({ rec, kl }) =>
      rec.sub(kl)
    );
    await close(bounds[0]!, -2.3447888810, 1e-9);
    const together = np.concatenate(bounds);
    await close(np.logsumexp(together).sub(Math.log(3)), -2.7197731134, 1e-9);
    await close(np.mean(together), -3.0011747376, 1e-9);

    // The same with draws of the library: what the two divergences and the bound are, from its own z.
    const [eps, samples] = [random.split(key, 1)[0], 4];
    const z = drawGaussian(q, eps, samples);
    const standard = { mean: np.zerosLike(q.mean), logVariance: np.zerosLike(q.mean) };
    const sampled = np.mean(logDensity(z, q).sub(logDensity(z, standard)), { axis: 0 });
    const options = { ...linear, encoder: [2], samples } as const;
    const at = (divergence: "closed" | "sampled") => {
      const model = vae({ ...options, divergence });
      const params = { ...model.init(key), generative: weights() };
      return model.bound(params, q, x(), key);
    };
    await closeTo(at("closed").sub(at("sampled")), [await sampled.sub(0.2622050504).item()], 1e-9);
    const tight = svi().importance(weights(), optimum(), x(), key, 5000);
    expect(Math.abs(await tight.item() - evidence)).toBeLessThan(0.005);
  });

  test("adjoints at the optimum", async () => {
    const slope = (adjoint: Adjoint) => {
      const { apply } = svi({ steps: 500, adjoint });
      return grad((x: Tensor) =>
        np.sum(np.square(apply(weights(), x, key).value.mean.sub(f64([1, -1])))).mul(0.5)
      )(x());
    };
    const exact = [-0.0710214190, 0.5030298514, -0.3691583870];
    await close(slope(implicit()), exact, 1e-7);
    await close(slope(unrolled()), exact, 1e-7);
    const short = [-0.0038626609, 0.1370425283, -0.1008973859];
    await close(slope(oneStep()), short, 1e-8);
    await close(slope(truncated({ steps: 1 })), short, 1e-8);
    const five = [-0.0363904108, 0.3992015755, -0.2933824154];
    await close(slope(neumann({ terms: 5 })), five, 1e-8);
    await close(slope(truncated({ steps: 5 })), five, 1e-8);
  });

  test("where the loss itself is at its maximum, every adjoint gives the weights the same gradient", async () => {
    const slope = (options: Partial<StochasticVariationalInferenceOptions>) => {
      const { loss } = svi({ steps: 1000, ...options });
      return grad((w: GenerativeParams) => loss(w, x(), key)[0])(weights()).observation.mean.weight;
    };
    const constant = await np.ravel(slope({})).data();
    for (const adjoint of [unrolled(), oneStep(), implicit()]) {
      await close(slope({ adjoint }), [...constant], 1e-8);
    }
  });
});

describe("mistakes", () => {
  beforeAll(use("reference"));
  test("are told in a line each", () => {
    const model = vae({ pixels: 4, latent: 2, encoder: [3], hidden: [3] });
    const params = model.init(key);
    expect(() => model.apply(params, np.ones([4]), key)).toThrow(/vae: the data is .*\[batch, 4\]/);
    expect(() => model.apply(loose({}), np.ones([2, 4]), key)).toThrow(/vae: the parameters are/);
    expect(() => vae({ pixels: 4, latent: 2, samples: "exact" })).toThrow(
      /vae: samples "exact" cannot be combined with a Bernoulli likelihood/,
    );
    expect(() =>
      stochasticVariationalInference({
        pixels: 4,
        latent: 2,
        likelihood: "gaussian",
        samples: "exact",
      })
    ).toThrow(/samples "exact" cannot be combined with a decoder that is not linear/);
    expect(model.generate(params, key, 3).shape).toEqual([3, 4]);
    expect(model.reconstruct(params, model.apply(params, np.ones([2, 4]), key).value).shape)
      .toEqual([2, 4]);
  });
});

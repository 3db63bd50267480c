/** Iterative amortized inference: against PyTorch with each encoding, what is cut, and where it ends on a linear model. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  grad,
  jit,
  np,
  oneStep,
  optim,
  random,
  setBackend,
  type Tensor,
  tree,
  truncated,
  unrolled,
} from "trilevel";
import {
  type Encoding,
  iterativeAmortizedInference,
  type IterativeAmortizedInferenceOptions,
  type IterativeAmortizedInferenceParams,
} from "trilevel/models";
import fixture from "../fixtures/iterative-amortized-inference.json" with { type: "json" };
import { closeTo } from "../nested/closeTo.ts";
import { fill, leafAt } from "../support/fill.ts";
import { full } from "../support/tier.ts";

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

type Options = IterativeAmortizedInferenceOptions;
type Params = IterativeAmortizedInferenceParams;

// Kernels of webgpu are compared with others elsewhere: here they would take longest to compile.
describe.each(["reference", "onnx"] as const)("on %s", (backend) => {
  beforeAll(use(backend));
  const exact = backend === "reference";
  const cases = exact ? fixture.cases : [fixture.cases[4]!];

  test.each(cases)(
    "$inputs on levels of $latent, leak $leak, equals PyTorch",
    async ({ weights, loss: expected, posteriors, gradient: golden, ...given }) => {
      const model = iterativeAmortizedInference({
        ...given as unknown as Options,
        pixels: 5,
        hidden: given.latent.map(() => [4]),
        inference: given.latent.map(() => [4]),
        variance: 0.5,
        steps: 2,
      });
      const x = np.array(fixture[given.likelihood as "bernoulli"]);
      const params = fill(model.init(random.key(0)), weights, (x: never) => np.array(x));
      const objective = (p: Params) => {
        const [value, found] = model.loss(p, x, key);
        return [value, [value, found.value]] as [Tensor, [Tensor, typeof found.value]];
      };
      const [slopes, [value, found]] = jit(grad(objective, { hasAux: true }))(params);
      const tolerance = exact ? 1e-6 : 2e-3; // constants of the noise are of single precision
      await close(value, expected, tolerance);
      for (const [l, { mean, logVariance }] of posteriors.entries()) {
        await close(found[l]!.mean, mean, tolerance);
        await close(found[l]!.logVariance, logVariance, tolerance);
      }
      for (const [path, [sum, first, absolute]] of Object.entries(golden)) {
        const slope = np.ravel(leafAt(slopes, path));
        const scale = Math.max(1, absolute!);
        await closeTo(np.sum(slope), sum!, tolerance * scale);
        await closeTo(np.slice(slope, 0), first!, tolerance * scale);
        await closeTo(np.sum(np.abs(slope)), absolute!, tolerance * scale);
      }
    },
  );
});

describe("what is cut", () => {
  beforeAll(use("reference"));
  const small = {
    pixels: 4,
    latent: 2,
    hidden: [[3]],
    inference: [[3]],
    samples: 1,
    steps: 3,
  } satisfies Options;
  const x = () => random.bernoulli(random.key(1), 0.5, [6, 4]).astype("float32");
  const slopesOf = (options: Partial<Options>, at?: Params) => {
    const model = iterativeAmortizedInference({ ...small, ...options });
    const params = at ?? model.init(random.key(0));
    return grad((p: Params) => model.loss(p, x(), key)[0])(params);
  };
  const flat = async (slopes: unknown) =>
    (await Promise.all(tree.leaves<Tensor>(slopes as never).map((leaf) => leaf.data())))
      .flatMap((data) => [...data]);
  const difference = async (a: unknown, b: unknown) => {
    const [one, other] = [await flat(a), await flat(b)];
    return Math.max(...one.map((value, i) => Math.abs(value - other[i]!)));
  };

  test("the generative model learns from the last iterate alone, however the steps are differentiated", async () => {
    const { generative } = slopesOf({});
    const through = slopesOf({ adjoint: unrolled() }).generative;
    expect(await difference(generative, through)).toBeLessThan(1e-12);
    expect(Math.max(...(await flat(generative)).map(Math.abs))).toBeGreaterThan(1e-3);
  });

  test("an iterate trains one application: unrolled differs, and leaks differ where there are top errors alone", async () => {
    const inputs: readonly Encoding[] = ["data", "gradient", "mean", "logVariance"];
    const one = slopesOf({ inputs });
    const all = slopesOf({ inputs, adjoint: unrolled() });
    expect(await difference(one.inference, all.inference)).toBeGreaterThan(1e-6);
    expect(await difference(one, slopesOf({ inputs, leak: true }))).toBeLessThan(1e-12);
    expect(await difference(one, slopesOf({ inputs, adjoint: truncated({ steps: 1 }) }))).toBe(0);
    const errors: readonly Encoding[] = ["data", "topError", "mean", "logVariance"];
    const [cut, leaked] = [slopesOf({ inputs: errors }), slopesOf({ inputs: errors, leak: true })];
    expect(await difference(cut.inference, leaked.inference)).toBeGreaterThan(1e-6);
    expect(await difference(cut.generative, leaked.generative)).toBeLessThan(1e-12);
  });

  test("the gradient of the mean depends on the batch, that of the sum does not; standardizing sees the batch", async () => {
    const alone = async (options: Partial<Options>) => {
      const linear = { likelihood: "gaussian", hidden: [[]], samples: "exact" } as const;
      const model = iterativeAmortizedInference({ ...small, ...linear, ...options });
      const params = model.init(random.key(0));
      const whole = model.apply(params, x(), key).value[0]!.mean;
      const two = model.apply(params, x().slice([0, 2]), key).value[0]!.mean;
      return await np.max(np.abs(whole.slice([0, 2]).sub(two))).item();
    };
    const inputs: readonly Encoding[] = ["logGradient", "mean"];
    expect(await alone({ inputs, gradientOf: "sum" })).toBeLessThan(1e-12);
    expect(await alone({ inputs, gradientOf: "mean" })).toBeGreaterThan(1e-6);
    expect(await alone({ inputs: ["standardGradient"], gradientOf: "sum" })).toBeGreaterThan(1e-6);
  });

  test("at the last iterate alone, one step still trains the network", async () => {
    const slopes = slopesOf({ adjoint: oneStep() });
    expect(Math.max(...(await flat(slopes.inference)).map(Math.abs))).toBeGreaterThan(1e-6);
  });

  test("contradictions are told in a line each", () => {
    const refused = (options: Partial<Options>, reason: RegExp) =>
      expect(() => iterativeAmortizedInference({ ...small, ...options })).toThrow(reason);
    refused({ inputs: [] }, /`inputs` is empty/);
    refused({ latent: [2, 2] }, /hidden has 1 lists of layers for 2 levels/);
    refused({ inference: [[]] }, /inference has 1 lists/);
    refused({ inputs: ["bottomNormError"] }, /Bernoulli likelihood, which has no variance/);
    refused({ leak: true, adjoint: unrolled() }, /`leak` cannot be combined with `adjoint`/);
    refused({ samples: "exact" }, /whose expectation has no closed form/);
    const model = iterativeAmortizedInference(small);
    expect(() => model.apply(model.init(key), np.ones([2, 5]), key)).toThrow(/\[batch, 4\]/);
  });
});

/** ln p(x) of the linear model, exactly. */
function evidence(weight: Tensor, bias: Tensor, x: Tensor): Tensor {
  const covariance = np.matmul(weight, weight.T).add(np.eye(3).mul(0.25));
  const error = x.sub(bias);
  const squares = np.sum(error.mul(np.linalg.solve(covariance, error.T).T), { axis: 1 });
  const logDet = np.log(np.linalg.det(covariance));
  return squares.add(logDet).add(3 * Math.log(2 * Math.PI)).mul(-0.5);
}

// Training until it converges takes long.
test.runIf(full)("it learns to reach the floor of a diagonal posterior", async () => {
  await setBackend("onnx");
  const weight = np.array([[1, 0.5], [-0.3, 0.8], [0.2, -0.6]]);
  const bias = np.array([0.1, -0.2, 0.3]);
  const draw = (key: Tensor, n: number) => {
    const [a, b] = random.split(key);
    const noise = random.normal(b, [n, 3]).mul(0.5);
    return np.matmul(random.normal(a, [n, 2]), weight.T).add(bias).add(noise);
  };
  const model = iterativeAmortizedInference({
    pixels: 3,
    latent: 2,
    hidden: [[]],
    inference: [[64, 64]],
    likelihood: "gaussian",
    variance: 0.25,
    samples: "exact",
    inputs: ["gradient", "mean", "logVariance"],
    gradientOf: "sum",
  });
  const start = model.init(random.key(0));
  const known = {
    ...start.generative,
    observation: { ...start.generative.observation, mean: { weight, bias } },
  };
  type Inference = Params["inference"];
  const optimizer = optim.adam(1e-3);
  type State = ReturnType<typeof optimizer.init>;
  let inference: Inference = start.inference;
  let state = optimizer.init(inference);
  const update = jit((inference: Inference, state: State, key: Tensor) => {
    const loss = (inference: Inference) =>
      model.loss({ inference, generative: known }, draw(key, 64), key)[0];
    const [updates, next] = optimizer.update(grad(loss)(inference), state, inference);
    return [optim.applyUpdates(inference, updates), next] as const;
  }, { donate: [0, 1] });
  for (let step = 0; step < 2000; step++) {
    [inference, state] = update(inference, state, random.foldIn(random.key(2), step));
  }
  const x = draw(random.key(3), 4000);
  const params = { inference, generative: known };
  const { each } = model.apply(params, x, random.key(0));
  const gaps = await Promise.all([0, 4].map((t) => {
    const q = each!.map(({ mean, logVariance }) => ({
      mean: np.slice(mean, t),
      logVariance: np.slice(logVariance, t),
    }));
    return np.mean(evidence(weight, bias, x).sub(model.bound(params, q, x, random.key(0)))).item();
  }));
  const floor = 0.0047568556; // no diagonal posterior is nearer than this, whatever x is
  expect(gaps[0]!).toBeGreaterThan(floor - 1e-4);
  expect(Math.abs(gaps[1]! - floor)).toBeLessThan(0.001);
});

/**
 * Iterative amortized inference (Marino et al., 2018): a network learns to update the posterior from its gradient. Each
 * iterate trains one application of the update, which is `truncated({ steps: 1 })` with a loss on all iterates.
 */
import { expect, test } from "vitest";
import {
  grad,
  infer,
  jit,
  type Level,
  nn,
  np,
  optim,
  random,
  setBackend,
  type Tensor,
  truncated,
} from "trilevel";
import { elbo, type LinearGaussian, type Posterior } from "./levels.ts";

const width = 64;
const inner = {
  first: nn.linear({ in: 8, out: width }),
  firstGate: nn.linear({ in: 8, out: width }),
  skip: nn.linear({ in: 8, out: width }),
  second: nn.linear({ in: width, out: width }),
  secondGate: nn.linear({ in: width, out: width }),
  change: nn.linear({ in: width, out: 4 }),
  gate: nn.linear({ in: width, out: 4 }),
} as const;
type Network = { readonly [K in keyof typeof inner]: nn.LinearParams };

const highway = (gate: Tensor, skip: Tensor, x: Tensor) =>
  gate.mul(skip).add(np.subtract(1, gate).mul(nn.elu(x)));

/** λ ← γ λ + (1 - γ) W h, h a highway network of λ and of the gradient of the negative ELBO in it. */
const amortized = (model: LinearGaussian): Level<Network, Tensor, Posterior> => ({
  init: (_, x) => {
    const zero = np.zeros([x.shape[0]!, 2]);
    return { mu: zero, logVariance: zero };
  },
  step(w, z, x) {
    const slope = grad((z: Posterior) => np.sum(elbo(model, z, x)).neg())(z);
    const features = np.concatenate(
      [z.mu, z.logVariance, slope.mu, slope.logVariance],
      { axis: -1 },
    );
    const layer = (name: keyof Network, of: Tensor) => inner[name].apply(w[name], of);
    const a = highway(
      np.sigmoid(layer("firstGate", features)),
      layer("skip", features),
      layer("first", features),
    );
    const h = highway(np.sigmoid(layer("secondGate", a)), a, layer("second", a));
    const gamma = np.sigmoid(layer("gate", h));
    const old = np.concatenate([z.mu, z.logVariance], { axis: -1 });
    const next = gamma.mul(old).add(np.subtract(1, gamma).mul(layer("change", h)));
    return {
      mu: np.slice(next, ":", [0, 2]),
      logVariance: np.clip(np.slice(next, ":", [2, 4]), -15, 15),
    };
  },
});

/** ln p(x) of the linear Gaussian model, exactly. */
function evidence({ w, b, s }: LinearGaussian, x: Tensor): Tensor {
  const covariance = np.matmul(w, w.T).add(np.eye(3).mul(s));
  const error = x.sub(b);
  const squares = np.sum(error.mul(np.linalg.solve(covariance, error.T).T), { axis: 1 });
  const logDet = np.log(np.linalg.det(covariance));
  return squares.add(logDet).add(3 * Math.log(2 * Math.PI)).mul(-0.5);
}

test("truncated({ steps: 1 }) trains the update to the floor of a diagonal posterior", async () => {
  await setBackend("onnx");
  const model: LinearGaussian = {
    w: np.array([[1, 0.5], [-0.3, 0.8], [0.2, -0.6]]),
    b: np.array([0.1, -0.2, 0.3]),
    s: 0.25,
  };
  const data = (key: Tensor, n: number) => {
    const [a, b] = random.split(key);
    const z = random.normal(a, [n, 2]);
    return np.matmul(z, model.w.T).add(model.b).add(random.normal(b, [n, 3]).mul(0.5));
  };
  const level = amortized(model);
  const train = infer(level, { steps: 5, collect: "all", adjoint: truncated({ steps: 1 }) });
  const keys = random.split(random.key(1), 7);
  const names = Object.keys(inner) as (keyof Network)[];
  let params = Object.fromEntries(
    names.map((name, i) => [name, inner[name].init(keys[i]!)]),
  ) as Network;
  const optimizer = optim.adam(1e-3);
  type State = ReturnType<typeof optimizer.init>;
  let state = optimizer.init(params);

  const update = jit((params: Network, state: State, key: Tensor) => {
    const loss = (params: Network) => {
      const { each } = train(params, data(key, 64), key);
      return np.mean(elbo(model, each, np.expandDims(data(key, 64), 0))).neg();
    };
    const [updates, next] = optimizer.update(grad(loss)(params), state, params);
    return [optim.applyUpdates(params, updates), next] as const;
  }, { donate: [0, 1] });
  for (let step = 0; step < 2000; step++) {
    [params, state] = update(params, state, random.foldIn(random.key(2), step));
  }

  const x = data(random.key(3), 4000);
  const { each } = train(params, x, random.key(0));
  const gap = np.mean(
    np.expandDims(evidence(model, x), 0).sub(elbo(model, each, np.expandDims(x, 0))),
    {
      axis: 1,
    },
  );
  const gaps = [...await gap.data()];
  // No diagonal posterior is nearer than this, whatever x is.
  const floor = 0.0047568556;
  expect(gaps[0]!).toBeGreaterThan(floor - 1e-4);
  expect(Math.abs(gaps[4]! - floor)).toBeLessThan(0.0012);
});

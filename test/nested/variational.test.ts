/** Variational inference on a linear Gaussian model by `minimise`, and what no adjoint can train. */
import { test } from "vitest";
import {
  type Adjoint,
  grad,
  implicit,
  infer,
  minimise,
  oneStep,
  optim,
  random,
  setBackend,
  type Tensor,
  unrolled,
} from "trilevel";
import { closeTo } from "./closeTo.ts";
import {
  elbo,
  f64,
  type LinearGaussian,
  linearGaussian,
  type Posterior,
  variational,
} from "./levels.ts";

await setBackend("reference");
const key = random.key(0);
const level = variational(0.05);
const x = f64([0.7, -0.4, 1.1]);
const w = linearGaussian();

test("minimise finds the same optimum with optimizers of optim, in the user's tree", async () => {
  const lower = (w: LinearGaussian, z: Posterior, x: Tensor) => elbo(w, z, x).neg();
  const init = () => ({ mu: f64([0, 0]), logVariance: f64([0, 0]) });
  const ways = [
    { optimizer: optim.adam(0.05), steps: 800 },
    { optimizer: optim.chain(optim.clipByGlobalNorm(0.5), optim.sgd(0.05)), steps: 1000 },
    { optimizer: optim.sgd(0.02, { momentum: 0.9 }), steps: 600 },
  ];
  for (const way of ways) {
    for (const noise of ["fixed", "fresh"] as const) {
      const { value } = minimise(lower, { init, noise, ...way })(w, x, key);
      await closeTo(value.mu, [0.6230979321, -0.2848224737], 1e-4);
      await closeTo(value.logVariance, [-1.7083778603, -1.7917594692], 1e-4);
    }
  }
});

test("at an exact optimum of the outer objective itself, no adjoint trains the update", async () => {
  const outer = (adjoint: Adjoint) => {
    const solve = infer(level, { steps: 1000, adjoint, noise: "fixed" });
    // λ alone depends on the scale of the update; the objective does not.
    return grad((scale: Tensor) => {
      const { value } = solve({ ...w, b: w.b.mul(scale) }, x, key);
      return elbo(w, value, x);
    })(f64(1));
  };
  for (const adjoint of [unrolled(), oneStep(), implicit()]) await closeTo(outer(adjoint), 0, 1e-8);
});

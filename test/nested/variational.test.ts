/** Stochastic variational inference on a linear Gaussian model, against numbers computed elsewhere in float64. */
import { expect, test } from "vitest";
import {
  type Adjoint,
  grad,
  implicit,
  infer,
  minimise,
  neumann,
  np,
  objectiveTrace,
  oneStep,
  optim,
  random,
  setBackend,
  type Tensor,
  truncated,
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

test("the ELBO and its gradient at the start", async () => {
  const start = level.init(w, x, key);
  await closeTo(elbo(w, start, x), -7.5173740579);
  const slope = grad((z: Posterior) => elbo(w, z, x))(start);
  await closeTo(slope.mu, [3.28, -1.36]);
  await closeTo(slope.logVariance, [-2.26, -2.5]);
});

test("the ELBO climbs to the optimum of a diagonal posterior", async () => {
  const trace = await objectiveTrace(level, { steps: 500 })(w, x, key).data();
  await closeTo(f64([1, 2, 10, 100, 500].map((t) => trace[t]!)), [
    -6.4404204276,
    -5.7422579676,
    -4.0276492813,
    -3.2941385107,
    -3.2918828319,
  ]);
  const { value } = infer(level, { steps: 1000 })(w, x, key);
  await closeTo(value.mu, [0.6230979321, -0.2848224737]);
  await closeTo(value.logVariance, [-1.7083778603, -1.7917594692]);
});

test("above the largest stable step it diverges", async () => {
  const last = async (alpha: number) =>
    (await objectiveTrace(variational(alpha), { steps: 400 })(w, x, key).data()).at(-1)!;
  expect(await last(0.313)).toBeCloseTo(-3.2918828319, 2);
  expect(await last(0.316)).not.toBeCloseTo(-3.2918828319, 2);
});

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

test("adjoints at the optimum", async () => {
  const slope = (adjoint: Adjoint) => {
    const solve = infer(level, { steps: 1000, adjoint, noise: "fixed" });
    return grad((x: Tensor) =>
      np.sum(np.square(solve(w, x, key).value.mu.sub(f64([1, -1])))).mul(0.5)
    )(x);
  };
  const exact = [-0.0710214190, 0.5030298514, -0.3691583870];
  await closeTo(slope(implicit()), exact, 1e-7);
  await closeTo(slope(unrolled()), exact, 1e-7);
  await closeTo(slope(oneStep()), [-0.0038626609, 0.1370425283, -0.1008973859]);
  await closeTo(slope(truncated({ steps: 1 })), [-0.0038626609, 0.1370425283, -0.1008973859]);
  await closeTo(slope(neumann({ terms: 5 })), [-0.0363904108, 0.3992015755, -0.2933824154]);
  await closeTo(slope(truncated({ steps: 5 })), [-0.0363904108, 0.3992015755, -0.2933824154]);
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

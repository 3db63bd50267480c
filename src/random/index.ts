/**
 * Random numbers: pure functions of an explicit key, bit for bit those of JAX.
 *
 * ```ts
 * import { random } from "trilevel";
 * const [k1, k2] = random.split(random.key(0));
 * const x = random.normal(k1, [3, 4]);
 * const noisy = x.add(random.uniform(k2, x.shape));
 * console.assert(noisy.shape.join() === "3,4");
 * ```
 *
 * @module
 */
export { bits } from "./bits.ts";
export {
  categorical,
  type CategoricalOptions,
  choice,
  type ChoiceOptions,
  permutation,
  type PermutationOptions,
} from "./choice.ts";
export { binomial, multinomial, poisson } from "./counts.ts";
export {
  cauchy,
  doubleSidedMaxwell,
  geometric,
  type IntegerOptions,
  logistic,
  lognormal,
  maxwell,
  type ParametricSampler,
  pareto,
  rademacher,
  rayleigh,
  triangular,
  type TwofoldSampler,
  wald,
  weibullMin,
} from "./distributions.ts";
export {
  ball,
  type BallOptions,
  beta,
  chisquare,
  dirichlet,
  f,
  gamma,
  generalizedNormal,
  loggamma,
  t,
} from "./gamma.ts";
export { clone, keyData, wrapKeyData } from "./key.ts";
export {
  multivariateNormal,
  type MultivariateOptions,
  orthogonal,
  type OrthogonalOptions,
} from "./vectors.ts";
export { foldIn, key, type Keys, split, splitStacked } from "./key.ts";
export { exponential, gumbel, laplace, normal, type Sampler, truncatedNormal } from "./normal.ts";
export {
  bernoulli,
  type FloatOptions,
  randint,
  type RandintOptions,
  uniform,
  type UniformOptions,
} from "./uniform.ts";

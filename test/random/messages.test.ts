/** What is said to those who forget the key, or give something else in its place. */
import { beforeAll, describe } from "vitest";
import { np, random, setBackend, type Tensor, vmap } from "trilevel";
import { answered, loose } from "../support/mistakes.ts";

beforeAll(() => setBackend("reference"));

const key = () => random.key(0);

/** Every function of a key, called with the key given. */
const samplers: readonly [name: string, sample: (key: Tensor) => unknown][] = [
  ["bits", (k) => random.bits(k, [2])],
  ["split", (k) => random.split(k)],
  ["splitStacked", (k) => random.splitStacked(k, 2)],
  ["foldIn", (k) => random.foldIn(k, 1)],
  ["uniform", (k) => random.uniform(k, [2], { minval: 1 })],
  ["normal", (k) => random.normal(k, [2])],
  ["truncatedNormal", (k) => random.truncatedNormal(k, -1, 1)],
  ["gumbel", (k) => random.gumbel(k, [2])],
  ["exponential", (k) => random.exponential(k, [2])],
  ["laplace", (k) => random.laplace(k, [2])],
  ["bernoulli", (k) => random.bernoulli(k, 0.5)],
  ["randint", (k) => random.randint(k, [2], 0, 9)],
  ["categorical", (k) => random.categorical(k, np.zeros([3]))],
  ["permutation", (k) => random.permutation(k, 3)],
  ["choice", (k) => random.choice(k, 3, [2], { replace: false })],
  ["ball", (k) => random.ball(k, 2)],
  ["beta", (k) => random.beta(k, 1, 2)],
  ["binomial", (k) => random.binomial(k, 5, 0.5)],
  ["cauchy", (k) => random.cauchy(k, [2])],
  ["chisquare", (k) => random.chisquare(k, 3)],
  ["clone", (k) => random.clone(k)],
  ["dirichlet", (k) => random.dirichlet(k, np.ones([3]))],
  ["doubleSidedMaxwell", (k) => random.doubleSidedMaxwell(k, 0, 1)],
  ["f", (k) => random.f(k, 3, 4)],
  ["gamma", (k) => random.gamma(k, 2)],
  ["generalizedNormal", (k) => random.generalizedNormal(k, 2)],
  ["geometric", (k) => random.geometric(k, 0.5)],
  ["keyData", (k) => random.keyData(k)],
  ["loggamma", (k) => random.loggamma(k, 2)],
  ["logistic", (k) => random.logistic(k, [2])],
  ["lognormal", (k) => random.lognormal(k)],
  ["maxwell", (k) => random.maxwell(k, [2])],
  ["multinomial", (k) => random.multinomial(k, 5, np.full([2], 0.5))],
  ["multivariateNormal", (k) => random.multivariateNormal(k, np.zeros([2]), np.eye(2))],
  ["orthogonal", (k) => random.orthogonal(k, 2)],
  ["pareto", (k) => random.pareto(k, 2)],
  ["poisson", (k) => random.poisson(k, 2)],
  ["rademacher", (k) => random.rademacher(k, [2])],
  ["rayleigh", (k) => random.rayleigh(k, 2)],
  ["t", (k) => random.t(k, 3)],
  ["triangular", (k) => random.triangular(k, 0, 1, 2)],
  ["wald", (k) => random.wald(k, 1)],
  ["weibullMin", (k) => random.weibullMin(k, 1, 2)],
  ["wrapKeyData", (k) => random.wrapKeyData(k)],
];

describe.each(samplers)("%s", (name, sample) => {
  const hint = new RegExp(`random\\.${name}\\(random\\.key\\(0\\), …\\)`);
  const says = (what: string) => new RegExp(`^random\\.${name}: the key is ${what}$`);
  answered([
    ["a number", () => sample(loose(0)), says("the number 0"), hint],
    ["nothing", () => sample(loose(undefined)), says("undefined"), hint],
    ["the shape first", () => sample(loose([2, 3])), says("a list of 2"), hint],
    ["floats", () => sample(np.ones([2])), says("float32\\[2\\]"), hint],
    ["several keys", () => sample(random.splitStacked(key(), 3)), says("uint32\\[3,2\\]"), hint],
  ], /messages\.test\.ts:\d+:\d+/);
});

describe("other arguments", () => {
  answered([
    ["a key after the shape", () => loose(random.normal)([2], key()), /a list of 1/, /first/],
    [
      "a mapped list of keys",
      () => vmap((k: Tensor) => random.normal(k))(loose(random.split(key(), 3))),
      /the key is a list of 3/,
      /first/,
    ],
    ["a seed of text", () => random.key(loose("a")), /the seed is the string "a"/, /whole number/],
    ["a key as seed", () => random.key(key()), /the seed is uint32\[2\]/, /random\.split/],
    [
      "sizes apart",
      () => loose(random.normal)(key(), 2, 3),
      /an object, got 3$/,
      /\[2, 3\]/,
    ],
    [
      "an element type apart",
      () => loose(random.normal)(key(), [2], "float64"),
      /"float64"/,
      /dtype:/,
    ],
    [
      "ends apart",
      () => loose(random.uniform)(key(), [2], -1, 1),
      /an object, got -1$/,
      /minval: -1/,
    ],
    [
      "a shape apart",
      () => loose(random.categorical)(key(), np.ones([3]), [5]),
      /an object, got \[5\]$/,
      /shape: /,
    ],
    [
      "an axis apart",
      () => loose(random.permutation)(key(), np.ones([2, 3]), 1),
      /an object, got 1$/,
      /axis: 1/,
    ],
    [
      "replacement apart",
      () => loose(random.choice)(key(), 3, [2], false),
      /an object, got false$/,
      /replace: /,
    ],
    [
      "a list to permute",
      () => random.permutation(key(), loose([1, 2])),
      /x is a list of 2/,
      /np\.array/,
    ],
    [
      "a list to choose from",
      () => random.choice(key(), loose([1, 2])),
      /x is a list of 2/,
      /np\.array/,
    ],
    [
      "a list of probabilities",
      () => random.choice(key(), 2, [1], { p: loose([0.5, 0.5]) }),
      /`p` must be a tensor, got \[0\.5, 0\.5\]$/,
      /np\.array/,
    ],
    [
      "a shape for a probability",
      () => random.bernoulli(key(), loose([2])),
      /p is a list of 1/,
      /0\.5, \[2, 3\]/,
    ],
    [
      "a size for a probability",
      () => random.bernoulli(key(), 10),
      /p is the number 10/,
      /0\.5, \[2, 3\]/,
    ],
    [
      "one end",
      () => loose(random.randint)(key(), [2], 6),
      /maxval is undefined/,
      /minval, maxval/,
    ],
    [
      "a shape as end",
      () => loose(random.randint)(key(), 0, 6, [2]),
      /maxval is a list of 1/,
      /key, shape/,
    ],
    [
      "a fraction to fold in",
      () => random.foldIn(key(), 0.5),
      /the data is the number 0\.5/,
      /whole/,
    ],
  ], /messages\.test\.ts:\d+:\d+/);
});

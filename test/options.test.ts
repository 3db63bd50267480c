/** No exported function can forget the check of its options: every entry is walked. */
import { describe, expect, test } from "vitest";
import * as trilevel from "trilevel";
import { nn, np, random, setBackend } from "trilevel";
import * as data from "trilevel/data";
import * as metrics from "trilevel/metrics";
import * as models from "trilevel/models";
import * as optim from "trilevel/optim";
import * as safetensors from "trilevel/safetensors";
import { declarationBehind, declareOptions, oneOf } from "../src/options/index.ts";
import { caught } from "./support/caught.ts";
import { type Calls, lookAtOptions } from "./support/options.ts";

await setBackend("reference"); // before the operands below are made

const entries = {
  trilevel,
  np,
  "np.linalg": np.linalg,
  "np.fft": np.fft,
  random,
  nn,
  "nn.initializers": nn.initializers,
  optim,
  models,
  metrics,
  data,
  safetensors,
  tree: trilevel.tree,
  debug: trilevel.debug,
};

/** Functions whose last argument has a name of options, and why they do not look at them. */
const unchecked: Readonly<Record<string, string>> = {
  "trilevel.openWebGpu": "its target is measured, and tests alone give one",
  "data.clevrProperties": "its objects are a scene's",
  "data.flowColors": "it takes an array",
  "data.parseExample": "it is told where the bytes are, for errors",
  "data.decodeCounts": "it is told where the text is, for errors",
  "data.runLengthsToMask": "it is told where the lengths are, for errors",
};

type AnyFunction = (...args: unknown[]) => unknown;

const functions = Object.entries(entries).flatMap(([entry, space]) =>
  Object.entries(space)
    .filter((pair): pair is [string, AnyFunction] => typeof pair[1] === "function")
    .filter(([, f]) => !/^class\b/.test(f.toString()))
    .map(([name, f]) => [`${entry}.${name}`, f] as const)
);

/** The text of a function, its parameters apart. */
function partsOf(f: AnyFunction): { readonly parameters: string; readonly body: string } {
  const text = f.toString();
  const start = text.indexOf("(");
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if ("([{".includes(text[i]!)) depth++;
    if (")]}".includes(text[i]!)) depth--;
    if (depth === 0) return { parameters: text.slice(start, i + 1), body: text.slice(i + 1) };
  }
  throw new Error(`no parameters: ${text}`);
}

const isManaged = (f: AnyFunction) => f.toString().includes("args.length > place");

// They take as many operands as there are, or look at them one by one.
const variadic = ["np.einsum", "np.broadcastArrays", "np.slice"];

describe("every function", () => {
  test("is walked", () => {
    expect(functions.length).toBeGreaterThan(350);
    expect(functions.filter(([, f]) => isManaged(f)).length).toBeGreaterThan(180);
  });

  const declared = functions.filter(([name, f]) => isManaged(f) && !variadic.includes(name));
  test.each(declared)("%s declares what it takes, and refuses what stands behind", (name, f) => {
    const error = caught(() => f(...Array<object>(9).fill({ nobodyKnowsThis: 1 })));
    const declaration = declarationBehind(error);
    expect(declaration?.operands.length).toBeGreaterThan(0);
    const last = declaration!.name.split(".").at(-1)!;
    const aliases = Object.entries(entries.np).filter(([, g]) => g === f).map(([alias]) => alias);
    expect([name.split(".").at(-1), ...aliases]).toContain(last);
  });

  const optional = functions.filter(([name, f]) =>
    !isManaged(f) && !(name in unchecked) &&
    /\boptions\b|\bprepare\b|\bgiven\b|\btraining\b|\{/.test(partsOf(f).parameters)
  );
  test.each(optional)("%s checks its options", (_, f) => {
    // Those of scenes in several files hand theirs on together with the check.
    expect(partsOf(f).body).toMatch(/\bcheck[A-Z]\w*[(\)]|\brequireArgument\b/);
  });
});

const key = random.key(0);
const samplers: Calls<typeof random> = {
  categorical: [key, np.ones([3])],
  choice: [key, 5, [2]],
  exponential: [key, [2]],
  gumbel: [key, [2]],
  laplace: [key, [2]],
  normal: [key, [2]],
  permutation: [key, 5],
  randint: [key, [2], 0, 5],
  truncatedNormal: [key, -1, 1, [2]],
  uniform: [key, [2]],
  ball: [key, 2, [2]],
  beta: [key, 1, 2, [2]],
  binomial: [key, 5, 0.5, [2]],
  cauchy: [key, [2]],
  chisquare: [key, 3, [2]],
  dirichlet: [key, np.ones([3]), [2]],
  doubleSidedMaxwell: [key, 0, 1, [2]],
  f: [key, 3, 4, [2]],
  gamma: [key, 2, [2]],
  generalizedNormal: [key, 2, [2]],
  geometric: [key, 0.5, [2]],
  loggamma: [key, 2, [2]],
  logistic: [key, [2]],
  lognormal: [key, 1, [2]],
  maxwell: [key, [2]],
  multinomial: [key, 5, np.full([2], 0.5)],
  multivariateNormal: [key, np.zeros([2]), np.eye(2), [2]],
  orthogonal: [key, 2, []],
  pareto: [key, 2, [2]],
  poisson: [key, 2, [2]],
  rademacher: [key, [2]],
  rayleigh: [key, 2, [2]],
  t: [key, 3, [2]],
  triangular: [key, 0, 1, 2, [2]],
  wald: [key, 1, [2]],
  weibullMin: [key, 1, 2, [2]],
};
lookAtOptions("random", random, samplers);

test("a declaration that differs from the type of the options does not compile", () => {
  type Options = { readonly mode?: "wrap" | "clip"; readonly size: number };
  const mode = oneOf("wrap", "clip");
  // @ts-expect-error an option is missing
  declareOptions<Options>("f", [], { mode });
  // @ts-expect-error a word is missing
  declareOptions<{ readonly mode?: "wrap" | "clip" }>("f", [], { mode: oneOf("wrap") });
  // @ts-expect-error a word too many
  declareOptions<{ readonly mode?: "wrap" }>("f", [], { mode });
  // @ts-expect-error it cannot be left out, and is not said to be required
  declareOptions<{ readonly mode: "wrap" | "clip" }>("f", [], { mode });
  // @ts-expect-error an option that the type does not have
  declareOptions<{ readonly mode?: "wrap" | "clip" }>("f", [], { mode, other: mode });
});

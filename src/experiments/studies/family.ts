/**
 * Every system with every adjoint: what the nested-optimization paper (Chang et al., 2022, first of the two) proposes for
 * the family as a whole, and shows for none of its members but slot attention.
 */
import { max, mean, median } from "simple-statistics";
import { lastPart, type Measure, type Study, type StudyKind } from "./study.ts";
import { smallSlate } from "./slate/shared.ts";

/** A system of the family, with what is particular to its runs. */
interface Member {
  readonly name: string;
  readonly preset: string;
  /** The key of its main score, and the word for it. */
  readonly score: readonly [key: string, name: string];
  /** Applications of the step. */
  readonly steps: number;
  /** True where an adjoint at the solution applies the step once more than there are iterations. */
  readonly finalStep: boolean;
  /** The adjoints of `ways` that have a meaning for it. */
  readonly ways: readonly (keyof typeof ways)[];
  readonly set?: readonly string[];
}

/** The changes of a config for each adjoint. */
const ways = {
  unrolled: ["model.adjoint=unrolled"],
  "truncated 1": ["model.adjoint=truncated", "model.adjointTerms=1"],
  oneStep: ["model.adjoint=oneStep"],
  "neumann 3": ["model.adjoint=neumann", "model.adjointTerms=3"],
  implicit: ["model.adjoint=implicit"],
} as const;

const all = Object.keys(ways) as (keyof typeof ways)[]; // its own keys

const members: readonly Member[] = [
  {
    name: "slot attention",
    preset: "discovery-small",
    score: ["fgAri", "FG-ARI"],
    steps: 4,
    finalStep: true,
    ways: all,
  },
  {
    name: "SLATE",
    preset: "slate-quick",
    score: ["fgAri", "FG-ARI"],
    steps: 4,
    finalStep: true,
    ways: all,
    set: smallSlate,
  },
  {
    name: "RNN-EM",
    preset: "nem-quick",
    score: ["ami", "AMI"],
    steps: 9,
    finalStep: true,
    ways: all,
  },
  {
    name: "SAVi",
    preset: "savi-quick",
    score: ["fgAri", "FG-ARI"],
    steps: 2,
    finalStep: true,
    ways: ["unrolled", "oneStep", "neumann 3"],
  },
  {
    name: "EM, Gaussians",
    preset: "mixture-quick",
    score: ["likelihood", "log-likelihood"],
    steps: 40,
    finalStep: false,
    ways: all,
  },
  {
    name: "EM, Bernoulli",
    preset: "bernoulli-mixture-quick",
    score: ["likelihood", "log-likelihood"],
    steps: 40,
    finalStep: false,
    ways: all,
  },
  {
    name: "soft k-means",
    preset: "soft-k-means-quick",
    score: ["likelihood", "log-likelihood"],
    steps: 40,
    finalStep: false,
    ways: all,
  },
  {
    name: "variational inference",
    preset: "svi-quick",
    score: ["elbo", "ELBO"],
    steps: 20,
    finalStep: false,
    ways: all,
    set: ["model.redraw=false"],
  },
  {
    name: "iterative amortized inference",
    preset: "marino-quick",
    score: ["elbo", "ELBO"],
    steps: 5,
    finalStep: false,
    // Every iterate has a loss: an adjoint at the solution has no meaning.
    ways: ["unrolled", "truncated 1"],
  },
];

const kinds = members.flatMap(({ name, preset, score, steps, finalStep, ways: own, set = [] }) =>
  own.map((way): StudyKind => {
    const once = finalStep && way !== "unrolled" && way !== "truncated 1";
    return {
      name: `${name}-${way}`.replace(/[^\w.-]+/g, "-"),
      line: way,
      place: name,
      preset,
      facts: { system: name, score: score[1] },
      set: [...set, ...ways[way], `model.iterations=${once ? steps - 1 : steps}`],
    };
  })
);

const scoreOf = new Map(members.map(({ name, score: [key] }) => [name, key]));

/** A number of the last validation. */
const validated = (key: string, name: string, better: Measure["better"]): Measure => ({
  key,
  name,
  better,
  of: (rows) => lastPart(rows, `validation/${key}`, 0)[0] ?? NaN,
});

/** `study family`. */
export const family: Study = {
  name: "family",
  title: "Every system, every adjoint",
  description:
    "Each system with each adjoint that has a meaning for it; all kinds of a system apply their step equally often. The score is the " +
    "system's own, on validation data at the end. Cosine and ratio compare the gradient of the trained model with the one through " +
    "all iterations; the least cosine is that of a part of the model (its encoder, its decoder). Memory is that of the values " +
    "inside the gradient's program, for the samples of a picture; a step is the median time of an update.",
  preset: "discovery-small",
  steps: 300,
  seeds: 3,
  set: ["log.compareGradients=true"],
  kinds,
  measures: [
    {
      key: "score",
      name: "score",
      better: "higher",
      of: (rows, { place }) => lastPart(rows, `validation/${scoreOf.get(place)}`, 0)[0] ?? NaN,
    },
    { key: "loss", name: "loss", better: "lower", of: (rows) => mean(lastPart(rows, "loss", 0.1)) },
    validated("gradientCosine", "cosine", "higher"),
    validated("gradientCosineLeast", "least cosine", "higher"),
    validated("gradientRatio", "ratio", "higher"),
    {
      key: "residual",
      name: "residual",
      better: "lower",
      of: (rows) => {
        const residuals = lastPart(rows, "residual", 0.1);
        return residuals.length === 0 ? NaN : mean(residuals);
      },
    },
    {
      key: "peak",
      name: "gradient norm (greatest)",
      better: "lower",
      of: (rows) => max(lastPart(rows, "gradientNorm", 0.8)),
    },
    validated("gradientMiB", "MiB", "lower"),
    {
      key: "pace",
      name: "samples/s",
      better: "higher",
      of: (rows) => {
        const paces = lastPart(rows, "samplesPerSecond", 1);
        return paces.length === 0 ? NaN : median(paces);
      },
    },
  ],
  claims: [
    {
      text: "The adjoint of one step reaches a lower loss than that of all iterations.",
      measure: "loss",
      first: "oneStep",
      second: "unrolled",
    },
    {
      text: "It also reaches a better score.",
      measure: "score",
      first: "oneStep",
      second: "unrolled",
    },
    {
      text: "It needs less memory.",
      measure: "gradientMiB",
      first: "oneStep",
      second: "unrolled",
    },
    {
      text: "The exact adjoint of the fixed point reaches a lower loss than that of one step.",
      measure: "loss",
      first: "implicit",
      second: "oneStep",
    },
  ],
  curves: [
    { key: "loss", title: "Training loss" },
    { key: "validation/gradientCosine", title: "Cosine with the unrolled gradient" },
  ],
};

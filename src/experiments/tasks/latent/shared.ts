/** Shared by tasks with latent variables: config fields, outputs, scores and pictures. */
import { Schema } from "effect";
import { np, random, type Tensor } from "../../../index.ts";
import type { GenerativeParams, LatentModel } from "../../../models/index.ts";
import { blank, type Picture } from "../../display/canvas.ts";
import type { Panel } from "../../display/panel.ts";
import { Count, defaultsTo, Positive } from "../../schema.ts";
import { averaged } from "../scores.ts";
import type { HostArray, Seen } from "../task.ts";
import { type Example, type LatentData, linearGaussian } from "./data.ts";

/** Fields for the `model` of a task. */
export const latentFields = {
  activation: Schema.Literals(["elu", "relu", "tanh"]).pipe(defaultsTo("tanh")),
  likelihood: Schema.Literals(["bernoulli", "gaussian"]).pipe(defaultsTo("bernoulli")),
  /** The variance of a Gaussian likelihood. */
  variance: Positive.pipe(defaultsTo(1)),
  /** Draws of the latent variables, or `exact` for a linear decoder with a Gaussian likelihood. */
  samples: Schema.Union([Count, Schema.Literal("exact")]).pipe(defaultsTo(1)),
  /** Draws of the importance-weighted bound, which is a score. */
  importance: Count.pipe(defaultsTo(50)),
} as const;

/** Data as the model sees it: pixels of images are drawn anew each time, 1 with their own probability. */
export const seenAs = (x: Tensor, likelihood: "bernoulli" | "gaussian", key: Tensor): Tensor =>
  likelihood === "bernoulli" ? random.bernoulli(key, x).astype("float32") : x;

/** The outputs that are scored and drawn. */
export type LatentOutputs = "seen" | "elbo" | "importance" | "reconstruction" | "sample";

/** The outputs of a model for data at a posterior. */
export function latentOutputs<P, Q>(
  model: LatentModel<P, Q, unknown>,
  params: P,
  q: Q,
  x: Tensor,
  key: Tensor,
  importance: number,
): { readonly [name in LatentOutputs]: Tensor } {
  const [a, b, c] = random.split(key, 3);
  return {
    seen: x,
    elbo: model.bound(params, q, x, a),
    importance: model.importance(params, q, x, b, importance),
    reconstruction: model.reconstruct(params, q),
    sample: model.generate(params, c, x.shape[0]!),
  };
}

/** The scores of tasks with latent variables. */
export const latentScores = [
  { key: "elbo", name: "ELBO", digits: 3 },
  { key: "importance", name: "log-likelihood (importance)", digits: 3 },
  { key: "gap", name: "ln p − ELBO", digits: 4, better: "lower" },
] as const;

/** A scorer; ln p − ELBO is known for data of the linear model, if the decoder is the model's own. */
export const latentScorer = ({ source }: LatentData) => () =>
  averaged(({ output: { elbo, importance, seen } }: Seen<Example, LatentOutputs>) => ({
    elbo: elbo.data[0]!,
    importance: importance.data[0]!,
    ...source === "linearGaussian" && { gap: evidence(seen) - elbo.data[0]! },
  }));

/** ln p(x) of the linear model: N(x; b, W Wᵀ + σ² I), in three dimensions. */
function evidence({ data }: HostArray): number {
  const { weight, bias, variance } = linearGaussian;
  const [a, b, c, d, e, f] = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]].map(([i, j]) =>
    weight[i!]![0]! * weight[j!]![0]! + weight[i!]![1]! * weight[j!]![1]! + (i === j ? variance : 0)
  ) as [number, number, number, number, number, number];
  // The adjugate of the covariance [[a, b, c], [b, d, e], [c, e, f]], and its determinant.
  const adjugate = [
    [d * f - e * e, c * e - b * f, b * e - c * d],
    [c * e - b * f, a * f - c * c, b * c - a * e],
    [b * e - c * d, b * c - a * e, a * d - b * b],
  ];
  const determinant = a * adjugate[0]![0]! + b * adjugate[0]![1]! + c * adjugate[0]![2]!;
  const error = bias.map((mean, i) => data[i]! - mean);
  const square = adjugate.reduce(
    (sum, row, i) => sum + row.reduce((all, x, j) => all + x * error[i]! * error[j]!, 0),
    0,
  ) / determinant;
  return -0.5 * (square + Math.log(determinant) + 3 * Math.log(2 * Math.PI));
}

/** Parameters of the linear model in place of those of the start. */
export function knownDecoder(params: GenerativeParams): GenerativeParams {
  const { weight, bias } = linearGaussian;
  const mean = { weight: np.array(weight), bias: np.array(bias) };
  return { ...params, observation: { ...params.observation, mean } };
}

/** An image of one channel, or a row of numbers from −3 (black) to 3. */
export function drawnVector({ data }: HostArray): Picture {
  const side = Math.sqrt(data.length);
  const image = Number.isInteger(side);
  const picture = image ? blank(side, side) : blank(data.length, 1);
  for (let p = 0; p < data.length; p++) {
    picture.data.fill(image ? data[p]! : data[p]! / 6 + 0.5, 3 * p, 3 * p + 3);
  }
  return picture;
}

/** Data, reconstructions, and draws of the prior. */
export const latentPanel = (seen: readonly Seen<Example, LatentOutputs>[]): Panel => ({
  heads: ["seen", "reconstruction", "draw of the prior"],
  rows: seen.map(({ output: { seen, reconstruction, sample } }) =>
    [seen, reconstruction, sample].map(drawnVector)
  ),
  headColumns: 1,
});

/** Its title and caption. */
export const latentPictures = {
  reconstructions: {
    title: "Reconstructions and draws",
    caption:
      "Data that was not trained on, as the model saw it; its mean at the mean of the posterior; and the mean of a draw from the prior.",
  },
} as const;

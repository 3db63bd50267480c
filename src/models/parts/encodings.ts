/** The inputs of an inference network: the encodings of a posterior estimate, as in iterative amortized inference. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { stopGradient } from "../../transforms/index.ts";
import type { Gaussian } from "./gaussians.ts";

/**
 * Inputs of the inference network of a level. "Below" is the data for the bottom level, and a draw of the level below for
 * the others; g is the gradient of the loss in μ and s, a constant.
 *
 * - `"data"`: what is below, the data less 0.5;
 * - `"mean"`, `"logVariance"`: μ and s;
 * - `"gradient"`: g; `"logGradient"`: ln(|g| + 10⁻⁵); `"signGradient"`: its sign;
 * - `"standardGradient"`: g less its mean over the batch, divided by its standard deviation + 10⁻⁵;
 * - `"bottomError"`: what is below less its mean according to this level; `"bottomNormError"`: divided by its variance;
 * - `"topError"`: a draw less the prior's mean; `"topNormError"`: divided by the prior's variance.
 */
export type Encoding =
  | "data"
  | "mean"
  | "logVariance"
  | "gradient"
  | "logGradient"
  | "signGradient"
  | "standardGradient"
  | "bottomError"
  | "bottomNormError"
  | "topError"
  | "topNormError";

/** All of them. */
export const encodings = [
  "data",
  "mean",
  "logVariance",
  "gradient",
  "logGradient",
  "signGradient",
  "standardGradient",
  "bottomError",
  "bottomNormError",
  "topError",
  "topNormError",
] as const satisfies readonly Encoding[];

/** The parts of which the encodings of a level are made: [batch, size] each, draws [samples, batch, size]. */
export interface Sight {
  /** λ of the level, and the gradient of the loss in it. */
  readonly q: Gaussian;
  readonly slope: Gaussian;
  /** The data, or a draw, below; and its difference from what this level says of it, as the mean over draws. */
  readonly data: Tensor;
  readonly bottomError: Tensor;
  readonly bottomVariance: Tensor | number;
  readonly draws: Tensor;
  readonly prior: Gaussian;
}

/** The size of the encodings of a level. */
export function encodingSize(
  inputs: readonly Encoding[],
  latent: number,
  below: number,
): number {
  return inputs.reduce(
    (sum, name) =>
      sum +
      (name === "data" || name.startsWith("bottom")
        ? below
        : /radient/.test(name)
        ? 2 * latent
        : latent),
    0,
  );
}

/** The encodings of a level, one after another: [batch, size]. */
export function encode(inputs: readonly Encoding[], sight: Sight): Tensor {
  return np.concatenate(inputs.map((name) => np.concatenate(ways[name](sight), { axis: -1 })), {
    axis: -1,
  });
}

/** Keeps logarithms and quotients of gradients finite. */
const small = 1e-5;
/** Added to variances by which errors are divided. */
const tiny = 1e-7;

const ofGradient = (f: (g: Tensor) => Tensor) => ({ slope }: Sight) => [
  f(slope.mean),
  f(slope.logVariance),
];

const ways: { readonly [name in Encoding]: (sight: Sight) => readonly Tensor[] } = {
  data: ({ data }) => [data],
  mean: ({ q }) => [q.mean],
  logVariance: ({ q }) => [q.logVariance],
  gradient: ofGradient((g) => g),
  logGradient: ofGradient((g) => np.log(np.abs(g).add(small))),
  signGradient: ofGradient((g) => np.sign(g)),
  standardGradient: ofGradient((g) => {
    const deviation = np.std(g, { axis: 0, keepdims: true, ddof: 1 });
    return g.sub(np.mean(g, { axis: 0, keepdims: true })).div(deviation.add(small));
  }),
  bottomError: ({ bottomError }) => [bottomError],
  bottomNormError: ({ bottomError, bottomVariance }) => [
    bottomError.div(np.add(bottomVariance, tiny)),
  ],
  topError: ({ draws, prior }) => [np.mean(errorOf(draws, prior), { axis: 0 })],
  topNormError: ({ draws, prior }) => [
    np.mean(
      errorOf(draws, prior).div(np.exp(stopGradient(prior.logVariance)).add(tiny)),
      { axis: 0 },
    ),
  ],
};

/** A draw less the mean of its prior, which is a constant; the draw is not. */
export const errorOf = (draws: Tensor, { mean }: Gaussian): Tensor => draws.sub(stopGradient(mean));

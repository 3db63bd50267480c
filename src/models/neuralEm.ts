/**
 * Neural expectation maximization (Greff, van Steenkiste & Schmidhuber, 2017): K components explain a binary image, each a
 * picture ψ_k of probabilities that a network draws from its parameters. Assignments γ of pixels to components are
 * recomputed in every step (E), and the parameters move along the gradient of the expected log-likelihood, or as a
 * recurrent network says that sees the same errors (M).
 *
 * Three levels: weights across images, parameters of components for each image, assignments for each pixel.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import { requireParams } from "../nn/checks.ts";
import { infer, type Inferred, type Level } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  callable,
  count,
  declareOptions,
  fraction,
  nonNegative,
  oneOf,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { sharedOptions } from "../implicit/options.ts";
import { type Adjoint, unrolled } from "../implicit/index.ts";
import { stopGradient } from "../transforms/index.ts";
import {
  assignmentOf,
  energyOf,
  flipped,
  mixtureLikelihood,
  randomAssignment,
} from "./parts/bernoulliPixels.ts";

/** Options of {@link neuralEm}; the defaults are those of the paper's static shapes. */
export interface NeuralEmOptions {
  /** The number of pixels of an image. */
  readonly pixels: number;
  /** The number K of components. */
  readonly slots: number;
  /** The numbers that a component has as parameters; 250. */
  readonly hidden?: number;
  /** The number of steps; 15. */
  readonly steps?: number;
  /**
   * The update of the parameters: `"rnn"` (the default), a recurrent network, RNN-EM; `"gradient"`, a step along the
   * gradient of the expected log-likelihood, N-EM.
   */
  readonly cell?: "rnn" | "gradient";
  /** The adjoint, which differentiates the iteration; `unrolled()`. */
  readonly adjoint?: Adjoint;
  /** True (the default): gradients pass through the assignments, as the paper has it for single images. */
  readonly assignmentGradient?: boolean;
  /** The steps whose loss counts: the `"last"` one (the default), or the sum over `"all"`. */
  readonly lossOn?: "last" | "all";
  /** The weight of the prior, which keeps components black where they explain nothing; 1. */
  readonly priorWeight?: number;
  /** The probability that noise flips a pixel of the input while the weights are trained; 0.1. */
  readonly noise?: number;
  /** New noise in every step, or one draw for each image. Fresh unless the adjoint is that of a fixed point. */
  readonly redraw?: boolean;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: NeuralEmLevel) => NeuralEmLevel;
}

const checkOptions = declareOptions<NeuralEmOptions>("neuralEm", [], {
  pixels: required(size),
  slots: required(size),
  hidden: size,
  steps: count,
  cell: oneOf("rnn", "gradient"),
  adjoint: sharedOptions.adjoint,
  assignmentGradient: boolean,
  lossOn: oneOf("last", "all"),
  priorWeight: nonNegative,
  noise: fraction,
  redraw: boolean,
  level: callable<NonNullable<NeuralEmOptions["level"]>>("(level) => ({ ...level, init })"),
});

/** Parameters of {@link neuralEm}, of one cell or the other. */
export type NeuralEmParams =
  | { readonly recurrent: nn.LinearParams; readonly draw: nn.LinearParams }
  | { readonly weight: Tensor; readonly rate: Tensor };

/** λ: what is known of an image's components. */
export type Components = {
  /** θ, the parameters of each: [batch, slots, hidden]. */
  readonly theta: Tensor;
  /** ψ, the probability that a pixel is on: [batch, slots, pixels]. */
  readonly picture: Tensor;
  /** γ, to which component each pixel belongs: [batch, slots, pixels], which sums to 1 over slots. */
  readonly assignment: Tensor;
};

/** Binary images, and the probability with which noise flips a pixel before a step sees it. */
export type NoisyImages = {
  /** [batch, pixels], of zeros and ones. */
  readonly image: Tensor;
  /** A number. */
  readonly noise: Tensor;
};

/** The inner optimization of {@link neuralEm}. */
export type NeuralEmLevel = Level<NeuralEmParams, NoisyImages, Components>;

/** The model that {@link neuralEm} makes. */
export interface NeuralEm {
  /** Parameters from a random key. */
  init(key: Tensor): NeuralEmParams;
  /** The components of images [batch, pixels], seen without noise. The key draws the first assignments. */
  apply(params: NeuralEmParams, image: Tensor, key: Tensor): Inferred<Components, null>;
  /** The loss of a batch, as a mean over images, and the components. */
  loss(
    params: NeuralEmParams,
    image: Tensor,
    key: Tensor,
  ): [loss: Tensor, output: Inferred<Components, null, "last" | "all">];
  /** The loss of each image under the components, [batch]. */
  energy(components: Components, image: Tensor): Tensor;
  /** The inner optimization. */
  readonly level: NeuralEmLevel;
}

/**
 * N-EM and RNN-EM. One step, with images x and x̃ with and without noise:
 *
 *     δ_k = γ_k (x̃ − ψ_k)
 *     θ_k ← σ(W [δ_k, θ_k] + b),  ψ_k = σ(V θ_k + c)              "rnn"
 *     θ_k ← θ_k + η σ(θ_k)(1 − σ(θ_k)) ⊙ W δ_k,  ψ_k = σ(Wᵀ σ(θ_k))    "gradient": η ∂/∂θ_k Σ γ log p(x̃; ψ)
 *     γ_k = p(x; ψ_k) / Σ_j p(x; ψ_j),  p(x; ψ) = xψ + (1 − x)(1 − ψ) + 10⁻⁶
 *
 * The loss of an iterate is Σ γ BCE(ψ, x) + w Σ (1 − γ)(−log(1 − ψ)): components pay for what they explain, and for
 * whatever they draw elsewhere. All components begin alike (θ = 0, ψ = 0); random assignments break the symmetry.
 *
 * ```ts
 * import { neuralEm } from "trilevel/models";
 * import { np, oneStep, random } from "trilevel";
 * const model = neuralEm({ pixels: 16, slots: 3, hidden: 8, steps: 4, adjoint: oneStep() });
 * const params = model.init(random.key(0));
 * const { value } = model.apply(params, np.ones([2, 16]), random.key(1));
 * console.assert(value.assignment.shape.join() === "2,3,16");
 * ```
 *
 * @throws ShapeError for images of another size; ArgumentError for `lossOn: "all"` with an adjoint of the fixed point.
 */
export function neuralEm(options: NeuralEmOptions): NeuralEm {
  checkOptions(options);
  const {
    pixels,
    slots,
    hidden = 250,
    steps = 15,
    adjoint = unrolled(),
    assignmentGradient = true,
    lossOn = "last",
    priorWeight = 1,
    noise = 0.1,
  } = options;
  const cell = options.cell === "gradient" ? gradientCell(pixels, hidden) : rnnCell(pixels, hidden);
  const given = (assignment: Tensor) => assignmentGradient ? assignment : stopGradient(assignment);

  const own: NeuralEmLevel = {
    init(_, { image }, key) {
      const shape = [image.shape[0]!, slots, pixels];
      return {
        theta: np.zeros([image.shape[0]!, slots, hidden]),
        picture: np.zeros(shape),
        assignment: randomAssignment(key, shape),
      };
    },
    step(params, { theta, picture, assignment }, { image, noise }, { key }) {
      const seen = flipped(key, image, noise);
      const error = given(assignment).mul(np.expandDims(seen, 1).sub(picture));
      const [next, drawn] = cell.apply(params, theta, error);
      return { theta: next, picture: drawn, assignment: assignmentOf(drawn, image) };
    },
    objective: (_, { picture }, { image }) => mixtureLikelihood(picture, image),
  };
  const level = options.level?.(own) ?? own;

  // Adjoints at the solution differentiate one step from it.
  const finalStep = adjoint.kind === "atSolution";
  const shared = { steps, adjoint, finalStep, batchAxis: 0 } as const;
  const drawn = options.redraw === undefined
    ? {}
    : { noise: options.redraw ? "fresh" : "fixed" } as const;
  if (lossOn === "all" && finalStep) {
    throw new ArgumentError(
      'neuralEm: lossOn "all" needs the derivative of every iterate, and the adjoint gives that of the last',
      'take lossOn: "last", or adjoint: unrolled() or truncated({ steps })',
    );
  }
  const last = infer(level, { ...shared, ...drawn });
  const all = lossOn === "all" ? infer(level, { ...shared, ...drawn, collect: "all" }) : undefined;

  const noisy = (image: Tensor, noise: number): NoisyImages => {
    requireShape("neuralEm: the images are", image, ["batch", pixels], "flatten each to one axis");
    return { image, noise: np.array(noise) };
  };
  const model: NeuralEm = {
    init: (key) => cell.init(key),
    apply(params, image, key) {
      requireParams("neuralEm", params, cell.fields);
      return last(params, noisy(image, 0), key);
    },
    energy: ({ picture, assignment }, image) =>
      np.sum(energyOf(picture, given(assignment), np.expandDims(image, -2), priorWeight), {
        axis: [-2, -1],
      }),
    loss(params, image, key) {
      requireParams("neuralEm", params, cell.fields);
      const input = noisy(image, noise);
      const output = all ? all(params, input, key) : last(params, input, key);
      const components = output.each ?? output.value;
      const energies = model.energy(components, image);
      const total = all ? np.sum(energies, { axis: 0 }) : energies;
      return [np.mean(total), output];
    },
    level,
  };
  return model;
}

/** The update of the parameters, and the images that they are decoded to. */
interface Cell {
  readonly fields: readonly string[];
  init(key: Tensor): NeuralEmParams;
  apply(params: NeuralEmParams, theta: Tensor, error: Tensor): [theta: Tensor, picture: Tensor];
}

function rnnCell(pixels: number, hidden: number): Cell {
  const glorot = { weightInit: nn.initializers.glorotUniform, biasInit: nn.initializers.zeros };
  const recurrent = nn.linear({ ...glorot, in: pixels + hidden, out: hidden });
  const draw = nn.linear({ ...glorot, in: hidden, out: pixels });
  return {
    fields: ["recurrent", "draw"],
    init(key) {
      const [a, b] = random.split(key);
      return { recurrent: recurrent.init(a), draw: draw.init(b) };
    },
    apply(params, theta, error) {
      const p = params as Extract<NeuralEmParams, { recurrent: unknown }>; // checked by name before
      const next = np.sigmoid(
        recurrent.apply(p.recurrent, np.concatenate([error, theta], { axis: -1 })),
      );
      return [next, np.sigmoid(draw.apply(p.draw, next))];
    },
  };
}

function gradientCell(pixels: number, hidden: number): Cell {
  return {
    fields: ["weight", "rate"],
    init(key) {
      const [a, b] = random.split(key);
      const limit = Math.sqrt(3); // Glorot's for one number
      return {
        weight: nn.initializers.glorotUniform(a, [pixels, hidden]),
        rate: random.uniform(b, [], { minval: -limit, maxval: limit }),
      };
    },
    apply(params, theta, error) {
      const p = params as Extract<NeuralEmParams, { rate: unknown }>; // checked by name before
      const active = np.sigmoid(theta);
      const slope = active.mul(np.subtract(1, active));
      const next = theta.add(slope.mul(np.matmul(error, p.weight)).mul(p.rate));
      return [next, np.sigmoid(np.matmul(np.sigmoid(next), p.weight.T))];
    },
  };
}

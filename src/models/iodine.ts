/**
 * IODINE (Greff et al., 2019): slots are Gaussian posteriors, refined by a network that sees what the model says of the
 * image with them, and the gradients of the evidence lower bound. Noise alone tells slots apart.
 *
 * Three levels: weights across images, posteriors of slots for each image, shares of slots for each pixel.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import { infer, type Inferred, type Level } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  count,
  declareOptions,
  nested,
  oneOf,
  pairOf,
  positive,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { sharedOptions } from "../implicit/options.ts";
import { type Adjoint, unrolled } from "../implicit/index.ts";
import { grad, stopGradient, vjp, vmap } from "../transforms/index.ts";
import type { Decoded } from "./decoder.ts";
import { drawNormal, normalDivergence, softplusNormal } from "./parts/gaussians.ts";
import { type Drawn, mixed, slotDrawing, type SlotDrawingOptions } from "./parts/slotDrawing.ts";
import {
  likelihoodShares,
  logLogistic,
  logMixture,
  logMixtureWithout,
} from "./parts/slotMixture.ts";
import {
  slotRefiner,
  type SlotRefinerOptions,
  type SlotRefinerParams,
} from "./parts/slotRefiner.ts";
import { requireImageBatch, slotCure, whole } from "./parts/whole.ts";

/** Options of {@link iodine}; the defaults are those of the original for CLEVR6. */
export interface IodineOptions {
  /** Height and width of the image. */
  readonly resolution: readonly [height: number, width: number];
  /** The number of slots, two or more. */
  readonly slots: number;
  /** The number of latent variables of a slot; 64. */
  readonly latentSize?: number;
  /** The number T of refinements; 5. */
  readonly iterations?: number;
  /** The scale of a pixel's logistic distribution; 0.03. */
  readonly scale?: number;
  /** Channels of the image; 3. */
  readonly imageChannels?: number;
  /** The decoder: four convolutions of 64 channels at full resolution, ELU between, and one that draws. */
  readonly decoder?: SlotDrawingOptions;
  /** The refinement network before its memory: four convolutions of stride 2 and 64 channels, and two layers of 256. */
  readonly encoder?: SlotRefinerOptions;
  /** The size of the memory, an LSTM, 256; 0: none. */
  readonly memorySize?: number;
  /** The places that the refinement network sees: `"linear"`, two channels (the default), or `"cosine"`, eight. */
  readonly coordinates?: "linear" | "cosine";
  /**
   * The gradient that it sees is that of the `"mean"` loss of the batch, as in the original (the default), and depends a little on
   * the size of the batch; or of the `"sum"`, and does not.
   */
  readonly gradientOf?: "mean" | "sum";
  /**
   * The adjoint of the iteration; `unrolled()`. With `truncated({ steps })` each iterate trains as many refinements; an
   * adjoint of the fixed point differentiates the last iterate, and the loss is that of the last iterate alone.
   */
  readonly adjoint?: Adjoint;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: IodineLevel) => IodineLevel;
}

const checkOptions = declareOptions<IodineOptions>("iodine", [], {
  resolution: required(pairOf(size)),
  slots: required(size),
  latentSize: size,
  iterations: size,
  scale: positive,
  imageChannels: size,
  decoder: nested("{ channels: 64 }"),
  encoder: nested("{ channels: 64 }"),
  memorySize: count,
  coordinates: oneOf("linear", "cosine"),
  gradientOf: oneOf("mean", "sum"),
  adjoint: sharedOptions.adjoint,
  level: callable<NonNullable<IodineOptions["level"]>>("(level) => ({ ...level, init })"),
});

/** Parameters of {@link iodine}. */
export type IodineParams = {
  /** λ₀ of every slot, [2 latentSize]. */
  readonly posterior: Tensor;
  readonly decoder: readonly nn.LinearParams[];
  /** Of the inputs that are normalized. */
  readonly norms: {
    readonly components: nn.NormParams;
    readonly counterfactual: nn.NormParams;
    readonly latent: nn.NormParams;
    readonly likelihood: nn.NormParams;
    readonly mask: nn.NormParams;
  };
  readonly refiner: SlotRefinerParams;
};

/** An iterate: the posteriors of slots, the noise of a draw, and the memory of the refinement. */
export type Refined = {
  /** λ = (μ, s): [batch, slots, 2 latentSize]; the variance is softplus(s). */
  readonly lambda: Tensor;
  /** ε of the draw μ + √softplus(s) ε: [batch, slots, latentSize]. */
  readonly noise: Tensor;
  /** [batch, slots, memorySize] each; null without a memory. */
  readonly memory: nn.LstmState | null;
};

/** The inner optimization of {@link iodine}. A step's output is the bound at the iterate from which it began, [batch]. */
export type IodineLevel = Level<IodineParams, Tensor, Refined, Tensor>;

/** Results of {@link iodine}: those of the iteration, and what the last draw's slots draw. */
export type IodineOutput = Decoded & Omit<Inferred<Refined, Tensor, "last" | "all">, "ys"> & {
  /** The evidence lower bound at the iterates of the loss, [iterates, batch]: λ₀ … λ_T, λ₁ … λ_T where the adjoint cuts, or λ_T. */
  readonly bounds: Tensor;
};

/** The model that {@link iodine} makes. */
export interface Iodine {
  /** Parameters from a random key. */
  init(key: Tensor): IodineParams;
  /** The slots of images [batch, height, width, imageChannels] in [0, 1], and all that they draw. */
  apply(params: IodineParams, image: Tensor, key: Tensor): IodineOutput;
  /** −Σ_t (t / T) ELBO_t, as a mean over images. */
  loss(params: IodineParams, image: Tensor, key: Tensor): [loss: Tensor, output: IodineOutput];
  /** Pictures and masks of latents [batch, slots, latentSize]. */
  decode(params: IodineParams, latents: Tensor): Decoded;
  /** The inner optimization. */
  readonly level: IodineLevel;
}

const fields: readonly (keyof IodineParams)[] = ["posterior", "decoder", "norms", "refiner"];

/** The prior's variance: that of a posterior whose parameters are all 0. */
const prior = { mean: 0, variance: Math.LN2 };

/**
 * IODINE. With a draw z_k ~ N(μ_k, softplus(s_k)) of each slot's posterior λ_k = (μ_k, s_k), and the colours c_k and mask logits
 * l_k that the decoder draws of it:
 *
 *     ELBO = Σ_pixels ln Σ_k softmax(l)_k Logistic(x; c_k, scale) − Σ_k KL(q_k ‖ N(0, ln 2))
 *     λ ← λ + W LSTM([CNN(channels), LN(∇_λ), ½, λ])
 *     loss = −Σ_{t = 0 … T} (t / T) ELBO_t
 *
 * The prior's variance is what softplus makes of 0. The channels of a slot, each at all places, are in the order of the
 * original: ½; c; places; LN of what the pixel's log-likelihood loses without the slot; LN(∇_c); LN(∇_l); x; LN of the
 * log-likelihood; l; the slot's share of likelihoods; softmax(l). Gradients, log-likelihood and loss without the slot are
 * constants to the derivative, before they are normalized. One slot alone has no others to be compared with.
 *
 * ```ts
 * import { iodine } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = iodine({
 *   resolution: [8, 8],
 *   slots: 3,
 *   latentSize: 4,
 *   iterations: 2,
 *   decoder: { channels: 8, layers: 1 },
 *   encoder: { channels: 4, strides: [2], hidden: [8] },
 *   memorySize: 8,
 * });
 * const params = model.init(random.key(0));
 * const [loss, { masks, bounds }] = model.loss(params, np.ones([2, 8, 8, 3]), random.key(1));
 * console.assert(masks.shape.join() === "2,3,8,8" && bounds.shape.join() === "3,2", loss);
 * ```
 *
 * @throws ShapeError for images of another size, and an empty batch; ArgumentError for a single slot; TreeError for parameters that
 * `init` did not make.
 */
export function iodine(options: IodineOptions): Iodine {
  checkOptions(options);
  const {
    resolution,
    slots,
    latentSize = 64,
    iterations = 5,
    scale = 0.03,
    imageChannels = 3,
    memorySize = 256,
    coordinates = "linear",
    gradientOf = "mean",
    adjoint = unrolled(),
  } = options;
  if (slots < 2) {
    throw new ArgumentError(
      `iodine: ${slots} slot, and the network sees what is lost without it`,
      "give two slots or more",
    );
  }
  const drawing = slotDrawing(options.decoder, { resolution, latentSize, imageChannels });
  const refiner = slotRefiner(options.encoder, {
    resolution,
    spatial: 3 * imageChannels + 7 + placeChannels[coordinates],
    flat: 4 * latentSize + 1,
    memorySize,
    out: 2 * latentSize,
  });
  const norms = {
    components: nn.layerNorm({ size: [...resolution, imageChannels] }),
    counterfactual: nn.layerNorm({ size: [...resolution, 1] }),
    latent: nn.layerNorm({ size: 2 * latentSize }),
    likelihood: nn.layerNorm({ size: [...resolution, 1] }),
    mask: nn.layerNorm({ size: [...resolution, 1] }),
  };

  const draw = (p: IodineParams, lambda: Tensor, noise: Tensor) =>
    drawing.apply(p.decoder, drawNormal(softplusNormal(lambda), noise));
  /** ln p of each slot's colours: [batch, slots, height, width]. */
  const perSlot = (colors: Tensor, x: Tensor) =>
    np.sum(logLogistic(np.expandDims(x, 1), colors, scale), { axis: -1 });
  const divergence = (lambda: Tensor) =>
    np.sum(normalDivergence(softplusNormal(lambda), prior), { axis: 1 });
  const boundOf = ({ colors, logits }: Drawn, lambda: Tensor, x: Tensor) =>
    np.sum(logMixture(logits, perSlot(colors, x)), { axis: [1, 2] }).sub(divergence(lambda));
  const noiseOf = (x: Tensor, key: Tensor) => {
    const dtype = x.dtype === "float64" ? "float64" : "float32";
    return random.normal(key, [x.shape[0]!, slots, latentSize], { dtype });
  };

  /** The channels of each slot in the original's order: [batch, slots, height, width, channels]. */
  const channelsOf = (p: IodineParams, { colors, logits }: Drawn, slopes: Drawn, x: Tensor) => {
    const logP = perSlot(colors, x);
    const likelihood = logMixture(logits, logP);
    const lost = np.expandDims(likelihood, 1).sub(logMixtureWithout(logits, logP));
    const map = (x: Tensor) => np.expandDims(x, -1);
    const wide = (x: Tensor) => np.broadcastTo(x, [...logits.shape, x.shape.at(-1)!]);
    const normed = (name: keyof typeof norms, x: Tensor) =>
      norms[name].apply(p.norms[name], stopGradient(x));
    return np.concatenate([
      wide(np.full([1], 0.5, { dtype: x.dtype })),
      colors,
      wide(placesOf(coordinates, resolution, x.dtype)),
      normed("counterfactual", map(lost)),
      normed("components", slopes.colors),
      normed("mask", map(slopes.logits)),
      wide(np.expandDims(x, 1)),
      wide(np.expandDims(normed("likelihood", map(likelihood)), 1)),
      map(logits),
      map(likelihoodShares(logP)),
      map(np.softmax(logits, { axis: 1 })),
    ], { axis: -1 });
  };

  const own: IodineLevel = {
    init(p, x, key) {
      const shape = [x.shape[0]!, slots];
      const zeros = () => np.zeros([...shape, memorySize], { dtype: x.dtype });
      return {
        lambda: np.broadcastTo(p.posterior, [...shape, 2 * latentSize]),
        noise: noiseOf(x, key),
        memory: memorySize > 0 ? [zeros(), zeros()] : null,
      };
    },
    step(p, { lambda, noise, memory }, x, { key }) {
      // The gradients of the loss in what slots draw are seen themselves, and give that in λ.
      const weight = gradientOf === "mean" ? -1 / x.shape[0]! : -1;
      const [drawn, pull] = vjp((lambda: Tensor) => draw(p, lambda, noise), lambda);
      const slopes = grad((drawn: Drawn) => np.sum(boundOf(drawn, lambda, x)).mul(weight))(drawn);
      const ofPrior = grad((lambda: Tensor) => np.sum(divergence(lambda)).mul(-weight))(lambda);
      const slope = pull(slopes)[0].add(ofPrior);
      const flat = [
        norms.latent.apply(p.norms.latent, stopGradient(slope)),
        np.full([...lambda.shape.slice(0, 2), 1], 0.5, { dtype: x.dtype }),
        lambda,
      ];
      const refined = refiner.apply(p.refiner, {
        spatial: channelsOf(p, drawn, slopes, x),
        flat: np.concatenate(flat, { axis: -1 }),
        memory,
      });
      const next = {
        lambda: lambda.add(refined.change),
        noise: noiseOf(x, key),
        memory: refined.memory,
      };
      return [next, boundOf(drawn, lambda, x)];
    },
    objective: (p, { lambda, noise }, x) => boundOf(draw(p, lambda, noise), lambda, x),
  };
  const level = options.level?.(own) ?? own;
  const objective = level.objective ?? own.objective!;
  const place = { t: np.array(0, { dtype: "int32" }), key: random.key(0) };
  const last = adjoint.kind === "atSolution"
    ? infer(level, { steps: iterations, adjoint, batchAxis: 0, initGrad: "throughLastStep" })
    : undefined;
  const all = last
    ? undefined
    : infer(level, { steps: iterations, adjoint, collect: "all", batchAxis: 0 });

  const apply = (p: IodineParams, image: Tensor, key: Tensor): IodineOutput => {
    requireParams("iodine", p, fields);
    requireImageBatch("iodine", image, [...resolution, imageChannels]);
    const { ys, ...found } = all ? all(p, image, key) : last!(p, image, key);
    const objectiveAt = (z: Refined) => objective(p, z, image, place);
    const onTop = (bound: Tensor) => np.expandDims(bound, 0);
    const { value, each } = found;
    const bounds = each === null ? onTop(objectiveAt(value)) : adjoint.kind === "truncated"
      // Steps begin from constants, so that what they say of these teaches the steps before nothing.
      ? vmap(objectiveAt)(each)
      : np.concatenate([ys, onTop(objectiveAt(value))]);
    return { ...found, ...mixed(draw(p, value.lambda, value.noise)), bounds };
  };

  return whole("iodine", slotCure, {
    level,
    init(key) {
      const [a, b, c] = random.split(key, 3);
      // Glorot's for a vector, as TensorFlow has it.
      const glorot = nn.initializers.uniform(Math.sqrt(6 / (4 * latentSize)));
      return {
        posterior: glorot(a, [2 * latentSize]),
        decoder: drawing.init(b),
        norms: {
          components: norms.components.init(a),
          counterfactual: norms.counterfactual.init(a),
          latent: norms.latent.init(a),
          likelihood: norms.likelihood.init(a),
          mask: norms.mask.init(a),
        },
        refiner: refiner.init(c),
      };
    },
    apply,
    loss(p, image, key) {
      const output = apply(p, image, key);
      const means = np.mean(output.bounds, { axis: 1 });
      const count = means.shape[0]!;
      // λ₀ has weight 0 where it is among the iterates.
      const first = count > iterations ? 0 : 1;
      const weights = Array.from({ length: count }, (_, i) => (i + first) / (count - 1 + first));
      return [np.sum(means.mul(np.array(weights, { dtype: means.dtype }))).neg(), output];
    },
    decode: (p, latents) => mixed(drawing.apply(p.decoder, latents)),
  });
}

/** Channels of places. */
const placeChannels = { linear: 2, cosine: 8 } as const;

/** Places [height, width, channels]: x and y from −1 to 1, or cos iπx cos jπy for i, j < 3 without the constant. */
function placesOf(
  kind: keyof typeof placeChannels,
  [height, width]: readonly [number, number],
  dtype: Tensor["dtype"],
): Tensor {
  if (kind === "linear") {
    return np.flip(nn.softGrid(height, width, [-1, 1], 2), -1).astype(dtype);
  }
  const along = (n: number) => {
    const angles = np.linspace(0, 1, n, { dtype }).mul(Math.PI);
    return np.cos(np.expandDims(angles, 1).mul(np.array([0, 1, 2], { dtype })));
  };
  const both = np.expandDims(along(width), [0, 3]).mul(np.expandDims(along(height), [1, 2]));
  return np.slice(both.reshape([height, width, 9]), "...", [1, null]);
}

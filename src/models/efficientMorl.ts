/**
 * EfficientMORL (Emami et al., 2021): slot attention finds posteriors of slots in a hierarchy of draws, and a small network that
 * sees gradients of the evidence lower bound refines the last of them a few times.
 *
 * Three levels: weights across images, posteriors of slots for each image, shares of slots for each pixel. The first
 * posterior of the level is what the hierarchy ends in; its steps are the refinements.
 */
import { requireParams } from "../nn/checks.ts";
import type { Tensor } from "../public.ts";
import { infer } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
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
import { unrolled } from "../implicit/index.ts";
import { grad, stopGradient, vmap } from "../transforms/index.ts";
import { type Conventions, torch } from "./conventions.ts";
import type {
  EfficientMorl,
  EfficientMorlLevel,
  EfficientMorlOptions,
  EfficientMorlParams,
  MorlPosteriors,
  MorlTerms,
  WeighedImages,
} from "./efficientMorlInterface.ts";
import { cnnEncoder, encoderKinds } from "./encoder.ts";
import { drawNormal, normalDivergence } from "./parts/gaussians.ts";
import { geco } from "./parts/geco.ts";
import { gridDrawing } from "./parts/gridDrawing.ts";
import { mixed } from "./parts/slotDrawing.ts";
import { posteriorOf, slotHierarchy } from "./parts/slotHierarchy.ts";
import { gaussianError, mixtureError } from "./parts/slotMixture.ts";
import { requireImageBatch, slotCure, whole } from "./parts/whole.ts";

const checkOptions = declareOptions<EfficientMorlOptions>("efficientMorl", [], {
  resolution: required(pairOf(size)),
  slots: required(size),
  latentSize: size,
  levels: size,
  iterations: size,
  likelihood: oneOf("mixture", "gaussian"),
  deviation: positive,
  prior: oneOf("hierarchy", "standard"),
  imageChannels: size,
  encoder: nested("{ channels: 64 }"),
  decoder: nested("{ channels: 64 }"),
  start: oneOf("original", "standard"),
  gradientOf: oneOf("mean", "sum"),
  adjoint: sharedOptions.adjoint,
  geco: nested("{ target: -60000 }"),
  level: callable<NonNullable<EfficientMorlOptions["level"]>>("(level) => ({ ...level, init })"),
});
const checkEncoder = declareOptions<NonNullable<EfficientMorlOptions["encoder"]>>(
  "efficientMorl's encoder",
  [],
  encoderKinds,
);

const fields: readonly (keyof EfficientMorlParams)[] = [
  "encoder",
  "hierarchy",
  "decoder",
  "refiner",
];

const { normal, xavierNormal, zeros } = nn.initializers;
const original: Conventions = {
  init: { weightInit: xavierNormal(0.02), biasInit: zeros },
  cell: { weightInit: normal(1), biasInit: normal(1) },
  eps: torch.eps,
};
const standard = { mean: 0, variance: 1 };

/**
 * EfficientMORL. In the first stage, for l = 1 … L, with features of the image and gates of their own for μ and s:
 *
 *     u = slot attention of LN(zˡ⁻¹),   μˡ = GRU(u, μˡ⁻¹),  sˡ = GRU(u, sˡ⁻¹),  each + MLP(LN(·)),   zˡ ~ q(zˡ)
 *     KL₀ = KL(q(zᴸ) ‖ N(0, I)) + Σ_{l < L} KL(q(zˡ) ‖ p(zˡ | zˡ⁺¹)),   p = MLP(zˡ⁺¹)
 *
 * Then, from λ₀ = λᴸ, for i = 1 … I, with the gradient of the error's weighted sum with the divergence:
 *
 *     h = GRU(MLP([λ, LN(∇_μ), LN(∇_s)]), h),   λ ← λ + W h,   KL_i = KL(q ‖ p(z¹ | z²))
 *     loss = Σ_i (I + 3 − i) / (I + 1) (E_i + KL_i),   or with {@link geco} what it makes of both
 *
 * Earlier iterates weigh more. Gradients are constants to the derivative. Images are seen in [−1, 1], as the original has them.
 *
 * ```ts
 * import { efficientMorl } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = efficientMorl({
 *   resolution: [8, 8],
 *   slots: 3,
 *   latentSize: 4,
 *   iterations: 1,
 *   encoder: { channels: 4, strides: [2] },
 *   decoder: { channels: 4, kernels: [3, 3] },
 *   geco: { target: -300 },
 * });
 * const params = model.init(random.key(0));
 * const [loss, { masks, terms, geco }] = model.loss(params, np.ones([2, 8, 8, 3]), random.key(1));
 * console.assert(masks.shape.join() === "2,3,8,8" && terms.error.shape.join() === "2,2", loss);
 * console.assert(await geco!.step.item() === 1);
 * ```
 *
 * @throws ShapeError for images of another size, and an empty batch; TreeError for parameters that `init` did not make.
 */
export function efficientMorl(options: EfficientMorlOptions): EfficientMorl {
  checkOptions(options);
  checkEncoder(options.encoder);
  const {
    resolution,
    slots,
    latentSize = 64,
    levels = 3,
    iterations = 3,
    likelihood = "mixture",
    deviation = 0.1,
    prior = "hierarchy",
    imageChannels = 3,
    start = "original",
    gradientOf = "mean",
    adjoint = unrolled(),
  } = options;
  const conventions = start === "original" ? original : torch;
  const { init } = conventions;
  const featureSize = options.encoder?.channels ?? 64;
  const encoder = cnnEncoder({ channels: 64, ...options.encoder, imageChannels, conventions });
  const hierarchy = slotHierarchy({ levels, latentSize, featureSize, ...conventions });
  const drawing = gridDrawing(options.decoder, { resolution, latentSize, imageChannels, init });
  const mlp = nn.mlp({ ...init, sizes: [4 * latentSize, 128, latentSize], activation: nn.elu });
  const gru = nn.gruCell({ in: latentSize, hidden: latentSize });
  const head = nn.linear({ ...init, in: latentSize, out: latentSize });
  const constraint = options.geco === undefined ? null : geco(options.geco);
  const errorOf = likelihood === "mixture" ? mixtureError : gaussianError;

  const draw = (p: EfficientMorlParams, { lambda, noise }: MorlPosteriors) =>
    drawing.apply(p.decoder, drawNormal(posteriorOf(lambda), noise));
  const divergenceOf = (p: EfficientMorlParams, z: MorlPosteriors): Tensor => {
    const overSlots = (x: Tensor) => np.sum(x, { axis: 1 });
    const q = posteriorOf(z.lambda);
    const top = overSlots(normalDivergence(q, standard)).add(z.lower);
    const hierarchical = z.below === null ? top : top.add(overSlots(
      normalDivergence(
        posteriorOf(z.below.lambda),
        posteriorOf(hierarchy.prior(p.hierarchy, drawNormal(q, z.below.noise))),
      ),
    ));
    const own = z.prior === null ? standard : posteriorOf(z.prior);
    return np.where(z.refined.greater(0), overSlots(normalDivergence(q, own)), hierarchical);
  };
  const termsOf = (p: EfficientMorlParams, z: MorlPosteriors, { image }: WeighedImages) => ({
    error: errorOf(draw(p, z), image, deviation),
    divergence: divergenceOf(p, z),
  });
  const noiseOf = (key: Tensor, { dtype }: Tensor, shape: readonly number[]) =>
    random.normal(key, shape, { dtype: dtype === "float64" ? "float64" : "float32" });

  const own: EfficientMorlLevel = {
    init(p, { image, noise }) {
      const batch = image.shape[0]!;
      const features = encoder.apply(p.encoder, image.mul(2).sub(1));
      const found = hierarchy.find(p.hierarchy, features, noise);
      const below = found.below &&
        { lambda: found.below, noise: np.slice(noise, 2 * levels - 1) };
      return {
        ...found,
        below,
        prior: prior === "hierarchy" ? found.prior : null,
        noise: np.slice(noise, levels),
        memory: np.zeros([batch, slots, latentSize], { dtype: image.dtype }),
        refined: np.zeros([batch], { dtype: image.dtype }),
      };
    },
    step(p, z, x, { key }) {
      const part = gradientOf === "mean" ? 1 / x.image.shape[0]! : 1;
      const weighed = (lambda: Tensor) => {
        const terms = termsOf(p, { ...z, lambda }, x);
        const sum = np.sum(terms.divergence.add(terms.error.mul(x.weight)));
        return [sum.mul(part), terms] as [Tensor, MorlTerms];
      };
      const [slope, terms] = grad(weighed, { hasAux: true })(z.lambda);
      const halves = np.split(slope, 2, { axis: -1 }) as [Tensor, Tensor];
      const normed = halves.map((half) => stopGradient(nn.standardize(half)));
      const seen = mlp.apply(p.refiner.mlp, np.concatenate([z.lambda, ...normed], { axis: -1 }));
      const memory = gru.apply(p.refiner.gru, seen, z.memory);
      const change = [head.apply(p.refiner.mean, memory), head.apply(p.refiner.scale, memory)];
      const next = {
        ...z,
        lambda: z.lambda.add(np.concatenate(change, { axis: -1 })),
        noise: noiseOf(key, z.noise, z.noise.shape),
        memory,
        refined: np.onesLike(z.refined),
      };
      return [next, terms];
    },
    objective(p, z, x) {
      const { error, divergence } = termsOf(p, z, x);
      return error.mul(x.weight).add(divergence).neg();
    },
  };
  const level = options.level?.(own) ?? own;
  const last = adjoint.kind === "atSolution"
    ? infer(level, { steps: iterations, adjoint, batchAxis: 0, initGrad: "throughLastStep" })
    : undefined;
  const all = last
    ? undefined
    : infer(level, { steps: iterations, adjoint, collect: "all", batchAxis: 0 });

  const apply: EfficientMorl["apply"] = (p, image, key, schedule = {}) => {
    requireParams("efficientMorl", p, fields);
    requireImageBatch("efficientMorl", image, [...resolution, imageChannels]);
    const [forNoise, forSteps] = random.split(key);
    const state = schedule.geco ?? constraint?.init() ?? null;
    const x: WeighedImages = {
      image,
      weight: constraint && state ? stopGradient(constraint.weight(state)) : np.array(1),
      noise: noiseOf(forNoise, image, [2 * levels, image.shape[0]!, slots, latentSize]),
    };
    const { ys, ...found } = all ? all(p, x, forSteps) : last!(p, x, forSteps);
    const { value, each } = found;
    const first = level.init(p, x, forSteps);
    const at = (z: MorlPosteriors) => termsOf(p, z, x);
    const joined = (parts: readonly MorlTerms[]): MorlTerms => ({
      error: np.concatenate(parts.map(({ error }) => error)),
      divergence: np.concatenate(parts.map(({ divergence }) => divergence)),
    });
    const onTop = ({ error, divergence }: MorlTerms): MorlTerms => ({
      error: np.expandDims(error, 0),
      divergence: np.expandDims(divergence, 0),
    });
    const terms = each === null
      ? joined([onTop(at(first)), onTop(at(value))])
      : adjoint.kind === "truncated"
      // Steps begin from constants, so that what they say of these teaches the steps before nothing.
      ? joined([onTop(at(first)), vmap(at)(each)])
      : joined([ys, onTop(at(value))]);
    const count = schedule.refinements ?? iterations;
    const error = np.mean(np.take(terms.error, each === null ? 1 : count, { axis: 0 }));
    return {
      ...found,
      ...mixed(draw(p, value)),
      first,
      terms,
      geco: constraint && state ? constraint.update(state, error) : null,
    };
  };

  return whole("efficientMorl", slotCure, {
    level,
    init(key) {
      const [a, b, c, d, e, f, g] = random.split(key, 7);
      return {
        encoder: encoder.init(a!),
        hierarchy: hierarchy.init(b!),
        decoder: drawing.init(c!),
        refiner: {
          mlp: mlp.init(d!),
          gru: gru.init(e!),
          mean: head.init(f!),
          scale: head.init(g!),
        },
      };
    },
    initGeco: () => constraint?.init() ?? null,
    apply,
    loss(p, image, key, schedule = {}) {
      const output = apply(p, image, key, schedule);
      const { error, divergence } = output.terms;
      const [errors, divergences] = [np.mean(error, { axis: 1 }), np.mean(divergence, { axis: 1 })];
      const state = schedule.geco ?? constraint?.init();
      const losses = constraint && state
        ? constraint.loss(state, errors, divergences)
        : errors.add(divergences);
      const count = losses.shape[0]!;
      // The iterates of the loss by their number: all, or the first and the last.
      const i = np.array(
        count > iterations ? Array.from({ length: count }, (_, i) => i) : [0, iterations],
        { dtype: losses.dtype },
      );
      const most = schedule.refinements ?? iterations;
      const weights = np.add(most, 3).sub(i).div(np.add(most, 1));
      const counted = np.where(np.lessEqual(i, most), weights, 0);
      return [np.sum(losses.mul(counted)), output];
    },
    decode: (p, latents) => mixed(drawing.apply(p.decoder, latents)),
  });
}

/**
 * OP3, object-centric perception, prediction and planning (Veerapaneni et al., 2020): slots are refined by what a frame says, as in
 * IODINE, and moved from frame to frame by a model of their dynamics, with actions or without.
 *
 * Two levels: weights across videos, posteriors of slots for each video.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import { map } from "../tree.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  count,
  declareOptions,
  listOf,
  nested,
  nonNegative,
  oneOf,
  pairOf,
  positive,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { grad, stopGradient, vjp } from "../transforms/index.ts";
import { convStack } from "./parts/convStack.ts";
import { drawNormal, normalDivergence, softplusNormal } from "./parts/gaussians.ts";
import { type Drawn, mixed } from "./parts/slotDrawing.ts";
import { slotDynamics } from "./parts/slotDynamics.ts";
import {
  checkVideos,
  type Op3,
  type Op3DecoderOptions,
  type Op3EncoderOptions,
  type Op3Level,
  type Op3Options,
  type Op3Params,
  type Op3State,
} from "./op3Interface.ts";

const checkOptions = declareOptions<Op3Options>("op3", [], {
  resolution: required(pairOf(size)),
  slots: required(size),
  schedule: listOf(oneOf("refine", "dynamics")),
  deterministicSize: size,
  latentSize: size,
  actionSize: count,
  effectSize: size,
  memorySize: size,
  divergenceWeight: nonNegative,
  sigma: positive,
  sampling: oneOf("random", "mean"),
  encoder: nested("{ hidden: 128 }"),
  decoder: nested("{ channels: 32 }"),
  truncate: size,
  level: callable<NonNullable<Op3Options["level"]>>("(level) => ({ ...level, init })"),
});
const checkEncoder = declareOptions<Op3EncoderOptions>("op3's encoder", [], {
  channels: listOf(size),
  kernel: size,
  hidden: size,
});
const checkDecoder = declareOptions<Op3DecoderOptions>("op3's decoder", [], {
  channels: size,
  layers: count,
  kernel: size,
});

const fields: readonly (keyof Op3Params)[] = [
  "start",
  "decoder",
  "norms",
  "encoder",
  "memory",
  "mean",
  "scale",
  "dynamics",
];

/** Added to variances. */
const floor = 1e-5;
/** (2π)³, as the original rounds it. */
const constant = 248.05;
/** s of the first prior, whose variance is 1. */
const unit = Math.log(Math.E - 1);

/**
 * OP3. A state is d and a draw z ~ N(μ, softplus(s) + 10⁻⁵) of each slot, of which colours c_k and mask logits are decoded. A step
 * of the schedule refines the posterior by the frame, or moves the state to the next frame:
 *
 *     L = −Σ_pixels ln Σ_k m_k exp(−‖x − c_k‖² / 6σ²) / (σ³ (2π)³) + β Σ_k KL(q_k ‖ p_k)
 *     refine:    λ ← heads(LSTM([CNN(channels), LN(∇_μ), LN(∇_s), λ, z]))
 *     dynamics:  d, λ ← f(d, z, action),  p ← q = N(λ);  the memory is forgotten
 *     loss = Σ_t t L_t / Σ_t t
 *
 * The density is the original's, which is not normalized. λ is replaced, not added to. Gradients and likelihoods are constants to
 * the derivative before they are normalized. The loss of a step looks at the frame where the step ends.
 *
 * ```ts
 * import { op3 } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = op3({
 *   resolution: [6, 6],
 *   slots: 2,
 *   schedule: ["refine", "dynamics", "refine"],
 *   deterministicSize: 3,
 *   latentSize: 4,
 *   memorySize: 5,
 *   encoder: { channels: [4], kernel: 3, hidden: 6 },
 *   decoder: { channels: 4, layers: 1, kernel: 3 },
 * });
 * const params = model.init(random.key(0));
 * const video = np.ones([2, 1, 6, 6, 3]); // one dynamics step: two frames
 * const [loss, { reconstruction }] = model.loss(params, { video }, random.key(1));
 * console.assert(reconstruction.shape.join() === "3,1,6,6,3", loss);
 * ```
 *
 * @throws ShapeError for videos of another size or number of frames, and actions of another size; ArgumentError for actions
 * that are missing, or that the model has none of; TreeError for parameters that `init` did not make.
 */
export function op3(options: Op3Options): Op3 {
  checkOptions(options);
  checkEncoder(options.encoder);
  checkDecoder(options.decoder);
  const {
    resolution,
    slots,
    schedule = ["refine", "refine", "refine", "refine", "dynamics"],
    deterministicSize = 64,
    latentSize = 64,
    actionSize = 0,
    effectSize = 32,
    memorySize = 128,
    divergenceWeight = 1,
    sigma = 0.1,
    sampling = "random",
    truncate,
  } = options;
  if (schedule.length === 0) {
    throw new ArgumentError(
      "op3: a schedule without steps",
      'give one such as ["refine", "dynamics"]',
    );
  }
  if (latentSize < 2) {
    throw new ArgumentError(
      `op3: latentSize ${latentSize}, but gradients are normalized over the numbers of a slot`,
      "give two or more",
    );
  }
  const { channels = [32, 32, 64], kernel = 5, hidden = 128 } = options.encoder ?? {};
  const decoding = { channels: 32, layers: 4, kernel: 5, ...options.decoder };
  const xavier = { weightInit: nn.initializers.glorotUniform, biasInit: nn.initializers.zeros };
  const same = { padding: "same" } as const;
  const decoder = convStack({
    in: deterministicSize + latentSize + 2,
    convs: [...Array<number>(decoding.layers).fill(decoding.channels), 4]
      .map((out) => ({ ...same, out, kernel: decoding.kernel })),
    activation: nn.elu,
    init: xavier,
  });
  const convs = convStack({
    in: 17,
    convs: channels.map((out) => ({ ...same, out, kernel })),
    activation: nn.elu,
    last: true,
    init: xavier,
  });
  const tiny = nn.initializers.uniform(1e-4);
  const layer = nn.linear({
    in: channels.at(-1) ?? 17,
    out: hidden,
    weightInit: tiny,
    biasInit: tiny,
  });
  const cell = nn.lstmCell({ in: hidden + 5 * latentSize, hidden: memorySize });
  const head = nn.linear({ in: memorySize, out: latentSize });
  const dynamics = slotDynamics({
    deterministic: deterministicSize,
    latent: latentSize,
    action: actionSize,
    effect: effectSize,
  });

  const normalOf = (lambda: Tensor) => softplusNormal(lambda, { floor, most: 80 });
  const noiseOf = (like: Tensor, key: Tensor) => {
    const shape = [like.shape[0]!, slots, latentSize];
    const dtype = like.dtype === "float64" ? "float64" : "float32";
    return sampling === "mean" ? np.zeros(shape, { dtype }) : random.normal(key, shape, { dtype });
  };
  /** x and y from −1 to 1, [height, width, 2]. */
  const places = (dtype: Tensor["dtype"]) =>
    np.flip(nn.softGrid(...resolution, [-1, 1], 2), -1).astype(dtype);

  const draw = (p: Op3Params, deterministic: Tensor, lambda: Tensor, noise: Tensor): Drawn => {
    const state = np.concatenate([deterministic, drawNormal(normalOf(lambda), noise)], {
      axis: -1,
    });
    const [batch, , width] = state.shape as [number, number, number];
    const many = [batch * slots, ...resolution];
    const x = [state.reshape([batch * slots, 1, 1, width]), places(state.dtype)]
      .map((part) => np.broadcastTo(part, [...many, part.shape.at(-1)!]));
    const drawn = decoder.apply(p.decoder, np.concatenate(x, { axis: -1 }))
      .reshape([batch, slots, ...resolution, 4]);
    return { colors: drawn.slice("...", [0, 3]), logits: drawn.slice("...", 3) };
  };
  /** The density of each slot's colours, [batch, slots, height, width]. */
  const densities = (colors: Tensor, image: Tensor) => {
    const squares = np.sum(np.square(colors.sub(np.expandDims(image, 1))), { axis: -1 });
    return np.exp(squares.div(-6 * sigma ** 2)).div(sigma ** 3 * constant);
  };
  const missed = ({ colors, masks }: { colors: Tensor; masks: Tensor }, image: Tensor) => {
    const likelihood = np.sum(masks.mul(densities(colors, image)), { axis: 1 });
    return np.sum(np.log(likelihood.add(1e-12)), { axis: [1, 2] }).neg();
  };
  const divergence = (lambda: Tensor, prior: Tensor) =>
    np.sum(normalDivergence(normalOf(lambda), normalOf(prior)), { axis: 1 }).mul(divergenceWeight);
  const masksOf = ({ logits }: Drawn) => np.softmax(logits, { axis: 1 });
  const lossOf = (p: Op3Params, z: Op3State, image: Tensor) => {
    const drawn = draw(p, z.deterministic, z.lambda, z.noise);
    const miss = missed({ colors: drawn.colors, masks: masksOf(drawn) }, image);
    return { drawn, loss: miss.add(divergence(z.lambda, z.prior)) };
  };

  const own: Op3Level = {
    init({ start }, image, key) {
      const { dtype } = image;
      const all = (x: Tensor) => np.broadcastTo(x, [image.shape[0]!, slots, x.shape[0]!]);
      const zeros = (n: number) => np.zeros([image.shape[0]!, slots, n], { dtype });
      return {
        deterministic: all(start.deterministic),
        lambda: all(start.posterior),
        prior: np.concatenate([zeros(latentSize), zeros(latentSize).add(unit)], { axis: -1 }),
        noise: noiseOf(image, key),
        memory: [zeros(memorySize), zeros(memorySize)],
      };
    },
    step(p, z, image, { key }) {
      const { deterministic, lambda, prior, noise } = z;
      const share = 1 / image.shape[0]!;
      const [drawn, pull] = vjp((lambda: Tensor) => {
        const { colors, logits } = draw(p, deterministic, lambda, noise);
        return { colors, logits, masks: np.softmax(logits, { axis: 1 }) };
      }, lambda);
      const { colors, logits, masks } = drawn;
      const slopes = grad((at: { colors: Tensor; masks: Tensor }) =>
        np.sum(missed(at, image)).mul(share)
      )({ colors, masks });
      const ofPrior = grad((lambda: Tensor) => np.sum(divergence(lambda, prior)).mul(share))(
        lambda,
      );
      const slope = pull({ ...slopes, logits: np.zerosLike(logits) })[0].add(ofPrior);

      const density = densities(colors, image);
      const likelihood = np.expandDims(np.sum(masks.mul(density), { axis: 1 }), 1);
      const map = (x: Tensor) => np.expandDims(x, -1);
      const wide = (x: Tensor) => np.broadcastTo(x, [...logits.shape, x.shape.at(-1)!]);
      const normed = (name: keyof Op3Params["norms"], x: Tensor, axis: number[], eps: number) => {
        const { weight, bias } = p.norms[name];
        return unbiased(stopGradient(x), axis, eps).mul(weight!).add(bias!); // as init made them
      };
      const image2d = (name: keyof Op3Params["norms"], x: Tensor) =>
        normed(name, x, [2, 3, 4], 1e-5);
      const spatial = np.concatenate([
        wide(np.expandDims(image, 1)),
        colors,
        map(masks),
        map(logits),
        map(density.div(np.sum(density, { axis: 1, keepdims: true }).add(1e-8))),
        image2d("mask", map(slopes.masks)),
        wide(image2d("likelihood", map(likelihood))),
        image2d("without", map(likelihood.sub(masks.mul(density)))),
        image2d("colors", slopes.colors),
        wide(places(image.dtype)),
      ], { axis: -1 });
      const seen = convs.apply(p.encoder.convs, spatial.reshape([-1, ...resolution, 17]));
      const looked = nn.elu(layer.apply(p.encoder.hidden, np.mean(seen, { axis: [1, 2] })));
      const [ofMean, ofScale] = np.split(slope, 2, { axis: -1 }) as [Tensor, Tensor]; // two halves
      const flat = np.concatenate([
        looked.reshape([image.shape[0]!, slots, hidden]),
        normed("mean", ofMean, [-1], 1e-6),
        normed("scale", ofScale, [-1], 1e-6),
        lambda,
        drawNormal(normalOf(lambda), noise),
      ], { axis: -1 });
      const memory = cell.apply(p.memory, flat, z.memory);
      const next = [head.apply(p.mean, memory[0]), head.apply(p.scale, memory[0])];
      return {
        deterministic,
        lambda: np.concatenate(next, { axis: -1 }),
        prior,
        noise: noiseOf(image, key),
        memory,
      };
    },
    objective: (p, z, image) => lossOf(p, z, image).loss.neg(),
  };
  const level = options.level?.(own) ?? own;

  const model: Op3 = {
    level,
    init(key) {
      const [a, b, c, d, e, f, g, h, i] = random.split(key, 9);
      const one = (k: Tensor, n: number, m = n) => random.normal(k, [n]).div(Math.sqrt(m));
      const affine = (n: number, k?: Tensor): nn.NormParams => ({
        weight: k === undefined ? np.ones([n]) : random.uniform(k, [n]),
        bias: np.zeros([n]),
      });
      const gains = random.split(c!, 4);
      return {
        start: {
          deterministic: one(a!, deterministicSize),
          posterior: one(b!, 2 * latentSize, latentSize),
        },
        decoder: decoder.init(d!),
        norms: {
          mask: affine(1, gains[0]),
          likelihood: affine(1, gains[1]),
          without: affine(1, gains[2]),
          colors: affine(3, gains[3]),
          mean: affine(latentSize),
          scale: affine(latentSize),
        },
        encoder: { convs: convs.init(e!), hidden: layer.init(e!) },
        memory: cell.init(f!),
        mean: head.init(g!),
        scale: head.init(h!),
        dynamics: dynamics.init(i!),
      };
    },
    advance(p, { deterministic, lambda, noise, memory }, action, key) {
      const drawn = drawNormal(normalOf(lambda), noise);
      const state = np.concatenate([deterministic, drawn], { axis: -1 });
      const next = dynamics.apply(p.dynamics, state, action);
      const [h, c] = memory;
      return {
        ...next,
        prior: next.lambda,
        noise: noiseOf(lambda, key),
        memory: [np.zerosLike(h), np.zerosLike(c)],
      };
    },
    decode: (p, z) => mixed(draw(p, z.deterministic, z.lambda, z.noise)),
    apply(p, videos, key) {
      requireParams("op3", p, fields);
      checkVideos(videos, { schedule, resolution, actionSize });
      const { video, actions } = videos;
      const place = (t: number) => ({
        t: np.array(t, { dtype: "int32" }),
        key: random.foldIn(key, t + 1),
      });
      let state = level.init(p, np.slice(video, 0), place(-1).key);
      let frame = 0;
      const seen = schedule.map((kind, t) => {
        if (truncate !== undefined && t > 0 && t % truncate === 0) state = cut(state);
        if (kind === "refine") {
          state = level.step(p, state, np.slice(video, frame), place(t)) as Op3State; // no output
        } else {
          const action = actions === undefined ? null : np.slice(actions, frame);
          state = model.advance(p, state, action, place(t).key);
          frame++;
        }
        const { drawn, loss } = lossOf(p, state, np.slice(video, frame));
        return { ...mixed(drawn), loss };
      });
      return {
        reconstruction: np.stack(seen.map((one) => one.reconstruction)),
        images: np.stack(seen.map((one) => one.images)),
        masks: np.stack(seen.map((one) => one.masks)),
        losses: np.stack(seen.map((one) => one.loss)),
        state,
      };
    },
    loss(p, videos, key) {
      const output = model.apply(p, videos, key);
      const means = np.mean(output.losses, { axis: 1 });
      const weights = np.array(schedule.map((_, t) => t + 1), { dtype: means.dtype });
      return [np.sum(means.mul(weights)).div(np.sum(weights)), output];
    },
  };
  return model;
}

/** (x − mean) / (deviation + ε), the deviation of a sample, as the original normalizes. */
function unbiased(x: Tensor, axis: number[], eps: number): Tensor {
  const options = { axis, keepdims: true } as const;
  const centred = x.sub(np.mean(x, options));
  const count = axis.reduce((n, i) => n * x.shape.at(i)!, 1);
  const deviation = np.sqrt(np.sum(np.square(centred), options).div(count - 1));
  return centred.div(deviation.add(eps));
}

/** A state that is constant to what follows. */
const cut = (z: Op3State) => map(stopGradient, z) as Op3State; // a tree like z

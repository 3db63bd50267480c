/**
 * Multiset prediction by implicit differentiation, iDSPN (Zhang et al., 2022): a set of objects from an image, as the set
 * whose encoding is that of the image. The set is found by descent, and the encoders are trained through the descent's
 * fixed point.
 *
 * Two levels: weights across images, a set for each image.
 */
import { requireShape } from "../options/shapeSpec.ts";
import type { Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import { infer, type Inferred, type Level } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  declareOptions,
  fraction,
  listOf,
  nested,
  pairOf,
  positive,
  required,
  size as sizeKind,
} from "../options/index.ts";
import { type Adjoint, oneStep } from "../implicit/index.ts";
import { sharedOptions } from "../implicit/options.ts";
import * as random from "../random/index.ts";
import { grad, stopGradient } from "../transforms/index.ts";
import { setLoss } from "./setPrediction.ts";

/** Options of {@link multisetPrediction}; the defaults are those of the paper for CLEVR. */
export interface MultisetOptions {
  /** Height and width of images. */
  readonly resolution: readonly [height: number, width: number];
  /** The number n of objects of a set; 10. */
  readonly objects?: number;
  /** Numbers of an object; 19, those of CLEVR as `propertyPrediction` has them. */
  readonly size?: number;
  /** The size of encodings; 512. */
  readonly latent?: number;
  /** The hidden size of the set encoder's MLP; 512. */
  readonly hidden?: number;
  /** The number of steps of descent; 40. */
  readonly steps?: number;
  /** The size of a step; 1. */
  readonly rate?: number;
  /** Nesterov's momentum; 0.9. */
  readonly momentum?: number;
  /** The greatest norm of a sample's gradient; 10. */
  readonly clip?: number;
  /** The adjoint, which differentiates the descent; `oneStep()`. */
  readonly adjoint?: Adjoint;
  /** Channels of images; 3. */
  readonly imageChannels?: number;
  /** The convolutions that look at the image: 64 channels, a window of 3, and strides 2, 2, 2. */
  readonly encoder?: MultisetEncoderOptions;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: MultisetLevel) => MultisetLevel;
}

/** The convolutions of {@link multisetPrediction}, each followed by a ReLU; a linear layer of all places comes last. */
export interface MultisetEncoderOptions {
  /** Channels of every convolution. */
  readonly channels?: number;
  /** The window of every convolution. */
  readonly kernel?: number;
  /** One stride for each convolution. */
  readonly strides?: readonly number[];
}

const checkOptions = declareOptions<MultisetOptions>("multisetPrediction", [], {
  resolution: required(pairOf(sizeKind)),
  objects: sizeKind,
  size: sizeKind,
  latent: sizeKind,
  hidden: sizeKind,
  steps: sizeKind,
  rate: positive,
  momentum: fraction,
  clip: positive,
  adjoint: sharedOptions.adjoint,
  imageChannels: sizeKind,
  encoder: nested(),
  level: callable<NonNullable<MultisetOptions["level"]>>("(level) => ({ ...level, init })"),
});
const checkEncoder = declareOptions<MultisetEncoderOptions>("multisetPrediction's encoder", [], {
  channels: sizeKind,
  kernel: sizeKind,
  strides: listOf(sizeKind),
});

/** Parameters of {@link multisetPrediction}. */
export type MultisetParams = {
  /** The encoder of images: convolutions, and the linear layer after them. */
  readonly image: { readonly convs: readonly nn.LinearParams[]; readonly out: nn.LinearParams };
  /** The encoder of sets: the MLP of each object, and the weights of sorted features, [objects, latent]. */
  readonly set: { readonly mlp: readonly nn.LinearParams[]; readonly pool: Tensor };
};

/** λ: the set, and how fast it moves. */
export type MovingSet = {
  /** [batch, objects, size]. */
  readonly set: Tensor;
  /** The moving sum of gradients, of the same shape. */
  readonly velocity: Tensor;
};

/** The inner optimization of {@link multisetPrediction}; its datum is the encoding of images, [batch, latent]. */
export type MultisetLevel = Level<MultisetParams, Tensor, MovingSet>;

/** The outputs of {@link multisetPrediction}. */
export type MultisetOutput = Inferred<MovingSet, null> & {
  /** The set that was found, [batch, objects, size]. */
  readonly predictions: Tensor;
};

/** A predictor of multisets. */
export interface MultisetPrediction {
  /** Parameters from a random key. */
  init(key: Tensor): MultisetParams;
  /** The sets of images [batch, height, width, channels]. The key draws the sets that the descent starts from. */
  apply(params: MultisetParams, image: Tensor, key: Tensor): MultisetOutput;
  /** The loss of `setLoss` for targets [batch, objects, size], as a mean over objects, and all that was computed. */
  loss(
    params: MultisetParams,
    image: Tensor,
    targets: Tensor,
    key: Tensor,
  ): [loss: Tensor, output: MultisetOutput & { readonly matching: Tensor }];
  /** The encoding of sets [batch, objects, size]: [batch, latent]. */
  encodeSet(params: MultisetParams, set: Tensor): Tensor;
  /** The encoding of images: [batch, latent]. */
  encodeImage(params: MultisetParams, image: Tensor): Tensor;
  /** The inner optimization. */
  readonly level: MultisetLevel;
}

/**
 * iDSPN. The encoding of a set Y sorts each feature over its objects, so that a sum with weights may tell equal objects apart
 * (FSPool), and descent finds the set whose encoding is z, that of the image:
 *
 *     enc(Y) = Σ_i W_i ⊙ sort(MLP(Y))_i,   L(Y) = −½ mean (enc(Y) − z)²,   Y₀ = 0.1 N(0, I)
 *     v ← μ v + clip(−∇L(Y)),   Y ← Y − α (clip(−∇L(Y)) + μ v)
 *
 * Adjoints of the fixed point differentiate Y + ∇L(Y) instead, which has the same one and knows neither momentum nor
 * clipping: with `oneStep()`, ∂ℓ/∂z = (∂ℓ/∂Y) ∂²L/∂Y∂z at the last set but one, which is the paper's approximation.
 * `unrolled()` and `truncated()` differentiate the steps themselves.
 *
 * The original looks at images through a ResNet18; here it is a few convolutions.
 *
 * ```ts
 * import { multisetPrediction } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = multisetPrediction({ resolution: [16, 16], objects: 4, latent: 32, hidden: 16, steps: 5 });
 * const params = model.init(random.key(0));
 * const { predictions } = model.apply(params, np.zeros([2, 16, 16, 3]), random.key(1));
 * console.assert(predictions.shape.join() === "2,4,19");
 * ```
 *
 * @throws ShapeError for images of another size, and, from `loss`, targets of another shape; TreeError for parameters
 * that `init` did not make.
 */
export function multisetPrediction(options: MultisetOptions): MultisetPrediction {
  checkOptions(options);
  checkEncoder(options.encoder);
  const {
    resolution,
    objects = 10,
    size = 19,
    latent = 512,
    hidden = 512,
    steps = 40,
    rate = 1,
    momentum = 0.9,
    clip = 10,
    adjoint = oneStep(),
    imageChannels = 3,
  } = options;
  const { channels = 64, kernel = 3, strides = [2, 2, 2] } = options.encoder ?? {};
  const convs = strides.map((stride, i) =>
    nn.conv({
      in: i === 0 ? imageChannels : channels,
      out: channels,
      kernel,
      stride,
      padding: "same",
    })
  );
  // Convolutions with padding "same" round up.
  const places = resolution.map((n) => strides.reduce((side, s) => Math.ceil(side / s), n));
  const features = places[0]! * places[1]! * (strides.length === 0 ? imageChannels : channels);
  const out = nn.linear({ in: features, out: latent });
  const mlp = nn.mlp({ sizes: [size, hidden, latent] });
  const atSolution = adjoint.kind === "atSolution";

  const encodeSet = ({ set: p }: MultisetParams, set: Tensor): Tensor => {
    const x = mlp.apply(p.mlp, set);
    return np.sum(x.mul(weightsByRank(x, p.pool)), { axis: 1 });
  };
  const closeness = (p: MultisetParams, set: Tensor, z: Tensor): Tensor =>
    np.mean(np.square(encodeSet(p, set).sub(z)), { axis: -1 }).mul(-0.5);

  const own: MultisetLevel = {
    init(_, z, key) {
      const set = random.normal(key, [z.shape[0]!, objects, size]).mul(0.1);
      return { set, velocity: np.zerosLike(set) };
    },
    step(p, { set, velocity }, z) {
      const slope = grad((set: Tensor) => np.sum(closeness(p, set, z)).neg())(set);
      // The factor is a constant to derivatives, as in the original.
      const norm = np.sqrt(
        np.sum(np.square(stopGradient(slope)), { axis: [1, 2], keepdims: true }),
      );
      const clipped = slope.mul(np.minimum(np.divide(clip, norm.add(1e-6)), 1));
      const next = velocity.mul(momentum).add(clipped);
      const moved = set.sub(clipped.add(next.mul(momentum)).mul(rate));
      if (!atSolution) return { set: moved, velocity: next };
      const plain = set.sub(slope);
      return { set: plain.add(stopGradient(moved.sub(plain))), velocity: stopGradient(next) };
    },
    objective: (p, { set }, z) => closeness(p, set, z),
  };
  const level = options.level?.(own) ?? own;
  // The last of the steps is the one that adjoints at the solution differentiate.
  const solve = infer(level, {
    steps: atSolution ? steps - 1 : steps,
    finalStep: atSolution,
    adjoint,
    noise: "fixed",
    batchAxis: 0,
  });

  const model: MultisetPrediction = {
    level,
    init(key) {
      const [a, b, c, d] = random.split(key, 4);
      const keys = random.split(a, Math.max(1, convs.length));
      return {
        image: { convs: convs.map((conv, i) => conv.init(keys[i]!)), out: out.init(b) },
        set: {
          mlp: mlp.init(c),
          pool: random.normal(d, [objects, latent]).div(Math.sqrt(objects)),
        },
      };
    },
    encodeSet,
    encodeImage({ image: p }, image) {
      requireShape(
        "multisetPrediction: the images are",
        image,
        ["batch", ...resolution, imageChannels],
        "make the model with the resolution of the images",
      );
      const map = convs.reduce((x, conv, i) => nn.relu(conv.apply(p.convs[i]!, x)), image);
      return out.apply(p.out, map.reshape([image.shape[0]!, features]));
    },
    apply(p, image, key) {
      requireParams("multisetPrediction", p, ["image", "set"]);
      const found = solve(p, model.encodeImage(p, image), key);
      return { ...found, predictions: found.value.set };
    },
    loss(p, image, targets, key) {
      const output = model.apply(p, image, key);
      const { loss, matching } = setLoss(output.predictions, targets);
      return [loss.div(objects), { ...output, matching }];
    },
  };
  return model;
}

/**
 * The weights W_r, [objects, features], of features [batch, objects, features] that are the r-th smallest of their set; of equal ones
 * the first comes first. Features times these sum to what sorted features times W do, without the permutations of a sort.
 */
function weightsByRank(x: Tensor, weights: Tensor): Tensor {
  const index = np.arange(x.shape[1]!);
  const [own, others] = [np.expandDims(x, 2), np.expandDims(x, 1)];
  const first = np.expandDims(np.less(np.expandDims(index, 0), np.expandDims(index, 1)), -1);
  const before = np.logicalOr(
    np.less(others, own),
    np.logicalAnd(np.equal(others, own), first),
  );
  const rank = np.sum(before.astype(index.dtype), { axis: 2, keepdims: true });
  const chosen = np.equal(rank, np.expandDims(index, 1)); // [batch, objects, rank, features]
  return np.sum(np.where(chosen, weights, 0), { axis: 2 });
}

/** The training of iDSPN on CLEVR, as published. */
export const multisetPresets = {
  /** CLEVR with up to ten objects, 128×128. The original's first 50 of 100 epochs take half of the steps of descent. */
  clevr10: {
    model: {
      resolution: [128, 128],
      objects: 10,
      size: 19,
      latent: 512,
      hidden: 512,
      steps: 40,
      rate: 1,
      momentum: 0.9,
      clip: 10,
      encoder: { channels: 64, kernel: 3, strides: [2, 2, 2, 2, 2, 2] },
    },
    /** Adam's rate, which is a tenth from the 90th of 100 epochs on. */
    training: { batchSize: 128, epochs: 100, learningRate: 1e-3, dropEpoch: 90, dropRate: 0.1 },
  },
} as const satisfies Record<string, { model: MultisetOptions; training: object }>;

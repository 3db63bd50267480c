/** Steps measured by norms: of a whole update, of each parameter, and of their ratio. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  axes,
  boolean,
  declareOptions,
  finite,
  fraction,
  nonNegative,
  positive,
  requireArgument,
  scalarOf,
} from "../options/index.ts";
import { adamKinds, type AdamOptions, type AdamState, scaleByAdam } from "./adam.ts";
import { globalNorm } from "./apply.ts";
import { chain } from "./chain.ts";
import { requireUpdates } from "./checks.ts";
import { decayKinds, decayOf, type DecayOptions, type Mask, maskKind } from "./decay.ts";
import { increment, mapLeaves, required, zeroCount } from "./leaves.ts";
import { masked, type MaskedState } from "./masked.ts";
import { rootMeanSquare, safeNorm, safeRootMeanSquares } from "./numerics.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "./scale.ts";
import { trace, type TraceState } from "./sgd.ts";
import { type GradientTransformation, type Scalar, stateless } from "./transformation.ts";

/** A transformation of each update with its parameter. */
function byParameter(
  name: string,
  f: (update: Tensor, parameter: Tensor) => Tensor,
): GradientTransformation<null> {
  return stateless((updates, given) => {
    const params = required(given, name);
    requireUpdates(name, updates, params);
    return mapLeaves(f, updates, params);
  });
}

/** Options of {@link normalizeByUpdateNorm}. */
export interface NormalizeOptions {
  /** The norm of the result; 1. */
  readonly scaleFactor?: Scalar;
  /** Added to the norm; 1e-6. */
  readonly eps?: Scalar;
}

const checkNormalize = declareOptions<NormalizeOptions>("optim.normalizeByUpdateNorm", [], {
  scaleFactor: scalarOf(positive),
  eps: scalarOf(nonNegative),
});

/**
 * `scaleFactor · g / (|g| + eps)`, with the norm of the whole gradient: only its direction is left.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.normalizeByUpdateNorm().update(np.array([3, 4]), null);
 * console.assert(Math.abs((await u.data())[0]! - 0.6) < 1e-6);
 * ```
 */
export function normalizeByUpdateNorm(
  options: NormalizeOptions = {},
): GradientTransformation<null> {
  checkNormalize(options);
  const { scaleFactor = 1, eps = 1e-6 } = options;
  return stateless((updates) => {
    const norm = globalNorm(updates).add(eps).div(scaleFactor);
    return mapLeaves((g) => g.div(np.astype(norm, g.dtype)), updates);
  });
}

/**
 * Scales each parameter's update down to the root mean square `threshold` if it is larger (Shazeer & Stern, 2018).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.clipByBlockRms(1).update(np.array([3, 3]), null);
 * console.assert(String(await u.data()) === "1,1");
 * ```
 */
export function clipByBlockRms(threshold: Scalar): GradientTransformation<null> {
  requireArgument("optim.clipByBlockRms", "threshold", scalarOf(positive), threshold);
  return stateless((updates) =>
    mapLeaves((u) => u.div(np.maximum(rootMeanSquare(u).div(threshold), 1)), updates)
  );
}

const checkBlockNorm = declareOptions<{ readonly minScale?: Scalar }>(
  "optim.scaleByParamBlockNorm",
  [],
  { minScale: scalarOf(nonNegative) },
);
const checkBlockRms = declareOptions<{ readonly minScale?: Scalar }>(
  "optim.scaleByParamBlockRms",
  [],
  { minScale: scalarOf(nonNegative) },
);

/**
 * Multiplies each update by the norm of its parameter, or by `minScale` (1e-3) if that is larger: steps are
 * relative. `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.scaleByParamBlockNorm().update(np.array([1, 0]), null, np.array([3, 4]));
 * console.assert(String(await u.data()) === "5,0");
 * ```
 */
export function scaleByParamBlockNorm(
  options: { readonly minScale?: Scalar } = {},
): GradientTransformation<null> {
  checkBlockNorm(options);
  const { minScale = 1e-3 } = options;
  return byParameter("scaleByParamBlockNorm", (u, p) => u.mul(safeNorm(p, minScale)));
}

/** {@link scaleByParamBlockNorm} by the root mean square instead of the norm. */
export function scaleByParamBlockRms(
  options: { readonly minScale?: Scalar } = {},
): GradientTransformation<null> {
  checkBlockRms(options);
  const { minScale = 1e-3 } = options;
  return byParameter("scaleByParamBlockRms", (u, p) => u.mul(safeRootMeanSquares(p, minScale)));
}

/** Options of {@link adaptiveGradClip}. */
export interface AdaptiveClipOptions {
  /** The least norm that a unit counts with; 1e-3. */
  readonly eps?: Scalar;
  /** The axes of one unit; all of vectors, all but the last of others unless given. */
  readonly axis?: number | readonly number[];
}

const checkAdaptive = declareOptions<AdaptiveClipOptions>(
  "optim.adaptiveGradClip",
  ["0.01"],
  { eps: scalarOf(nonNegative), axis: axes },
);

/** The norms of units, with axes of size 1. A unit is what leads to one output: all axes but the last. */
function unitNorms(x: Tensor, axis: number | readonly number[] | undefined): Tensor {
  const vector = x.shape.filter((n) => n !== 1).length <= 1;
  // Matrices are [in, out] in Flax, three axes as well: one unit has the first of them.
  const all = x.shape.map((_, i) => i);
  const own = axis ?? (vector ? all : x.ndim <= 3 ? [0] : all.slice(0, -1));
  if (x.ndim === 0) return np.abs(x);
  return np.sqrt(np.sum(np.square(x), { axis: own, keepdims: true }));
}

/**
 * Scales the gradient of each unit down to `clipping` times the norm of its weights if it is longer (Brock et al.,
 * 2021). `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.adaptiveGradClip(0.5).update(np.array([3, 4]), null, np.array([0, 2]));
 * console.assert(Math.abs((await u.data())[1]! - 0.8) < 1e-6);
 * ```
 */
export function adaptiveGradClip(
  clipping: Scalar,
  options: AdaptiveClipOptions = {},
): GradientTransformation<null> {
  requireArgument("optim.adaptiveGradClip", "clipping", scalarOf(nonNegative), clipping);
  checkAdaptive(options);
  const { eps = 1e-3, axis } = options;
  return byParameter("adaptiveGradClip", (g, p) => {
    const norm = unitNorms(g, axis);
    const most = np.maximum(unitNorms(p, axis), eps).mul(clipping);
    return np.where(np.less(norm, most), g, g.mul(most.div(np.maximum(norm, 1e-6))));
  });
}

/** Options of {@link scaleByTrustRatio}. */
export interface TrustRatioOptions {
  /** The least norm of parameters and updates; 0. */
  readonly minNorm?: Scalar;
  /** The factor of the ratio; 1. */
  readonly trustCoefficient?: Scalar;
  /** Added to the norm of the update; 0. */
  readonly eps?: Scalar;
}

const checkTrust = declareOptions<TrustRatioOptions>("optim.scaleByTrustRatio", [], {
  minNorm: scalarOf(nonNegative),
  trustCoefficient: scalarOf(nonNegative),
  eps: scalarOf(nonNegative),
});

/**
 * Multiplies each update by `c |p| / (|u| + eps)`: its length becomes that of its parameter, times `c` (You et al.,
 * 2017). Where either norm is 0 the update stays as it is. `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.scaleByTrustRatio().update(np.array([0, 2]), null, np.array([3, 4]));
 * console.assert(String(await u.data()) === "0,5");
 * ```
 */
export function scaleByTrustRatio(options: TrustRatioOptions = {}): GradientTransformation<null> {
  checkTrust(options);
  const { minNorm = 0, trustCoefficient = 1, eps = 0 } = options;
  return byParameter("scaleByTrustRatio", (u, p) => {
    const [ofParameter, ofUpdate] = [safeNorm(p, minNorm), safeNorm(u, minNorm)];
    const none = np.logicalOr(np.equal(ofParameter, 0), np.equal(ofUpdate, 0));
    const length = np.where(none, 1, ofUpdate).add(eps);
    return u.mul(np.where(none, 1, ofParameter.mul(trustCoefficient).div(length)));
  });
}

/** Options of {@link lamb}. */
export type LambOptions = Omit<AdamOptions, "nesterov"> & DecayOptions;

const { nesterov: _, ...lambKinds } = adamKinds;
const checkLamb = declareOptions<LambOptions>("optim.lamb", ["1e-3"], {
  ...lambKinds,
  ...decayKinds,
});

/**
 * LAMB: Adam whose steps are relative to each parameter's norm, for large batches (You et al., 2020); `eps` is 1e-6
 * unless given, weights decay by 0. `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.lamb(0.1);
 * const p = np.array([3, 4]);
 * const [u] = optimizer.update(np.array([1, 1]), optimizer.init(p), p);
 * console.assert(Math.abs(await np.linalg.norm(u).item() - 0.1 * 5) < 1e-5);
 * ```
 */
export function lamb(
  learningRate: LearningRate,
  options: LambOptions = {},
): GradientTransformation<[AdamState, null, null, CountState | null]> {
  requireRate("lamb", learningRate);
  checkLamb(options);
  const { weightDecay: _, mask: __, eps = 1e-6, ...rest } = options;
  return chain(
    scaleByAdam({ ...rest, eps }),
    decayOf(options, 0),
    scaleByTrustRatio(),
    scaleByLearningRate(learningRate),
  );
}

/** Options of {@link lars}. */
export interface LarsOptions {
  /** The fraction of a weight that is added to its gradient; 0. */
  readonly weightDecay?: Scalar;
  /** The parameters that decay; all by default. */
  readonly weightDecayMask?: Mask;
  /** The factor of the ratio of norms; 1e-3. */
  readonly trustCoefficient?: Scalar;
  /** Added to the norm of the update; 0. */
  readonly eps?: Scalar;
  /** The updates that are scaled by the ratio; all by default. */
  readonly trustRatioMask?: Mask;
  /** The fraction of the trace that is kept; 0.9. */
  readonly momentum?: Scalar;
  /** If true, momentum looks one step ahead. Default false. */
  readonly nesterov?: boolean;
}

const checkLars = declareOptions<LarsOptions>("optim.lars", ["1"], {
  weightDecay: scalarOf(finite),
  weightDecayMask: maskKind,
  trustCoefficient: scalarOf(nonNegative),
  eps: scalarOf(nonNegative),
  trustRatioMask: maskKind,
  momentum: scalarOf(fraction),
  nesterov: boolean,
});

/**
 * LARS: momentum whose steps are relative to each parameter's norm (You et al., 2017). `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.lars(1);
 * const p = np.array([3, 4]);
 * const [u] = optimizer.update(np.array([0, 2]), optimizer.init(p), p);
 * console.assert(Math.abs(await np.linalg.norm(u).item() - 1e-3 * 5) < 1e-7);
 * ```
 */
export function lars(
  learningRate: LearningRate,
  options: LarsOptions = {},
): GradientTransformation<[null, MaskedState<null>, CountState | null, TraceState]> {
  requireRate("lars", learningRate);
  checkLars(options);
  const { weightDecay = 0, weightDecayMask = true, trustRatioMask = true } = options;
  const { trustCoefficient = 1e-3, eps = 0, momentum = 0.9, nesterov = false } = options;
  return chain(
    decayOf({ weightDecay, mask: weightDecayMask }, 0),
    masked(scaleByTrustRatio({ trustCoefficient, eps }), trustRatioMask),
    scaleByLearningRate(learningRate),
    trace(momentum, { nesterov }),
  );
}

const checkFromage = declareOptions<{ readonly minNorm?: Scalar }>("optim.fromage", ["0.01"], {
  minNorm: scalarOf(nonNegative),
});

/**
 * Fromage: `(p - η g |p|/|g|) / √(1 + η²)`, steps that keep the norms of layers (Bernstein et al., 2020). The
 * fraction `1/√(1 + η²) - 1` that is taken off is `-η² / (√(1 + η²) (1 + √(1 + η²)))`, which keeps its digits.
 * `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.fromage(1);
 * const p = np.array([0, 1]);
 * const [u] = optimizer.update(np.array([5, 0]), optimizer.init(p), p);
 * console.assert(Math.abs((await u.data())[0]! + Math.SQRT1_2) < 1e-6);
 * ```
 */
export function fromage(
  learningRate: LearningRate,
  options: { readonly minNorm?: Scalar } = {},
): GradientTransformation<[null, CountState]> {
  requireRate("fromage", learningRate);
  checkFromage(options);
  const step: GradientTransformation<CountState> = {
    init: () => ({ count: zeroCount() }),
    update(updates, { count }, given) {
      const params = required(given, "fromage");
      const moved = mapLeaves(
        (u, p) => {
          const { dtype } = u;
          const rate = typeof learningRate === "function"
            ? learningRate(count, dtype)
            : learningRate;
          const eta = typeof rate === "number"
            ? np.full([], rate, { dtype })
            : np.astype(rate, dtype);
          const root = np.hypot(eta, 1);
          const lost = eta.mul(eta).div(root.mul(root.add(1)));
          return np.negative(u.mul(eta.div(root)).add(p.mul(lost)));
        },
        updates,
        params,
      );
      return [moved, { count: increment(count) }];
    },
  };
  return chain(scaleByTrustRatio({ minNorm: options.minNorm ?? 1e-6 }), step);
}

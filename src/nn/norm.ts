/** Normalization by the statistics of a sample; those of a batch are in batchNorm.ts. */
import { ArgumentError, type Tensor } from "../public.ts";
import type { ShapeSpec } from "../options/shapeSpec.ts";
import * as np from "../numpy/index.ts";
import {
  axes,
  boolean,
  declareOptions,
  either,
  listOf,
  nonNegative,
  required,
  size as sizeKind,
  tensor,
} from "../options/index.ts";
import { requireInput, requireParams } from "./checks.ts";
import type { Layer } from "./layer.ts";

/** Parameters of normalizations; null without `affine`. */
export type NormParams = {
  /** The scale; ones at first. */
  readonly weight: Tensor | null;
  /** The offset; zeros at first. */
  readonly bias: Tensor | null;
};

/** Options that {@link layerNorm} and {@link groupNorm} share. */
export interface NormOptions {
  /** Added to the variance; 1e-5 as in PyTorch. Keras has 1e-3, Flax 1e-6. */
  readonly eps?: number;
  /** If true, there are a scale and an offset. Default true. */
  readonly affine?: boolean;
}

/** Options of {@link layerNorm}. */
export interface LayerNormOptions extends NormOptions {
  /** The sizes of the last axes, whose statistics are taken; a number is the last axis alone. */
  readonly size: number | readonly number[];
}

/** Options of {@link groupNorm}. */
export interface GroupNormOptions extends NormOptions {
  /** Into how many groups of neighbours the channels are split. */
  readonly groups: number;
  /** The size of the last axis. */
  readonly channels: number;
}

const normKinds = { eps: nonNegative, affine: boolean } as const;
const checkLayerNorm = declareOptions<
  LayerNormOptions
>("nn.layerNorm", [], { size: required(either(sizeKind, listOf(sizeKind))), ...normKinds });
const checkGroupNorm = declareOptions<
  GroupNormOptions
>("nn.groupNorm", [], {
  groups: required(sizeKind),
  channels: required(sizeKind),
  ...normKinds,
});

/** Scales and offsets as they begin. */
export function initial(shape: readonly number[], affine: boolean): NormParams {
  return affine ? { weight: np.ones(shape), bias: np.zeros(shape) } : { weight: null, bias: null };
}

/** Options of {@link standardize}. */
export interface StandardizeOptions {
  /** An axis, or several, over which statistics are taken; the last unless given. */
  readonly axis?: number | readonly number[];
  /** Added to the variance; 1e-5. */
  readonly epsilon?: number;
  /** The mean to take off, if it is known. */
  readonly mean?: Tensor;
  /** The variance to divide by, if it is known. */
  readonly variance?: Tensor;
}

const checkStandardize = declareOptions<StandardizeOptions>("nn.standardize", ["x"], {
  axis: axes,
  epsilon: nonNegative,
  mean: tensor,
  variance: tensor,
});

/**
 * `(x - mean) / √(variance + ε)` over some axes. The variance is the mean of squared deviations, what JAX
 * calls the stable algorithm: its default, `mean x² - mean²`, loses all digits far from 0.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const y = nn.standardize(np.array([1e4, 1e4 + 2]));
 * console.assert(Math.abs(await y.slice(1).item() - 1) < 1e-4);
 * ```
 */
export function standardize(x: Tensor, options: StandardizeOptions = {}): Tensor {
  checkStandardize(options);
  const { axis = -1, epsilon = 1e-5 } = options;
  const centered = x.sub(options.mean ?? np.mean(x, { axis, keepdims: true }));
  const variance = options.variance ?? np.mean(np.square(centered), { axis, keepdims: true });
  return centered.mul(np.rsqrt(variance.add(epsilon)));
}

/** Throws unless parameters have both fields, and an input the sizes that they were made for. */
function check(layer: string, params: unknown, x: unknown, form: ShapeSpec): void {
  requireParams(layer, params, ["weight", "bias"]);
  requireInput(`${layer}: the input is`, x, form);
}

/** `x · weight + bias`, of which either may be left out. */
export function scaled(x: Tensor, { weight, bias }: NormParams): Tensor {
  const y = weight === null ? x : x.mul(weight);
  return bias === null ? y : y.add(bias);
}

/**
 * Layer normalization (Ba et al., 2016) over the last axes, of the given size or sizes: […, …sizes] → the same.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const norm = nn.layerNorm({ size: 4 });
 * const y = norm.apply(norm.init(random.key(0)), np.arange(8, { dtype: "float32" }).reshape([2, 4]));
 * console.assert(Math.abs(await np.mean(y).item()) < 1e-6);
 * ```
 *
 * @throws ShapeError when the last axes are of other sizes; TreeError for parameters without weight and bias.
 */
export function layerNorm(
  options: LayerNormOptions,
): Layer<NormParams> {
  checkLayerNorm(options);
  const { size, eps = 1e-5, affine = true } = options;
  const shape = typeof size === "number" ? [size] : size;
  const axis = shape.map((_, i) => i - shape.length);
  return {
    init: () => initial(shape, affine),
    apply(params, x) {
      check("nn.layerNorm", params, x, ["…", ...shape]);
      return scaled(standardize(x, { axis, epsilon: eps }), params);
    },
  };
}

/**
 * Group normalization (Wu & He, 2018) of [batch, …space, channels]: over space and a group of channels.
 * One group normalizes whole samples, as many groups as channels each channel (instance normalization).
 *
 * @throws ArgumentError unless groups divide the channels; ShapeError when the input has others; TreeError for
 * parameters without weight and bias.
 */
export function groupNorm(
  options: GroupNormOptions,
): Layer<NormParams> {
  checkGroupNorm(options);
  const { groups, channels, eps = 1e-5, affine = true } = options;
  if (channels % groups !== 0) {
    throw new ArgumentError(
      `nn.groupNorm: ${channels} channels cannot be split into ${groups} groups`,
      "give a number of groups that divides the number of channels",
    );
  }
  return {
    init: () => initial([channels], affine),
    apply(params, x) {
      check("nn.groupNorm", params, x, ["batch", "…", channels]);
      const split = np.reshape(x, [...x.shape.slice(0, -1), groups, channels / groups]);
      const axis = split.shape.map((_, i) => i).filter((i) => i > 0 && i !== x.ndim - 1);
      return scaled(np.reshape(standardize(split, { axis, epsilon: eps }), x.shape), params);
    },
  };
}

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** The sizes of the last axes, whose squares are averaged; a number is the last axis alone. */
  readonly size: number | readonly number[];
  /** Added to the mean square; 1e-6. */
  readonly eps?: number;
  /** If true, there is a scale. Default true. */
  readonly affine?: boolean;
}

const checkRmsNorm = declareOptions<RmsNormOptions>("nn.rmsNorm", [], {
  size: required(either(sizeKind, listOf(sizeKind))),
  ...normKinds,
});

/**
 * `x / √(mean x² + eps) · weight` (Zhang & Sennrich, 2019) over the last axes: […, …sizes] → the same. There
 * is no offset: `bias` is null.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const norm = nn.rmsNorm({ size: 2 });
 * const y = norm.apply(norm.init(random.key(0)), np.array([3, 3]));
 * console.assert(Math.abs(await np.mean(y).item() - 1) < 1e-6);
 * ```
 *
 * @throws ShapeError when the last axes are of other sizes; TreeError for parameters without weight and bias.
 */
export function rmsNorm(options: RmsNormOptions): Layer<NormParams> {
  checkRmsNorm(options);
  const { size, eps = 1e-6, affine = true } = options;
  const shape = typeof size === "number" ? [size] : size;
  const axis = shape.map((_, i) => i - shape.length);
  return {
    init: () => ({ ...initial(shape, affine), bias: null }),
    apply(params, x) {
      check("nn.rmsNorm", params, x, ["…", ...shape]);
      const square = np.mean(np.square(x), { axis, keepdims: true });
      return scaled(x.mul(np.rsqrt(square.add(eps))), params);
    },
  };
}

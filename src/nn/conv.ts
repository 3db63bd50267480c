/**
 * Convolutions along one or two axes: channels last in what they take and give, PyTorch's layout in
 * their weights.
 */
import { ArgumentError, ShapeError, type Tensor } from "../public.ts";
import type { ShapeSpec } from "../options/shapeSpec.ts";
import {
  count,
  declareOptions,
  describeTree,
  describeValue,
  either,
  listOf,
  oneOf,
  required,
  size,
} from "../options/index.ts";
import * as np from "../numpy/index.ts";
import { requireImages, requireParams } from "./checks.ts";
import { initKinds } from "./kinds.ts";
import type { Layer } from "./layer.ts";
import { affineParams, type InitOptions, type LinearParams } from "./linear.ts";

/** A number for both axes of an image, or one for each axis (a list of one: a sequence). */
export type PerAxis = number | readonly number[];

/** Options of {@link conv}. */
export interface ConvOptions extends InitOptions {
  /** Channels of the input. */
  readonly in: number;
  /** Channels of the output. */
  readonly out: number;
  /** The window: `5` and `[5, 5]` are for images, `[5]` for sequences. */
  readonly kernel: PerAxis;
  /** 1 unless given. */
  readonly stride?: PerAxis;
  /** Zeros on both sides, 0 unless given; or `"same"`: sizes are only divided by the strides. */
  readonly padding?: PerAxis | "same";
  /** 1 unless given. */
  readonly dilation?: PerAxis;
  /** 1 unless given. */
  readonly groups?: number;
}

const perAxisKind = either(size, listOf(size));
const paddingKind = either(either(count, listOf(count)), oneOf("same"));
const windowKinds = {
  in: required(size),
  out: required(size),
  kernel: required(perAxisKind),
  stride: perAxisKind,
  padding: paddingKind,
  dilation: perAxisKind,
  ...initKinds,
} as const;
const checkConv = declareOptions<ConvOptions>("nn.conv", [], { ...windowKinds, groups: size });
const checkTransposed = declareOptions<ConvTransposeOptions>("nn.convTranspose", [], {
  ...windowKinds,
  outputPadding: either(count, listOf(count)),
});

/** The axes of sequences and of images between the batch and the channels, and their layouts. */
const kinds = [
  { space: ["length"], layout: ["NWC", "OIW", "NWC"] },
  { space: ["height", "width"], layout: ["NHWC", "OIHW", "NHWC"] },
] as const;

interface Geometry {
  readonly space: readonly string[];
  /** The numbers of an option for each axis. */
  readonly axes: (option: string, value: PerAxis) => readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly layout: typeof kinds[number]["layout"];
}

function geometry(name: string, options: ConvOptions): Geometry {
  const { kernel: given } = options;
  const kernel = typeof given === "number" ? [given, given] : given;
  const kind = Array.isArray(kernel) ? kinds[kernel.length - 1] : undefined;
  if (!kind) {
    throw new ArgumentError(
      `nn.${name}: the kernel is ${describeValue(kernel)}`,
      "give the size of the window: a number or two for images, a list of one for sequences",
    );
  }
  const axes = perAxis(name, kernel.length);
  return {
    kernel,
    strides: axes("stride", options.stride ?? 1),
    dilation: axes("dilation", options.dilation ?? 1),
    axes,
    ...kind,
  };
}

/** The numbers of an option, by its name, for as many axes as a window has. */
function perAxis(layer: string, rank: number): Geometry["axes"] {
  return (option, value) => {
    if (typeof value === "number") return Array<number>(rank).fill(value);
    if (Array.isArray(value) && value.length === rank) return value;
    throw new ArgumentError(
      `nn.${layer}: the ${option} is ${describeValue(value)}`,
      `give a number, or a list of ${rank}` + (option === "padding" ? ', or "same"' : ""),
    );
  };
}

/** Throws unless parameters have both fields, and an input the axes and channels that they were made for. */
function check(layer: string, params: unknown, x: unknown, form: ShapeSpec): void {
  requireParams(layer, params, ["weight", "bias"]);
  requireImages(`${layer}: the input is`, x, form);
}

function withBias(y: Tensor, { bias }: LinearParams): Tensor {
  return bias === null ? y : y.add(bias);
}

/**
 * Convolution (cross-correlation): [batch, height, width, in] → [batch, height′, width′, out], or
 * [batch, length, in] → [batch, length′, out] with `kernel: [5]`. The weight is [out, in/groups, …window].
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const layer = nn.conv({ in: 3, out: 8, kernel: 5, stride: 2, padding: "same" });
 * const y = layer.apply(layer.init(random.key(0)), np.ones([1, 32, 32, 3]));
 * console.assert(y.shape.join() === "1,16,16,8");
 * ```
 *
 * @throws ArgumentError for windows of other than one or two axes; ShapeError when the input does not fit;
 * TreeError for parameters without weight and bias.
 */
export function conv(options: ConvOptions): Layer<LinearParams> {
  checkConv(options);
  const { space, axes, kernel, strides, dilation, layout } = geometry("conv", options);
  const { padding = 0, groups = 1 } = options;
  if (options.in % groups !== 0 || options.out % groups !== 0) {
    throw new ArgumentError(
      `nn.conv: ${options.in} channels of the input and ${options.out} of the output cannot be split into ${groups} groups`,
      "give a number of groups that divides both",
    );
  }
  const pads = padding === "same" ? "SAME" : axes("padding", padding).map((p) => [p, p] as const);
  return {
    init: (key) => affineParams(key, [options.out, options.in / groups, ...kernel], options),
    apply(params, x) {
      check("nn.conv", params, x, ["batch", ...space, options.in]);
      const y = np.convGeneralDilated(x, params.weight, {
        strides,
        padding: pads,
        rhsDilation: dilation,
        groups,
        dimensionNumbers: layout,
      });
      if (y.size === 0 && x.size > 0) {
        const [window, input] = [kernel.join(", "), describeTree(x)];
        throw new ShapeError(
          `nn.conv: the window [${window}] is larger than the input ${input}`,
          'give a larger input, or padding: "same"',
        );
      }
      return withBias(y, params);
    },
  };
}

/** Options of {@link convTranspose}. */
export interface ConvTransposeOptions extends Omit<ConvOptions, "groups"> {
  /** Added to the end of each axis, which PyTorch needs to name a size; 0 unless given. */
  readonly outputPadding?: PerAxis;
}

/**
 * Transposed convolution, as PyTorch's: sizes become `(n - 1) stride - 2 padding + dilation (kernel - 1) +
 * outputPadding + 1`, or `n · stride` with `"same"`, cut as Keras does. The weight is [in, out, …window].
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const layer = nn.convTranspose({ in: 8, out: 3, kernel: 5, stride: 2, padding: "same" });
 * const y = layer.apply(layer.init(random.key(0)), np.ones([1, 16, 16, 8]));
 * console.assert(y.shape.join() === "1,32,32,3");
 * ```
 *
 * @throws ArgumentError for windows of other than one or two axes; ShapeError when the input does not fit;
 * TreeError for parameters without weight and bias.
 */
export function convTranspose(options: ConvTransposeOptions): Layer<LinearParams> {
  checkTransposed(options);
  const { space, axes, kernel, strides, dilation, layout } = geometry("convTranspose", options);
  const { padding = 0 } = options;
  const extra = axes("outputPadding", options.outputPadding ?? 0);
  const pads = kernel.map((k, i) => {
    const reach = dilation[i]! * (k - 1);
    // The number of elements to cut off the full result of size (n - 1) stride + reach + 1.
    const surplus = reach + 1 - strides[i]!;
    const cut = padding === "same"
      ? [Math.floor(Math.max(surplus, 0) / 2), surplus - Math.floor(Math.max(surplus, 0) / 2)]
      : Array<number>(2).fill(axes("padding", padding)[i]!);
    return [reach - cut[0]!, reach - cut[1]! + extra[i]!] as const;
  });
  return {
    init: (key) => affineParams(key, [options.in, options.out, ...kernel], options, options.out),
    apply(params, x) {
      check("nn.convTranspose", params, x, ["batch", ...space, options.in]);
      const y = np.convTranspose(x, params.weight, {
        strides,
        padding: pads,
        rhsDilation: dilation,
        dimensionNumbers: layout,
        transposeKernel: true,
      });
      return withBias(y, params);
    },
  };
}

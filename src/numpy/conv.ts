/**
 * Convolution over any number of spatial axes (cross-correlation, as everyone in the field says), and
 * its transpose. Layouts are named by letters, as in JAX.
 */
import { isFloat } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval, type Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  boolean,
  declareOptions,
  either,
  integer,
  type Kind,
  kind,
  listOf,
  oneOf,
  pairOf,
  size,
  text,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { integerConv } from "./integerConv.ts";
import { promote, type TensorLike, toNumber } from "./promote.ts";

/** Zeros around the input: as many as make the output's size that of the input (divided by the
 * strides), none, or given numbers before and after each spatial axis. */
export type Padding = "SAME" | "VALID" | readonly (readonly [low: number, high: number])[];

/**
 * Layouts of input, filter and output: `N` is the batch, `C` the channels, `O` and `I` the filter's
 * output and input channels; all other letters are spatial axes.
 */
export type DimensionNumbers = readonly [input: string, filter: string, output: string];

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];

/** Strides, padding and dilation of a convolution. */
export interface ConvOptions {
  /** Distance between the places where the filter is put; 1 unless given. */
  readonly strides?: PerAxis | undefined;
  /** Zeros around the input; `"VALID"`, none, unless given. */
  readonly padding?: Padding | undefined;
  /** Distance between the input's elements, with zeros between; 1 unless given. */
  readonly lhsDilation?: PerAxis | undefined;
  /** Distance between the filter's elements; 1 unless given. */
  readonly rhsDilation?: PerAxis | undefined;
  /** Input and output channels are split into this many independent groups; 1 unless given. */
  readonly groups?: number | undefined;
  /** Layouts; `["NHWC", "HWIO", "NHWC"]` for two spatial axes, `["NWC", "WIO", "NWC"]` for one. */
  readonly dimensionNumbers?: DimensionNumbers | undefined;
}

/** One number for all spatial axes, or one for each. */
export const perSpaceAxis: Kind<PerAxis> = either(size, listOf(size));
/** The kinds of padding. */
export const padding: Kind<Padding> = either(oneOf("SAME", "VALID"), listOf(pairOf(integer)));
/** The kind of layouts. */
export const layoutKind: Kind<DimensionNumbers> = kind<DimensionNumbers>(
  "three layouts, of input, filter and output",
  '["NHWC", "HWIO", "NHWC"]',
  listOf(text, 3).accepts,
);

/**
 * Convolution of an input `[batch, …space, channels]` with a filter `[…space, in, out]`:
 * `y[n, p, o] = Σ_{q, i} x[n, p·stride + q·dilation - low, i] w[q, i, o]`. Integers stay integers.
 *
 * ```ts
 * import { np } from "trilevel";
 * const images = np.ones([2, 8, 8, 3]), filters = np.ones([5, 5, 3, 16]);
 * const y = np.convGeneralDilated(images, filters, { strides: 2, padding: "SAME" });
 * console.assert(y.shape.join() === "2,4,4,16");
 * const signal = np.array([[[1], [2], [4]]]), difference = np.array([[[-1]], [[1]]]);
 * console.assert(String(await np.convGeneralDilated(signal, difference).data()) === "1,2");
 * ```
 *
 * @throws ShapeError when channels, groups or axes do not fit; ArgumentError for layouts that do not.
 */
export const convGeneralDilated: (
  input: TensorLike,
  filter: TensorLike,
  options?: ConvOptions,
) => Tensor = managed(
  (input, filter, options = {}) => {
    const [x, w] = promote("convGeneralDilated", [input, filter], toNumber) as [Tensor, Tensor];
    const layout = layoutOf("convGeneralDilated", x, w, options.dimensionNumbers);
    const lhs = lax.transpose(x, layout.input);
    const rhs = lax.transpose(w, layout.filter);
    const { groups = 1 } = options;
    const [channels, out, taken] = [lhs.shape[1]!, rhs.shape[0]!, rhs.shape[1]!];
    if (channels !== taken * groups || out % groups !== 0) {
      throw new ShapeError(
        `convGeneralDilated: the input ${
          formatAval(x.aval)
        } has ${channels} channels, the filter ` +
          `${formatAval(w.aval)} takes ${taken} and gives ${out}, with groups ${groups}`,
        "the filter takes the input's channels divided by the groups, and gives a multiple of the groups; " +
          "dimensionNumbers say which axes these are",
      );
    }
    const rank = layout.input.length - 2;
    const per = (value: PerAxis | undefined, what: string) =>
      perAxis("convGeneralDilated", what, value ?? 1, rank);
    const lhsDilation = per(options.lhsDilation, "lhsDilation");
    const rhsDilation = per(options.rhsDilation, "rhsDilation");
    const strides = per(options.strides, "strides");
    const padding = options.padding ?? "VALID";
    if (padding === "SAME" && lhsDilation.some((d) => d !== 1)) {
      throw new ArgumentError(
        'convGeneralDilated: padding "SAME" cannot be combined with lhsDilation',
        "use convTranspose, or give the padding in numbers",
      );
    }
    const reach = rhs.shape.slice(2).map((k, i) => k === 0 ? 0 : (k - 1) * rhsDilation[i]! + 1);
    const params = {
      strides,
      padding: paddingOf("convGeneralDilated", padding, lhs.shape.slice(2), reach, strides),
      lhsDilation,
      rhsDilation,
      groups,
    };
    const y = isFloat(x.dtype) ? lax.conv(lhs, rhs, params) : integerConv(lhs, rhs, params);
    return lax.transpose(y, layout.output);
  },
  declareOptions("np.convGeneralDilated", ["input", "filter"], {
    strides: perSpaceAxis,
    padding,
    lhsDilation: perSpaceAxis,
    rhsDilation: perSpaceAxis,
    groups: size,
    dimensionNumbers: layoutKind,
  }),
);

/** Strides, padding and dilation of a transposed convolution. */
export interface ConvTransposeOptions
  extends Pick<ConvOptions, "rhsDilation" | "dimensionNumbers"> {
  /** Distance of the input's elements in the output; 1 unless given. */
  readonly strides?: PerAxis | undefined;
  /** `"SAME"` (the default): the output's size is the input's times the strides. */
  readonly padding?: Padding | undefined;
  /**
   * True if the filter is that of the convolution to transpose, turned around and with its channels
   * exchanged (as in PyTorch and Keras); false unless given, as in JAX.
   */
  readonly transposeKernel?: boolean | undefined;
}

/**
 * Transposed convolution, as `jax.lax.conv_transpose`: the input's elements are moved `strides`
 * apart, then convolved.
 *
 * ```ts
 * import { np } from "trilevel";
 * const y = np.convTranspose(np.ones([1, 4, 4, 8]), np.ones([5, 5, 8, 3]), { strides: 2 });
 * console.assert(y.shape.join() === "1,8,8,3");
 * ```
 */
export const convTranspose: (
  input: TensorLike,
  filter: TensorLike,
  options?: ConvTransposeOptions,
) => Tensor = managed(
  (input, filter, options = {}) => {
    const [x, w] = promote("convTranspose", [input, filter], toNumber) as [Tensor, Tensor];
    const layout = layoutOf("convTranspose", x, w, options.dimensionNumbers);
    const [outAxis, inAxis, ...space] = layout.filter as [number, number, ...number[]];
    const strides = perAxis("convTranspose", "strides", options.strides ?? 1, space.length);
    const dilation = perAxis(
      "convTranspose",
      "rhsDilation",
      options.rhsDilation ?? 1,
      space.length,
    );
    const { padding = "SAME" } = options;
    const turned = lax.reverse(w, options.transposeKernel ? space : []);
    const exchanged = w.shape.map((_, i) => i === outAxis ? inAxis : i === inAxis ? outAxis : i);
    return convGeneralDilated(
      x,
      options.transposeKernel ? lax.transpose(turned, exchanged) : turned,
      {
        padding: typeof padding !== "string" ? padding : space.map((axis, i) => {
          const reach = (w.shape[axis]! - 1) * dilation[i]! + 1;
          return transposedPadding(reach, strides[i]!, padding);
        }),
        lhsDilation: strides,
        rhsDilation: dilation,
        dimensionNumbers: options.dimensionNumbers,
      },
    );
  },
  declareOptions("np.convTranspose", ["input", "filter"], {
    strides: perSpaceAxis,
    padding,
    rhsDilation: perSpaceAxis,
    transposeKernel: boolean,
    dimensionNumbers: layoutKind,
  }),
);

/** The padding with which JAX surrounds a dilated input, for filters that span this many elements. */
function transposedPadding(
  reach: number,
  stride: number,
  padding: "SAME" | "VALID",
): readonly [number, number] {
  const total = reach + stride - 2 + (padding === "SAME" ? 0 : Math.max(reach - stride, 0));
  const low = padding === "VALID" || stride > reach - 1 ? reach - 1 : Math.ceil(total / 2);
  return [low, total - low];
}

interface Layout {
  /** Axes of the input in the order batch, channels, space. */
  readonly input: readonly number[];
  /** Axes of the filter in the order out, in, space. */
  readonly filter: readonly number[];
  /** Axes of (batch, channels, space) in the order of the output. */
  readonly output: readonly number[];
}

function layoutOf(
  name: string,
  x: Tensor,
  w: Tensor,
  numbers: DimensionNumbers = x.ndim === 3 ? ["NWC", "WIO", "NWC"] : ["NHWC", "HWIO", "NHWC"],
): Layout {
  const [input, filter, output] = numbers;
  const space = [...input].filter((c) => c !== "N" && c !== "C");
  const rank = space.length + 2;
  const has = (spec: string, letters: readonly string[]) =>
    spec.length === rank && letters.every((c) => spec.includes(c));
  if (
    new Set(input).size !== rank || !has(input, ["N", "C"]) ||
    !has(filter, ["O", "I", ...space]) || !has(output, ["N", "C", ...space])
  ) {
    throw new ArgumentError(
      `${name}: the layouts ${numbers.map((n) => `"${n}"`).join(", ")} do not name the same axes`,
      'name every axis once in each, as ["NHWC", "HWIO", "NHWC"]',
    );
  }
  if (x.ndim !== rank || w.ndim !== rank) {
    throw new ShapeError(
      `${name}: input ${formatAval(x.aval)} and filter ${
        formatAval(w.aval)
      } do not fit the layouts ` +
        `"${input}" and "${filter}"`,
      `give tensors with ${rank} axes, or other dimensionNumbers`,
    );
  }
  const ordered = ["N", "C", ...space];
  return {
    input: ordered.map((c) => input.indexOf(c)),
    filter: ["O", "I", ...space].map((c) => filter.indexOf(c)),
    output: [...output].map((c) => ordered.indexOf(c)),
  };
}

/** One number for each spatial axis. */
export function perAxis(name: string, what: string, value: PerAxis, rank: number): number[] {
  const list = typeof value === "number" ? Array<number>(rank).fill(value) : [...value];
  if (list.length === rank && list.every((n) => Number.isInteger(n) && n >= 1)) return list;
  throw new ArgumentError(
    `${name}: ${what} (${list.join(", ")}) do not fit ${rank} spatial axes`,
    "give one whole number, 1 or more, or one for each axis",
  );
}

/** Zeros before and after each spatial axis, for windows that span this many elements. */
export function paddingOf(
  name: string,
  padding: Padding,
  sizes: Shape,
  reach: readonly number[],
  strides: readonly number[],
): (readonly [number, number])[] {
  if (padding === "VALID") return sizes.map(() => [0, 0] as const);
  if (padding === "SAME") {
    return sizes.map((n, i) => {
      const out = Math.ceil(n / strides[i]!);
      const total = Math.max(0, (out - 1) * strides[i]! + reach[i]! - n);
      return [Math.floor(total / 2), Math.ceil(total / 2)] as const;
    });
  }
  if (padding.length === sizes.length && padding.flat().every((n) => Number.isInteger(n))) {
    return [...padding];
  }
  throw new ArgumentError(
    `${name}: padding ${JSON.stringify(padding)} does not fit ${sizes.length} spatial axes`,
    'give "SAME", "VALID", or a pair of whole numbers for each axis',
  );
}

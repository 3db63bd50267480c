/**
 * Convolution (cross-correlation, as everyone in the field says): batch × channels × space, filters
 * out × in × space. Other layouts are transposes around it.
 */
import { ShapeError } from "../core/errors.ts";
import { asOperands, LinearInput, type Params, type Primitive } from "../core/program.ts";
import { aval, formatAval, type Shape, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { add } from "./elementwise.ts";
import { bilinearJvp, requireDType } from "./rules.ts";
import { full, reshape } from "./broadcast.ts";
import { reverse, transpose } from "./shape.ts";

/** The movement of a filter: one entry per spatial axis. */
export interface ConvParams extends Params {
  readonly strides: readonly number[];
  /** Zeros added before and after (after `lhsDilation`); negative numbers cut off. */
  readonly padding: readonly (readonly [low: number, high: number])[];
  /** Distance between the input's elements, with zeros between: makes a transposed convolution. */
  readonly lhsDilation: readonly number[];
  /** Distance between the filter's elements. */
  readonly rhsDilation: readonly number[];
  /** Input and output channels are split into this many independent groups. */
  readonly groups: number;
}

const dilated = (n: number, by: number) => n === 0 ? 0 : (n - 1) * by + 1;
const space = (shape: Shape) => shape.slice(2);
const spatialAxes = (shape: Shape) => space(shape).map((_, i) => i + 2);

const convPrimitive: Primitive<ConvParams> = {
  name: "conv",
  abstractEval([x, w], { strides, padding, lhsDilation, rhsDilation, groups }) {
    requireDType("conv", x, (d) => d === "float32" || d === "float64", "floats");
    const rank = x.shape.length - 2;
    const fits = rank >= 1 && w.shape.length === rank + 2 && x.dtype === w.dtype &&
      [strides, padding, lhsDilation, rhsDilation].every((p) => p.length === rank) &&
      x.shape[1] === w.shape[1]! * groups && w.shape[0]! % groups === 0;
    if (!fits) {
      throw new ShapeError(
        `conv: input ${formatAval(x)} (batch, channels, space) does not fit the filter ` +
          `${formatAval(w)} (out, in, space) with ${groups} group(s)`,
        "the filter's `in` times the groups must be the input's channels, `out` a multiple of the " +
          "groups, the element types equal, and every spatial axis needs its stride, padding and dilations",
      );
    }
    const out = space(x.shape).map((n, i) => {
      const padded = dilated(n, lhsDilation[i]!) + padding[i]![0] + padding[i]![1];
      const window = dilated(w.shape[i + 2]!, rhsDilation[i]!);
      return Math.max(0, Math.floor((padded - window) / strides[i]!) + 1);
    });
    return [aval([x.shape[0]!, w.shape[0]!, ...out], x.dtype)];
  },
  jvp: bilinearJvp(() => convPrimitive, add),
  transpose([ct], [x, w], params) {
    if (!ct) return [null, null];
    return x instanceof LinearInput
      ? [inputGradient(ct, x.aval.shape, w as Tensor, params), null]
      : [null, filterGradient(ct, x, (w as LinearInput).aval.shape, params)];
  },
  batch([x, w], [xBatched, wBatched], params, { size }) {
    const { groups } = params;
    if (xBatched && !wBatched) {
      const [, batch, ...rest] = x.shape;
      const y = conv(reshape(x, [size * batch!, ...rest]), w, params);
      return { outputs: [reshape(y, [size, batch!, ...y.shape.slice(1)])] };
    }
    const [, out, inside, ...window] = w.shape;
    const perGroup = out! / groups;
    if (!xBatched) {
      // Each group gets the filters of all batch elements: (batch, groups, out) → (groups, batch, out).
      const split = reshape(w, [size, groups, perGroup, inside!, ...window]);
      const grouped = swap(split, 0, 1);
      const y = conv(x, reshape(grouped, [groups * size * perGroup, inside!, ...window]), params);
      const [n, , ...rest] = y.shape;
      const parts = reshape(y, [n!, groups, size, perGroup, ...rest]);
      const order = [2, 0, 1, 3, ...rest.map((_, i) => i + 4)];
      return { outputs: [reshape(transpose(parts, order), [size, n!, out!, ...rest])] };
    }
    // Both: batch elements become groups, of which there must be one.
    const [, batch, channels, ...rest] = x.shape;
    if (size === 0) {
      const element = (y: Tensor) => aval(y.shape.slice(1), y.dtype);
      const [out] = convPrimitive.abstractEval(asOperands([element(x), element(w)]), params);
      return { outputs: [full([0, ...out!.shape], 0, x.dtype)] };
    }
    const y = conv(
      reshape(swap(x, 0, 1), [batch!, size * channels!, ...rest]),
      reshape(w, [size * out!, inside!, ...window]),
      { ...params, groups: size * groups },
    );
    return { outputs: [swap(reshape(y, [batch!, size, out!, ...y.shape.slice(2)]), 0, 1)] };
  },
};

/** x̄ = z̄ dilated by the strides ⋆ the filter turned around, its `in` and `out` exchanged. */
function inputGradient(ct: Tensor, shape: Shape, w: Tensor, params: ConvParams): Tensor {
  const { strides, padding, lhsDilation, rhsDilation, groups } = params;
  const [out, inside, ...window] = w.shape;
  const split = reshape(w, [groups, out! / groups, inside!, ...window]);
  const exchanged = reshape(swap(split, 1, 2), [groups * inside!, out! / groups, ...window]);
  return conv(ct, reverse(exchanged, spatialAxes(w.shape)), {
    strides: lhsDilation,
    padding: space(shape).map((n, i) => {
      const reach = dilated(window[i]!, rhsDilation[i]!) - 1;
      const low = reach - padding[i]![0];
      const covered = dilated(ct.shape[i + 2]!, strides[i]!);
      return [low, dilated(n, lhsDilation[i]!) + reach - covered - low] as const;
    }),
    lhsDilation: strides,
    rhsDilation,
    groups,
  });
}

/**
 * w̄[q] = Σ x[i] z̄[p] over all i·lhsDilation = p·stride + q·rhsDilation - low. Either operand may move over the other;
 * the smaller one is the window: x for a transposed convolution, whose result is larger than its input.
 */
function filterGradient(ct: Tensor, x: Tensor, shape: Shape, params: ConvParams): Tensor {
  return sizeOf(space(x.shape)) < sizeOf(space(ct.shape))
    ? underInput(ct, x, shape, params)
    : underCotangent(ct, x, shape, params);
}

/** w̄ = x ⋆ z̄ with batch and channels exchanged; the strides become z̄'s dilation. */
function underCotangent(ct: Tensor, x: Tensor, shape: Shape, params: ConvParams): Tensor {
  const { strides, padding, lhsDilation, rhsDilation, groups } = params;
  const [out, inside, ...window] = shape;
  const [batch] = x.shape;
  // (batch, groups, in) → (in, groups, batch), and (batch, groups, out) → (groups, out, batch).
  const input = swap(reshape(x, [batch!, groups, inside!, ...space(x.shape)]), 0, 2);
  const output = swap(ct, 0, 1);
  const gradient = conv(reshape(input, [inside!, groups * batch!, ...space(x.shape)]), output, {
    strides: rhsDilation,
    padding: window.map((n, i) => {
      const low = padding[i]![0];
      const missing = dilated(ct.shape[i + 2]!, strides[i]!) -
        dilated(x.shape[i + 2]!, lhsDilation[i]!);
      return [low, missing + dilated(n, rhsDilation[i]!) - low - 1] as const;
    }),
    lhsDilation,
    rhsDilation: strides,
    groups,
  });
  return swap(reshape(gradient, [inside!, out!, ...window]), 0, 1);
}

/** w̄ = z̄ ⋆ x turned around, with batch and channels exchanged; the input's dilation stays its own. */
function underInput(ct: Tensor, x: Tensor, shape: Shape, params: ConvParams): Tensor {
  const { strides, padding, lhsDilation, rhsDilation, groups } = params;
  const [out, inside, ...window] = shape;
  const [batch] = x.shape;
  const perGroup = out! / groups;
  // (batch, groups, out) → (out, groups, batch), and (batch, groups, in) → (groups, in, batch).
  const output = swap(reshape(ct, [batch!, groups, perGroup, ...space(ct.shape)]), 0, 2);
  const gradient = conv(
    reshape(output, [perGroup, groups * batch!, ...space(ct.shape)]),
    swap(x, 0, 1),
    {
      strides: rhsDilation,
      padding: window.map((n, i) => {
        const low = dilated(n, rhsDilation[i]!) - 1 - padding[i]![0];
        const missing = dilated(x.shape[i + 2]!, lhsDilation[i]!) -
          dilated(ct.shape[i + 2]!, strides[i]!);
        return [low, missing + dilated(n, rhsDilation[i]!) - low - 1] as const;
      }),
      lhsDilation: strides,
      rhsDilation: lhsDilation,
      groups,
    },
  );
  // (out, groups, in) → (groups, out, in)
  const split = swap(reshape(gradient, [perGroup, groups, inside!, ...window]), 0, 1);
  return reverse(reshape(split, shape), spatialAxes(shape));
}

function swap(x: Tensor, a: number, b: number): Tensor {
  return transpose(x, x.shape.map((_, i) => i === a ? b : i === b ? a : i));
}

/** The convolution family, by name. */
export const convPrimitives = { conv: convPrimitive } as const;

/** Convolution; see {@link ConvParams}. */
export function conv(x: Tensor, w: Tensor, params: ConvParams): Tensor {
  return bind(convPrimitive, [x, w], params)[0];
}

/** Bits: packed into bytes and taken out of them, and counted. Bytes are whole numbers from 0 to 255, as uint32. */
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { axis, declareOperands, declareOptions, integer, oneOf } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { padAfter, stretchOf } from "./parts.ts";
import { asTensor, axisOf, requireIntegers, type TensorLike, truth } from "./promote.ts";

const c = lax.fullLike;

/** The order and the axis of bits in bytes. */
export interface BitOptions {
  /** The axis along which eight bits are one byte; the flattened tensor's unless given. */
  readonly axis?: number | undefined;
  /** `"big"` (the default): the first bit counts most; `"little"`: it counts 1. */
  readonly bitorder?: "big" | "little" | undefined;
}

/** The tensor, flattened if no axis is named, and the axis. */
function along(name: string, x: Tensor, axis: number | undefined): [x: Tensor, axis: number] {
  if (axis === undefined) return [lax.reshape(x, [x.size]), 0];
  return [x, axisOf(name, axis, x.ndim)];
}

/** The places of bits in their bytes, along an axis of eight. */
const placesOf = (x: Tensor, axis: number, bitorder: "big" | "little") => {
  const place = lax.iota(x.shape, "uint32", axis);
  return bitorder === "little" ? place : lax.sub(c(place, 7), place);
};

/**
 * Packs bits (elements that are not 0) into bytes, eight in one; zeros are added at the end. Bytes are uint32 here (in JAX uint8).
 *
 * ```ts
 * import { np } from "trilevel";
 * const bytes = np.packbits(np.array([1, 0, 0, 0, 0, 0, 1, 1, 1]));
 * console.assert(String(await bytes.data()) === "131,128");
 * console.assert(String(await np.unpackbits(bytes, { count: 9 }).data()) === "1,0,0,0,0,0,1,1,1");
 * ```
 */
export const packbits: (x: TensorLike, options?: BitOptions) => Tensor = managed(
  (x, { axis, bitorder = "big" } = {}) => {
    const [t, at] = along("packbits", truth(x), axis);
    const bytes = Math.ceil(t.shape[at]! / 8);
    const whole = padAfter(lax.convert(t, "uint32"), at, 8 * bytes);
    const bits = lax.reshape(whole, whole.shape.toSpliced(at, 1, bytes, 8));
    return lax.reduceSum(lax.shiftLeft(bits, placesOf(bits, at + 1, bitorder)), [at + 1]);
  },
  declareOptions("np.packbits", ["x"], { axis, bitorder: oneOf("big", "little") }),
);

/** Options of {@link unpackbits}. */
export interface UnpackOptions extends BitOptions {
  /** That many: the last ones are left out, or zeros added. A negative number is left out at the end. */
  readonly count?: number | undefined;
}

/** The bits of bytes, each 0 or 1, in uint32; the inverse of {@link packbits}. @throws DTypeError of floats. */
export const unpackbits: (x: TensorLike, options?: UnpackOptions) => Tensor = managed(
  (x, { axis, bitorder = "big", count } = {}) => {
    requireIntegers("unpackbits", [x]);
    const [t, at] = along("unpackbits", lax.convert(asTensor(x), "uint32"), axis);
    if (t.ndim === 0) {
      throw new ShapeError(
        `unpackbits: expected one axis or more, got ${formatAval(t.aval)}`,
        "reshape it: x.reshape([1])",
      );
    }
    const n = t.shape[at]!;
    const eight = t.shape.toSpliced(at + 1, 0, 8);
    const spread = lax.broadcast(t, eight, t.shape.map((_, i) => i <= at ? i : i + 1));
    const moved = lax.shiftRightLogical(spread, placesOf(spread, at + 1, bitorder));
    const bits = lax.reshape(lax.and(moved, c(moved, 1)), t.shape.with(at, 8 * n));
    if (count === undefined) return bits;
    const wanted = count < 0 ? Math.max(0, 8 * n + count) : count;
    return wanted <= 8 * n ? stretchOf(bits, at, 0, wanted) : padAfter(bits, at, wanted);
  },
  declareOptions("np.unpackbits", ["x"], {
    axis,
    bitorder: oneOf("big", "little"),
    count: integer,
  }),
);

/**
 * The number of bits that are 1 in the absolute value of each whole number; uint32 (in JAX uint8).
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([0, 1, 7, -8], { dtype: "int32" });
 * console.assert(String(await np.bitwiseCount(x).data()) === "0,1,3,1");
 * ```
 *
 * @throws DTypeError of floats.
 */
export const bitwiseCount: (x: TensorLike) => Tensor = managed((x) => {
  requireIntegers("bitwiseCount", [x]);
  const t = asTensor(x);
  const size = t.dtype === "int32" ? lax.abs(t) : t;
  let y = lax.convert(size, "uint32");
  // Sums of neighbouring groups of 1, 2 and 4 bits, side by side; the product adds up four bytes.
  const masked = (z: Tensor, mask: number) => lax.and(z, c(z, mask));
  const shifted = (z: Tensor, by: number) => lax.shiftRightLogical(z, c(z, by));
  y = lax.sub(y, masked(shifted(y, 1), 0x55555555));
  y = lax.add(masked(y, 0x33333333), masked(shifted(y, 2), 0x33333333));
  y = masked(lax.add(y, shifted(y, 4)), 0x0f0f0f0f);
  return shifted(lax.mul(y, c(y, 0x01010101)), 24);
}, declareOperands("np.bitwiseCount", ["x"]));

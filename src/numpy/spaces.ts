/** Numbers evenly spaced between two: by differences, by exponents, by quotients. */
import { isInteger } from "../core/dtype.ts";
import type { Tensor } from "../core/tensor.ts";
import { axis, boolean, declareOptions, dtype, number } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import type { DTypeOptions } from "./creation.ts";
import { managed } from "./managed.ts";
import { alignPair, axisOf, checkCount, stretch, type TensorLike, toFloat } from "./promote.ts";

/** Options of {@link linspace}. */
export interface LinspaceOptions extends DTypeOptions {
  /** True if `stop` is the last number; true unless given. */
  readonly endpoint?: boolean | undefined;
  /** The position of the new axis when `start` or `stop` have axes; 0 unless given. */
  readonly axis?: number | undefined;
}

/**
 * `count` numbers (50 unless given) from `start` to `stop`, evenly spaced; both may be tensors.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.linspace(0, 1, 5).data()) === "0,0.25,0.5,0.75,1");
 * ```
 */
export const linspace: (
  start: TensorLike,
  stop: TensorLike,
  count?: number,
  options?: LinspaceOptions,
) => Tensor = managed(
  (start, stop, count = 50, { endpoint = true, axis = 0, dtype } = {}) => {
    checkCount("linspace", "the count", count);
    const strong = (type: Parameters<typeof toFloat>[0]) => ({ ...toFloat(type), weak: false });
    const [a, b] = alignPair("linspace", start, stop, strong);
    const shape = [count, ...a.shape];
    const index = lax.iota(shape, a.dtype, 0);
    const steps = Math.max(1, endpoint ? count - 1 : count);
    const t = lax.div(index, lax.fullLike(index, steps));
    const from = lax.mul(stretch("linspace", a, shape), lax.sub(lax.fullLike(t, 1), t));
    const line = lax.add(from, lax.mul(stretch("linspace", b, shape), t));
    const at = axisOf("linspace", axis, shape.length);
    const rest = shape.map((_, i) => i).slice(1);
    const moved = lax.transpose(line, [...rest.slice(0, at), 0, ...rest.slice(at)]);
    if (dtype === undefined) return moved;
    return lax.convert(isInteger(dtype) ? lax.floor(moved) : moved, dtype);
  },
  declareOptions("np.linspace", ["start", "stop", "count"], { endpoint: boolean, axis, dtype }),
);

/** Powers of `base` (10 unless given), their exponents as {@link linspace} gives them. */
export const logspace: (
  start: TensorLike,
  stop: TensorLike,
  count?: number,
  options?: LinspaceOptions & { readonly base?: number },
) => Tensor = managed(
  (start, stop, count = 50, { base = 10, dtype, ...options } = {}) => {
    const exponents = linspace(start, stop, count, options);
    const powers = lax.pow(lax.fullLike(exponents, base), exponents);
    return dtype === undefined ? powers : lax.convert(powers, dtype);
  },
  declareOptions("np.logspace", ["start", "stop", "count"], {
    base: number,
    endpoint: boolean,
    axis,
    dtype,
  }),
);

/**
 * Numbers from `start` to `stop` whose quotients are equal; both may be tensors. The ends are exact.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = await np.geomspace(1, 8, 4).data();
 * console.assert(x[0] === 1 && Math.abs(x[1]! - 2) < 1e-5 && x[3] === 8);
 * ```
 */
export const geomspace: (
  start: TensorLike,
  stop: TensorLike,
  count?: number,
  options?: LinspaceOptions,
) => Tensor = managed(
  (start, stop, count = 50, { endpoint = true, axis = 0, dtype } = {}) => {
    const strong = (type: Parameters<typeof toFloat>[0]) => ({ ...toFloat(type), weak: false });
    const [a, b] = alignPair("geomspace", start, stop, strong);
    // Negative numbers are powers with a minus.
    const minus = lax.and(lax.lt(a, lax.fullLike(a, 0)), lax.lt(b, lax.fullLike(b, 0)));
    const sign = lax.select(minus, lax.fullLike(a, -1), lax.fullLike(a, 1));
    const exponents = linspace(lax.log(lax.mul(a, sign)), lax.log(lax.mul(b, sign)), count, {
      endpoint,
    });
    const spread = (x: Tensor) => stretch("geomspace", x, exponents.shape);
    const powers = lax.mul(lax.exp(exponents), spread(sign));
    const index = lax.iota(powers.shape, "int32", 0);
    const isAt = (i: number) => lax.eq(index, lax.fullLike(index, i));
    const last = endpoint && count > 1 ? lax.select(isAt(count - 1), spread(b), powers) : powers;
    const exact = lax.select(isAt(0), spread(a), last);
    const at = axisOf("geomspace", axis, exact.ndim);
    const rest = exact.shape.map((_, i) => i).slice(1);
    const moved = lax.transpose(exact, [...rest.slice(0, at), 0, ...rest.slice(at)]);
    return dtype === undefined ? moved : lax.convert(moved, dtype);
  },
  declareOptions("np.geomspace", ["start", "stop", "count"], { endpoint: boolean, axis, dtype }),
);

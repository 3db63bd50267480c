/** Options and helpers of functions whose results have a size that the caller gives; not for users. */
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { stretchOf } from "./parts.ts";
import type { TensorLike } from "./promote.ts";

/** The size of a result whose number of elements depends on values. */
export interface SizeOptions {
  /** The size of the result: further elements are cut off, missing ones are filled up. */
  readonly size: number;
}

/** The size of a result whose number of elements depends on values, and the value that fills it up. */
export interface FillOptions extends SizeOptions {
  /** The value of the places behind the last element; each function says its default. */
  readonly fillValue?: TensorLike | undefined;
}

/**
 * The indices of the first places of a vector of booleans that are true: `size` of them, int32, 0 where there are no
 * more; and how many there are.
 */
export function firstTrue(mask: Tensor, size: number): [places: Tensor, count: Tensor] {
  const n = mask.size;
  const counts = lax.convert(mask, "int32");
  const total = lax.reduceSum(counts, [0]);
  if (n === 0 || size === 0) return [lax.full([size], 0, "int32"), total];
  const number = lax.sub(lax.cumsum(counts, 0), lax.full([n], 1, "int32"));
  // All others go to one place behind the last, which is cut off.
  const target = lax.select(
    mask,
    lax.min(number, lax.full([n], size, "int32")),
    lax.full([n], size, "int32"),
  );
  const found = lax.scatter(
    lax.full([size + 1], 0, "int32"),
    lax.reshape(target, [n, 1]),
    lax.iota([n], "int32", 0),
    "set",
  );
  return [stretchOf(found, 0, 0, size), total];
}

/** True for as many first places of a vector as there are elements. */
export function filled(size: number, count: Tensor): Tensor {
  return lax.lt(lax.iota([size], "int32", 0), lax.broadcast(count, [size], []));
}

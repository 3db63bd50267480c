/** What functions share whose results have a size that the caller says; not for users. */
import type { Tensor } from "../core/tensor.ts";
import type { Check } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import type { TensorLike } from "./promote.ts";

/** How many elements a result has room for, whose number depends on values. */
export interface SizeOptions {
  /** The size of the result: what is beyond is cut off, what is missing is filled up. */
  readonly size: number;
}

/** How many elements a result has room for, and what fills it up. */
export interface FillOptions extends SizeOptions {
  /** What stands behind the last element; each function says what it is unless given. */
  readonly fillValue?: TensorLike | undefined;
}

/** A managed function whose options cannot be left out, after a number of operands. */
export function sized<Operands extends readonly unknown[], O extends object, R>(
  f: (...args: [...Operands, O]) => R,
  check: Check<O>,
): (...args: [...Operands, O]) => R {
  const place = check.declaration.operands.length;
  const checked = (...args: [...Operands, O]): R => {
    check(args[place], args);
    return f(...args);
  };
  // The options are looked at above, since `managed` lets them be left out.
  return (managed as (f: typeof checked) => typeof checked)(checked);
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

/** Kinds of options that are tensors, or describe them. */
import type { DType } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { Tensor } from "../core/tensor.ts";
import { nearest } from "./nearest.ts";
import { either, integer, type Kind, kind, listOf } from "./kinds.ts";

const oneType = (what: string, ...types: readonly DType[]): Kind<DType> => ({
  expected: `${what}, one of ${types.map((type) => `"${type}"`).join(", ")}`,
  example: `"${types[0]}"`,
  accepts: (value) => types.some((type) => type === value),
  meant: (value) => {
    const type = typeof value === "string" ? nearest(value, types) : undefined;
    return type && `"${type}"`;
  },
  refusal: (message, hint) => new DTypeError(message, hint),
});

/** An element type. */
export const dtype: Kind<DType> = oneType(
  "an element type",
  "float32",
  "float64",
  "int32",
  "uint32",
  "bool",
);
/** An element type of reals. */
export const floatType: Kind<DType> = oneType("a float type", "float32", "float64");
/** An element type of whole numbers. */
export const integerType: Kind<DType> = oneType("an integer type", "int32", "uint32");

/** A tensor. */
export const tensor: Kind<Tensor> = kind("a tensor", "np.array(1)", (x) => x instanceof Tensor);

/** A number of a kind, or a tensor that holds one: what may change from step to step. */
export function scalarOf(of: Kind<number>): Kind<number | Tensor> {
  const single = (x: unknown) => x instanceof Tensor && x.ndim === 0;
  return either(of, kind<Tensor>("a scalar tensor", "np.array(1)", single));
}

/** A tensor, a number or a boolean. */
export const tensorLike: Kind<Tensor | number | boolean> = kind(
  "a tensor, a number or a boolean",
  "1",
  (x) => x instanceof Tensor || typeof x === "number" || typeof x === "boolean",
);

/** A key of random numbers. */
export const key: Kind<Tensor> = kind(
  "a random key, a uint32 tensor of shape [2]",
  "random.key(0)",
  (x) => x instanceof Tensor && x.dtype === "uint32" && x.ndim === 1 && x.shape[0] === 2,
);

/** An axis, which may count from the end; the function knows how many there are. */
export const axis: Kind<number> = { ...integer, example: "0" };

/** An axis or several. */
export const axes: Kind<number | readonly number[]> = either(axis, listOf(axis));

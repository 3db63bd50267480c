/** Arithmetic on trees of tensors, which optimizers are made of. */
import { ArgumentError, type DType, type Tensor } from "../public.ts";
import * as tree from "../tree.ts";
import * as np from "../numpy/index.ts";
import type { Scalar } from "./transformation.ts";

/** Applies `f` to corresponding leaves; the result has the first tree's structure, and so its type. */
export function mapLeaves<S>(
  f: (leaf: Tensor, ...rest: Tensor[]) => Tensor,
  first: S,
  ...rest: readonly unknown[]
): S {
  // Tensors stay tensors, which `MapTree<S, Tensor, Tensor>` cannot tell TypeScript; `tree.map`
  // checks the other trees' structures.
  return tree.map<S, Tensor>(f, first, ...(rest as readonly NoInfer<S>[])) as S;
}

/** The leaves of a tree of tensors. */
export function tensors(of: unknown): Tensor[] {
  return tree.leaves(of as tree.Tree<Tensor>); // the callers' trees hold tensors only
}

/** Zeros in the structure of a tree. */
export function zerosLike<S>(of: S): S {
  return mapLeaves((x) => np.zerosLike(x), of);
}

/** `condition ? a : b` for whole trees; `condition` is a boolean scalar. */
export function select<S>(condition: Tensor, a: S, b: S): S {
  return mapLeaves((x, y) => np.where(condition, x, y), a, b);
}

/** The widest float type among the leaves: the one to keep hyperparameters in. */
export function floatType(of: unknown): DType {
  return tensors(of).some((x) => x.dtype === "float64") ? "float64" : "float32";
}

/** Σ aᵀb over all leaves. */
export function vdot(a: unknown, b: unknown): Tensor {
  const others = tensors(b);
  const dtype = floatType(a);
  return tensors(a)
    .map((x, i) => np.sum(np.astype(x, dtype).mul(np.astype(others[i]!, dtype))))
    .reduce((sum, x) => sum.add(x), np.zeros([], { dtype }));
}

/** The parameters, or an error that says which transformation needs them. */
export function required<P>(params: P | undefined, name: string): P {
  if (params !== undefined) return params;
  throw new ArgumentError(
    `${name} needs the parameters`,
    "give them as the third argument: optimizer.update(gradients, state, params)",
  );
}

/** `1 - x`, on the host if `x` is a number: so it loses no digits. */
export function oneMinus(x: Scalar): Scalar {
  return typeof x === "number" ? 1 - x : np.subtract(1, x);
}

/** A step count one higher; it stays at the largest int32 rather than wrap around. */
export function increment(count: Tensor): Tensor {
  return np.minimum(count, 0x7ffffffe).add(1);
}

/** A step count of 0. */
export function zeroCount(): Tensor {
  return np.zeros([], { dtype: "int32" });
}

/** The moving average `decay · average + (1 - decay) · x`. */
export function movingAverage(x: Tensor, average: Tensor, decay: Scalar): Tensor {
  return x.mul(oneMinus(decay)).add(average.mul(decay));
}

/**
 * An average that started from 0, divided by the weight `1 - decayᶜᵒᵘⁿᵗ` that is in it. The power is
 * taken by `expm1`: `1 - 0.999` in float32 has lost three digits.
 */
export function unbiased(average: Tensor, decay: Scalar, count: Tensor): Tensor {
  if (decay === 0) return average;
  const steps = np.astype(count, average.dtype);
  const logarithm = typeof decay === "number" ? Math.log(decay) : np.log(decay);
  return average.div(np.negative(np.expm1(steps.mul(logarithm))));
}

/**
 * The average gradient of Adam and its variants, rid of its bias; with `nesterov` that of one step ahead,
 * `b1 m̂ₜ₊₁ + (1 - b1) ĝₜ` (Dozat, 2016).
 */
export function direction(
  gradient: Tensor,
  average: Tensor,
  b1: Scalar,
  count: Tensor,
  nesterov: boolean,
): Tensor {
  if (!nesterov) return unbiased(average, b1, count);
  return movingAverage(unbiased(gradient, b1, count), unbiased(average, b1, increment(count)), b1);
}

/** The tree with these leaves, in order, in place of its own. */
export function withLeaves<S>(like: S, leaves: readonly Tensor[]): S {
  let next = 0;
  return mapLeaves(() => leaves[next++]!, like);
}

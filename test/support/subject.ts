/** A primitive with the operands of a case, as the functions that properties are about. */
import type { Backend } from "../../src/runtime/backend.ts";
import { isFloat } from "../../src/core/dtype.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import * as lax from "../../src/primitives/index.ts";
import { type HostArray, hostArray, place, Random } from "./arrays.ts";
import type { Case, Subject } from "./primitiveCases.ts";
import { reference } from "./reference.ts";

/** A function of some operands, the others being given. */
export interface Restricted {
  readonly f: (...xs: Tensor[]) => Tensor[];
  readonly xs: Tensor[];
  readonly hosts: readonly HostArray[];
}

/** The primitive as a function of the operands that `chosen` picks. */
export function restricted(
  subject: Subject,
  example: Case,
  chosen: (x: HostArray, i: number) => boolean,
  backend: Backend = reference,
): Restricted {
  const operands = example.operands();
  const tensors = operands.map((x) => place(x, backend));
  const active = operands.flatMap((x, i) => chosen(x, i) ? [i] : []);
  return {
    f: (...xs) => {
      const all = [...tensors];
      active.forEach((i, k) => all[i] = xs[k]!);
      return subject.apply(all, example.params);
    },
    xs: active.map((i) => tensors[i]!),
    hosts: active.map((i) => operands[i]!),
  };
}

/** The primitive as a function of its float operands. */
export const onFloats = (subject: Subject, example: Case): Restricted =>
  restricted(subject, example, (x) => isFloat(x.dtype));

/** Directions in the space of arrays: numbers of either sign, none small. */
export function directions(like: readonly HostArray[], seed: number): HostArray[] {
  const random = new Random(seed);
  return like.map((x) =>
    hostArray(x.dtype, x.shape, () => (random.next() < 0.5 ? -1 : 1) * random.between(0.3, 1))
  );
}

/** Shapes and types of tensors, as arrays of zeros. */
export const likeTensors = (xs: readonly Tensor[]): HostArray[] =>
  xs.map((x) => hostArray(x.dtype, x.shape, () => 0));

/** The sum of products of all elements. */
export function inner(xs: readonly Tensor[], ys: readonly Tensor[]): Tensor {
  return xs.map((x, i) =>
    lax.convert(lax.reduceSum(lax.mul(x, ys[i]!), x.shape.map((_, a) => a)), "float64")
  ).reduce(lax.add, lax.full([], 0, "float64"));
}

/** The float ones among a function's results. */
export const floatsOf = (xs: readonly (Tensor | null)[]): Tensor[] =>
  xs.filter((x): x is Tensor => x !== null && isFloat(x.dtype));

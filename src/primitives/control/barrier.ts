/**
 * `barrier`: the identity on several values at once, through which no compiler pass looks. What comes after
 * it can start only when all its inputs exist, and is not merged with the same work done before: that is
 * how `checkpoint` makes sure that recomputation happens, and when.
 */
import type { Primitive } from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind } from "../../core/trace.ts";
import { instantiate } from "../broadcast.ts";

const barrierPrimitive: Primitive = {
  name: "barrier",
  ownWeakness: true,
  abstractEval: (inputs) => [...inputs],
  jvp(primals, tangents) {
    const moving = tangents.flatMap((t, i) => t ? [i] : []);
    const moved = barrier(moving.map((i) => instantiate(tangents[i], primals[i]!)));
    const result: (Tensor | null)[] = primals.map(() => null);
    moving.forEach((i, k) => result[i] = moved[k]!);
    return { outputs: barrier(primals), tangents: result };
  },
  transpose: (cotangents) => [...cotangents],
  batch: (inputs, batched) => ({ outputs: barrier(inputs), batched }),
};

/** The same values, behind a barrier. */
export function barrier(xs: readonly Tensor[]): Tensor[] {
  return [...bind(barrierPrimitive, xs, {})];
}

export { barrierPrimitive };

/** Showing values to the host while a program runs. */
import type { EffectParams, HostCallback, Primitive } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";

/** Calls the host with the inputs' values; under `vmap` once, with the whole batch. */
const callbackPrimitive: Primitive<EffectParams> = {
  name: "callback",
  effect: true,
  abstractEval: () => [],
  jvp: (primals, _, params) => ({
    outputs: bind(callbackPrimitive, primals, params),
    tangents: [],
  }),
  transpose: null,
  batch: (inputs, _, params) => ({ outputs: bind(callbackPrimitive, inputs, params) }),
};

/** Primitives with effects: lifted out of programs before they are compiled. */
export const hostPrimitives = { callback: callbackPrimitive } as const;

/** Shows tensors to the host, in program order; if `fatal`, an error it throws fails the run. */
export function callback(xs: readonly Tensor[], see: HostCallback, fatal = false): void {
  bind(callbackPrimitive, xs, { callback: see, fatal });
}

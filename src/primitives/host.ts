/** Showing values to the host while a program runs, and keeping the compiler from merging. */
import type { HostCallback } from "../core/effects.ts";
import type { Params, Primitive } from "../core/primitive.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";

/** Parameters of `callback`. */
export interface CallbackParams extends Params {
  readonly callback: HostCallback;
}

/** Calls the host with the inputs' values; under `vmap` once, with the whole batch. */
const callbackPrimitive: Primitive<CallbackParams> = {
  name: "callback",
  effect: true,
  shape: () => [],
  jvp: (primals, _, params) => ({
    outputs: bind(callbackPrimitive, primals, params),
    tangents: [],
  }),
  transpose: null,
  batch: (inputs, _, params) => ({ outputs: bind(callbackPrimitive, inputs, params) }),
};

/** Primitives with effects: lifted out of programs before they are compiled. */
export const hostPrimitives = { callback: callbackPrimitive } as const;

/** Shows tensors to the host, in program order. */
export function callback(xs: readonly Tensor[], see: HostCallback): void {
  bind(callbackPrimitive, xs, { callback: see });
}

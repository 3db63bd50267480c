/** The instruction set: every primitive by its name, and a function to apply each. */
import { controlPrimitives } from "./control.ts";
import { convPrimitives } from "./conv.ts";
import { dotPrimitives } from "./dot.ts";
import { elementwisePrimitives } from "./elementwise.ts";
import { hostPrimitives } from "./host.ts";
import { indexingPrimitives } from "./indexing.ts";
import { randomPrimitives } from "./random.ts";
import { reducePrimitives } from "./reduce.ts";
import { shapePrimitives } from "./shape.ts";
import type { Params, Primitive } from "../core/program.ts";

/** Every primitive that backends implement. Calls are not among them: they are inlined before. */
export const primitives = {
  ...elementwisePrimitives,
  ...shapePrimitives,
  ...reducePrimitives,
  ...dotPrimitives,
  ...convPrimitives,
  ...indexingPrimitives,
  ...randomPrimitives,
  ...controlPrimitives,
} as const;

/** The names of the primitives that backends implement. */
export type PrimitiveName = keyof typeof primitives;

/** The parameters of a primitive. */
export type ParamsOf<Name extends PrimitiveName> = (typeof primitives)[Name] extends
  Primitive<infer P extends Params> ? P : never;

export * from "./calls.ts";
export * from "./control.ts";
export * from "./conv.ts";
export * from "./dot.ts";
export * from "./elementwise.ts";
export { erfInv } from "./erfInv.ts";
export * from "./host.ts";
export * from "./indexing.ts";
export { pureCallback, type PureCallbackParams, type VmapMethod } from "./pureCallback.ts";
export * from "./random.ts";
export * from "./reduce.ts";
export * from "./shape.ts";
export { softmax } from "./softmax.ts";
export {
  broadcast,
  broadcastBatch,
  type BroadcastParams,
  full,
  fullLike,
  instantiate,
  reduceSum,
  reshape,
  type ReshapeParams,
} from "./broadcast.ts";
export type { ReduceParams } from "./reduction.ts";
export { hostPrimitives };

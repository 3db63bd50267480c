/**
 * The slot through which operations are computed when no trace is open. Core knows no backend: the runtime
 * (`src/runtime`) fills the slot when it is loaded, as backends of JAX define the implementations of its primitives.
 */
import type { Aval } from "./aval.ts";
import { InternalError } from "./errors.ts";
import type { Params, Primitive } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** The functions of the runtime that core needs. */
export interface Runtime {
  /** Runs one primitive at once. */
  run<P extends Params>(
    primitive: Primitive<P>,
    inputs: readonly Tensor[],
    params: P,
    avals: readonly Aval[],
  ): Tensor[];
  /**
   * The results of `f`, which can be read only if the checks of all runs in `f` go well. Results that are among the
   * inputs stay as they are.
   */
  guard(f: () => Tensor[], inputs: readonly Tensor[]): Tensor[];
}

let current: Runtime | undefined;

/** Fills the slot. */
export function setRuntime(runtime: Runtime): void {
  current = runtime;
}

/** The runtime that computes operations. */
export function runtime(): Runtime {
  if (!current) throw new InternalError("an operation was applied before the runtime was loaded");
  return current;
}

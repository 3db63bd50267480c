/** Hooks: functions of a program that are called during a run. */
import type { Scores } from "../tasks/task.ts";

/** The progress of the run, and its parameters: tensors that live until the hook has ended, with all that it awaits. */
export interface HookAt<P> {
  /** Finished updates. */
  readonly step: number;
  readonly params: P;
  /** Ends training after this step, as if it were the last one. */
  stop(): void;
}

/** Functions that are called at moments of a run; what they return is awaited, and has no meaning. */
export interface Hooks<P = unknown> {
  /** After every update. Reading a tensor here waits for the device, at every step. */
  afterStep?(at: HookAt<P>): unknown;
  /** After scores on validation data; `best` tells that they are the best so far. */
  afterEvaluation?(
    at: HookAt<P> & { readonly scores: Scores; readonly best: boolean },
  ): unknown;
  /** After a checkpoint was written. */
  afterCheckpoint?(at: HookAt<P> & { readonly path: string }): unknown;
}

/**
 * Effects: what a program shows to the host while it runs. Backends know nothing of them: before
 * compiling, each effect's inputs become outputs of the program, and the host acts when they arrive.
 */
import type { TypedArray } from "./dtype.ts";
import { type Aval, type Equation, type Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** A host function that sees values. It must be quick, and must not throw. */
export type HostCallback = (values: readonly TypedArray[], avals: readonly Aval[]) => void;

/** An effect of a program: what to call, with which of its last outputs. */
export interface Effect {
  readonly callback: HostCallback;
  readonly count: number;
}

/** The program with its effects' inputs as further outputs, in program order. */
export function liftEffects(program: Program): { program: Program; effects: Effect[] } {
  const effects: Effect[] = [];
  const shown: Program["outputs"][number][] = [];
  const equations = program.equations.filter((equation) => {
    if (!equation.primitive.effect) return true;
    effects.push({ callback: callbackOf(equation), count: equation.inputs.length });
    shown.push(...equation.inputs);
    return false;
  });
  if (effects.length === 0) return { program, effects };
  return { program: { ...program, equations, outputs: [...program.outputs, ...shown] }, effects };
}

function callbackOf(equation: Equation): HostCallback {
  // Every primitive with an effect has this parameter; see primitives/callback.ts.
  return (equation.params as { callback: HostCallback }).callback;
}

let queue: Promise<void> = Promise.resolve();

/** Takes the effects' values off a run's outputs and calls the host in order. */
export function perform(effects: readonly Effect[], outputs: readonly Tensor[]): Tensor[] {
  const shown = effects.reduce((sum, e) => sum + e.count, 0);
  let next = outputs.length - shown;
  const results = outputs.slice(0, next);
  for (const { callback, count } of effects) {
    const tensors = outputs.slice(next, next += count);
    const values = Promise.all(tensors.map((x) => x.data()));
    queue = queue.then(async () => {
      callback(await values, tensors.map((x) => x.aval));
      tensors.forEach((x) => x.dispose());
    }).catch((error) => console.error(error));
  }
  return results;
}

/** Waits until all effects of the runs so far have happened. */
export function effectsDone(): Promise<void> {
  return queue;
}

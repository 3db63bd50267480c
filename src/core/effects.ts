/**
 * Effects: what a program shows to the host while it runs. Backends know nothing of them: before
 * compiling, each effect's inputs become outputs of the program, and the host acts when they arrive.
 */
import type { TypedArray } from "./dtype.ts";
import { BackendError } from "./errors.ts";
import type { Params } from "./primitive.ts";
import { type Aval, type Equation, hasEffect, type Program, sizeOf, Var } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** A host function that sees values. It must be quick. */
export type HostCallback = (values: readonly TypedArray[], avals: readonly Aval[]) => void;

/** Parameters of a primitive with an effect. */
export interface EffectParams extends Params {
  readonly callback: HostCallback;
  /** Whether an error that it throws fails the run: its results then reject. */
  readonly fatal: boolean;
}

/** An effect of a program, of which the program's last outputs are the inputs. */
export type Effect =
  | { readonly kind: "call"; readonly params: EffectParams; readonly avals: readonly Aval[] }
  | {
    readonly kind: "loop";
    readonly length: number;
    readonly reverse: boolean;
    readonly body: readonly Effect[];
    readonly avals: readonly Aval[];
  };

/** The program with its effects' inputs as further outputs, in program order. */
export function liftEffects(program: Program): { program: Program; effects: Effect[] } {
  const effects: Effect[] = [];
  const shown: Program["outputs"][number][] = [];
  const equations = program.equations.flatMap((equation): Equation[] => {
    if (!hasEffect(equation)) return [equation];
    const { primitive, params, inputs, outputs } = equation;
    if (primitive.effect) {
      // Every primitive with an effect has these parameters: see primitives/host.ts.
      const own = params as EffectParams;
      effects.push({ kind: "call", params: own, avals: inputs.map((a) => a.aval) });
      shown.push(...inputs);
      return [];
    }
    const loop = primitive.loop?.(params);
    if (!loop) {
      throw new BackendError(
        `${primitive.name} contains an effect (debug.print, debug.callback)`,
        "effects run at the top, in vmap and in scan, but not in cond and whileLoop: show values after them",
      );
    }
    const lifted = liftEffects(loop.body);
    const inside = lifted.program.outputs.slice(loop.body.outputs.length).map((a) => a.aval);
    const stacked = inside.map((a) => ({ ...a, shape: [loop.length, ...a.shape] }));
    effects.push({ ...loop, kind: "loop", body: lifted.effects, avals: stacked });
    const more = stacked.map((a) => new Var(a));
    shown.push(...more);
    return [{ ...equation, params: loop.withBody(lifted.program), outputs: [...outputs, ...more] }];
  });
  if (effects.length === 0) return { program, effects };
  return { program: { ...program, equations, outputs: [...program.outputs, ...shown] }, effects };
}

let queue: Promise<void> = Promise.resolve();

/** Calls the host for effects whose values these outputs are; settles when done. */
export function perform(effects: readonly Effect[], outputs: readonly Tensor[]): Promise<void> {
  const values = Promise.all(outputs.map((x) => x.data()));
  const done = queue.then(async () => {
    try {
      act(effects, await values);
    } finally {
      outputs.forEach((x) => x.dispose());
    }
  });
  queue = done.catch(() => {}); // later effects happen all the same
  return done;
}

function act(effects: readonly Effect[], values: readonly TypedArray[]): void {
  let next = 0;
  for (const effect of effects) {
    const own = values.slice(next, next += effect.avals.length);
    if (effect.kind === "call") {
      try {
        effect.params.callback(own, effect.avals);
      } catch (error) {
        if (effect.params.fatal) throw error;
        console.error(error);
      }
      continue;
    }
    for (let i = 0; i < effect.length; i++) {
      const step = effect.reverse ? effect.length - 1 - i : i;
      act(
        effect.body,
        own.map((data, k) => {
          const size = sizeOf(effect.avals[k]!.shape) / effect.length;
          return data.subarray(step * size, (step + 1) * size);
        }),
      );
    }
  }
}

/** Waits until all effects of the runs so far have happened. */
export function effectsDone(): Promise<void> {
  return queue;
}

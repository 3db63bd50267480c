/**
 * Effects: what a program shows to the host while it runs. Backends know nothing of them: before
 * compiling, each effect's inputs become outputs of the program, and the host acts when they arrive.
 */
import type { TypedArray } from "../core/dtype.ts";
import { BackendError } from "../core/errors.ts";
import {
  type EffectParams,
  type Equation,
  hasEffect,
  type Program,
  subprograms,
} from "../core/program.ts";
import { type Atom, type Aval, sizeOf, Var } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
/** An effect of a program, of which the program's last outputs are the inputs. */
export type Effect =
  | { readonly kind: "call"; readonly params: EffectParams; readonly avals: readonly Aval[] }
  | {
    /** The first output says which branch runs; the others are those of all branches, one after the other. */
    readonly kind: "choice";
    readonly branches: readonly (readonly Effect[])[];
    readonly avals: readonly Aval[];
  }
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
  const shown: Atom[] = [];
  const show = (effect: Effect, values: readonly Atom[]) => {
    effects.push(effect);
    shown.push(...values);
  };
  const equations = program.equations.flatMap((e) => hasEffect(e) ? lift(e, show) : [e]);
  if (effects.length === 0) return { program, effects };
  return { program: { ...program, equations, outputs: [...program.outputs, ...shown] }, effects };
}

/** An equation without its effects, which are shown from now on. */
function lift(
  equation: Equation,
  show: (effect: Effect, values: readonly Atom[]) => void,
): Equation[] {
  const { primitive, params, inputs, outputs } = equation;
  if (primitive.effect) {
    // Every primitive with an effect has these parameters: see primitives/host.ts.
    const own = params as EffectParams;
    show({ kind: "call", params: own, avals: inputs.map((a) => a.aval) }, inputs);
    return [];
  }
  const loop = primitive.loop?.(params);
  if (loop) {
    const lifted = liftEffects(loop.body);
    const inside = addedAvals(lifted.program, loop.body);
    const stacked = inside.map((a) => ({ ...a, shape: [loop.length, ...a.shape] }));
    const more = stacked.map((a) => new Var(a));
    show({ ...loop, kind: "loop", body: lifted.effects, avals: stacked }, more);
    return [{ ...equation, params: loop.withBody(lifted.program), outputs: [...outputs, ...more] }];
  }
  const choice = primitive.branches?.(params);
  if (choice) {
    const lifted = choice.branches.map(liftEffects);
    const inside = lifted.flatMap((l, i) => addedAvals(l.program, choice.branches[i]!));
    const more = inside.map((a) => new Var(a));
    const avals = [inputs[0]!.aval, ...inside];
    show({ kind: "choice", branches: lifted.map((l) => l.effects), avals }, [inputs[0]!, ...more]);
    const branches = choice.withBranches(lifted.map((l) => l.program));
    return [{ ...equation, params: branches, outputs: [...outputs, ...more] }];
  }
  const bounded = primitive.asScan?.(inputs.map((a) => a.aval), params);
  if (bounded) return lift({ ...equation, ...bounded }, show);
  throw new BackendError(
    `debug.print or debug.callback${
      placeOf(firstEffect(equation))
    } is in a loop's condition, or in a loop ` +
      `that has no bound on its steps (${primitive.name}${placeOf(equation)})`,
    "values are shown when a run is over, so the number of steps must be bounded: give whileLoop maxSteps, and show values " +
      "in its body, not in its condition",
  );
}

function firstEffect(equation: Equation): Equation | undefined {
  if (equation.primitive.effect) return equation;
  const inner = subprograms(equation.params).flatMap((p) => p.equations).find(hasEffect);
  return inner && firstEffect(inner);
}

const placeOf = (equation: Equation | undefined) =>
  equation?.site?.line ? ` at ${equation.site.line}` : "";

/** The outputs that a program has beyond those of another one. */
function addedAvals(program: Program, before: Program): Aval[] {
  return program.outputs.slice(before.outputs.length).map((a) => a.aval);
}

let queue: Promise<void> = Promise.resolve();
let checks: Promise<void>[] | undefined;

/** Runs `f`, and gives what must go well before anything that it made may be read. */
export function collectChecks<R>(f: () => R): [result: R, checks: readonly Promise<void>[]] {
  const outer = checks;
  const own: Promise<void>[] = checks = [];
  try {
    return [f(), own];
  } finally {
    checks = outer;
    outer?.push(...own);
  }
}

const isFatal = (effect: Effect): boolean => {
  switch (effect.kind) {
    case "call":
      return effect.params.fatal;
    case "choice":
      return effect.branches.flat().some(isFatal);
    case "loop":
      return effect.body.some(isFatal);
  }
};

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
  if (effects.some(isFatal)) checks?.push(done);
  return done;
}

function act(effects: readonly Effect[], values: readonly TypedArray[]): void {
  let next = 0;
  for (const effect of effects) {
    const own = values.slice(next, next += effect.avals.length);
    switch (effect.kind) {
      case "call":
        call(effect.params, own, effect.avals);
        break;
      case "choice":
        choose(effect.branches, own);
        break;
      case "loop":
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
}

function call(
  { callback, fatal }: EffectParams,
  values: readonly TypedArray[],
  avals: readonly Aval[],
): void {
  try {
    callback(values, avals);
  } catch (error) {
    if (fatal) throw error;
    console.error(error);
  }
}

function choose(
  branches: readonly (readonly Effect[])[],
  [index, ...values]: readonly TypedArray[],
): void {
  const taken = Math.min(Math.max(index![0]!, 0), branches.length - 1);
  const counts = branches.map((b) => b.reduce((sum, e) => sum + e.avals.length, 0));
  const start = counts.slice(0, taken).reduce((sum, n) => sum + n, 0);
  act(branches[taken]!, values.slice(start, start + counts[taken]!));
}

/** Waits until all effects of the runs so far have happened. */
export function effectsDone(): Promise<void> {
  return queue;
}

/** The parts of a program that run as functions of their own: all of it, or its loops. */
import { type Atom, Var } from "../../../core/aval.ts";
import { type Equation, type Program, subprograms } from "../../../core/program.ts";
import { equationsIn } from "../../../compiler/cost.ts";
import { hasFewSteps } from "../../../compiler/passes/unroll.ts";
import { definitionsOf, isEquation, Substitution } from "../../../compiler/rewrite.ts";
import type { Stage } from "../code.ts";
import { assembled } from "../simd/stages.ts";
import { isRepeat, isView } from "../simd/views.ts";
import { canBeWhole, canBeWritten, isLoop, timeOf, type Times, timesOf } from "./eligible.ts";

/** Decides about a part for which there is code. */
export type Worth = (part: {
  readonly times: Times;
  /** Nanoseconds that it costs beside to take it out of a graph. */
  readonly apart: number;
  /** True if there are loops in it that are not as good as written out. */
  readonly loops: boolean;
}) => boolean;

/** One function for loops, where that is faster by a fifth at least. */
export const isFaster: Worth = ({ times: { whole, graph }, apart, loops }) =>
  loops && whole + apart < 0.8 * graph;

// A graph that is cut in two: another session to call, with tensors to hand over.
const cut = 20000;

// Engines take long to compile a function of more, and run it none the faster.
const mostEquations = 3000;

/** The loops that are to stay loops, when others are written out. */
export function loopsToKeep(program: Program, worth: Worth): ReadonlySet<Equation> {
  const loops = program.equations.filter(isLoop);
  if (loops.length > 0 && isWholeWorth(program, worth)) return new Set(loops);
  return new Set(loops.filter((e) => isWorth(e, worth)));
}

function isWholeWorth(program: Program, worth: Worth): boolean {
  return equationsIn(program) <= mostEquations && canBeWhole(program) &&
    worth({ times: timesOf(program), apart: 0, loops: holdsLoop(program) });
}

function holdsLoop({ equations }: Program): boolean {
  return equations.some((e) => isLongLoop(e) || subprograms(e.params).some(holdsLoop));
}

// The steps of models: written out, they are the same graph to the last bit as when a user writes them out.
const fewSteps = 16;

function isLongLoop(e: Equation): boolean {
  return isLoop(e) &&
    !(isEquation(e, "scan") && e.params.length <= fewSteps && hasFewSteps(e));
}

function isWorth(e: Equation, worth: Worth): boolean {
  return isLoop(e) && equationsIn({ equations: [e] }) <= mostEquations && canBeWritten(e) &&
    worth({ times: timeOf(e), apart: cut, loops: isLongLoop(e) });
}

/** The stages of a program, functions and graphs in turn; nothing where it has no loops that are worth a function. */
export function wholeStages(program: Program, worth: Worth): readonly Stage[] | undefined {
  if (isWholeWorth(program, worth)) return [{ kind: "whole", program }];
  const loops = new Set(program.equations.filter((e) => isWorth(e, worth)));
  if (loops.size === 0) return undefined;
  const turns = turnsOf(program, loops);
  return assembled(program.equations, turns, [], program.outputs, "whole").map((stage) => ({
    ...stage,
    program: withOwnVariables(stage.program),
  }));
}

/** Views are made in every stage that reads them: what a stage makes for itself has variables of its own. */
function withOwnVariables({ inputs, equations, outputs }: Program): Program {
  const values = new Substitution();
  const given = new Set<Atom>(outputs);
  const own = equations.map((e) => {
    const copy = {
      ...e,
      inputs: values.of(e.inputs),
      outputs: e.outputs.map((v) => given.has(v) ? v : new Var(v.aval)),
    };
    values.set(e.outputs, copy.outputs);
    return copy;
  });
  return { inputs, equations: own, outputs };
}

/** Graphs have even turns, loops odd ones. Views have none: they are made where they are read. */
function turnsOf(program: Program, loops: ReadonlySet<Equation>): Map<Equation, number> {
  const makers = definitionsOf(program.equations);
  const results = new Set<Atom>(program.outputs);
  const turns = new Map<Equation, number>();
  const ready = (a: Atom): number => {
    const maker = makers.get(a);
    if (!maker) return 0;
    return turns.get(maker) ?? Math.max(0, ...maker.inputs.map(ready));
  };
  for (const e of program.equations) {
    const seenThrough = (isView(e) || isRepeat(e)) && !results.has(e.outputs[0]!);
    if (seenThrough) continue;
    const first = Math.max(0, ...e.inputs.map(ready));
    const odd = first % 2 === 1;
    turns.set(e, odd === loops.has(e) ? first : first + 1);
  }
  return turns;
}

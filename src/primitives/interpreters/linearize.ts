/**
 * Linearization: a program's forward derivative, split into the part that needs no tangents and the
 * part that is linear in them. What the second needs of the first are the residuals.
 */
import { type Atom, Var } from "../../core/aval.ts";
import { eliminateDeadCode, type Equation, type Program } from "../../core/program.ts";
import { jvpProgram } from "./jvp.ts";
import { flagsKey, Remembered } from "./remembered.ts";

/** A program split at its tangents. */
export interface Linearized {
  /** The program itself, with residuals as further outputs. */
  readonly primal: Program;
  /** From residuals and tangents of active inputs to tangents of active outputs. */
  readonly linear: Program;
  readonly residuals: number;
  /** For each output, true if it has a tangent. */
  readonly active: readonly boolean[];
}

/**
 * Splits a program's derivative with respect to its active inputs. Variables that are `given` become
 * further inputs of the primal part.
 */
export function linearizeProgram(
  program: Program,
  active: readonly boolean[],
  force: readonly boolean[] = [],
  given: readonly Var[] = [],
): Linearized {
  if (force.some(Boolean)) {
    // Mostly those outputs have a tangent anyway, and the derivative is there already.
    const found = linearizeProgram(program, active, [], given);
    if (force.every((f, i) => !f || found.active[i])) return found;
  }
  const key = `${flagsKey(active)} ${flagsKey(force)} ${given.map((v) => v.id)}`;
  return remembered.of(program, key, () => derive(program, active, force, given));
}

const remembered = new Remembered<Linearized>();

function derive(
  program: Program,
  active: readonly boolean[],
  force: readonly boolean[],
  given: readonly Var[],
): Linearized {
  const jvp = jvpProgram(program, active, force, given, true);
  const count = program.inputs.length + given.length;
  const outputs = program.outputs.length;
  const { known, unknown, residuals } = partition(
    jvp.program,
    jvp.program.inputs.slice(count),
    outputs,
  );
  const primal = {
    inputs: jvp.program.inputs.slice(0, count),
    equations: known,
    outputs: [...jvp.program.outputs.slice(0, outputs), ...residuals],
  };
  const linear = {
    inputs: [...residuals, ...jvp.program.inputs.slice(count)],
    equations: unknown,
    outputs: jvp.program.outputs.slice(outputs),
  };
  return {
    primal: eliminateDeadCode(primal),
    linear,
    residuals: residuals.length,
    active: jvp.active,
  };
}

/** Splits equations by whether they depend on some variables. */
function partition(
  program: Program,
  on: readonly Var[],
  primalOutputs: number,
): { known: Equation[]; unknown: Equation[]; residuals: Var[] } {
  const dependent = new Set<Atom>(on);
  const known: Equation[] = [];
  let unknown: Equation[] = [];
  for (const equation of program.equations) {
    if (equation.inputs.some((a) => dependent.has(a))) {
      equation.outputs.forEach((v) => dependent.add(v));
      unknown.push(equation);
    } else known.push(equation);
  }
  const linearOutputs = program.outputs.slice(primalOutputs);
  unknown = [
    ...eliminateDeadCode({ inputs: [], equations: unknown, outputs: linearOutputs }).equations,
  ];
  const needed = [...unknown.flatMap((e) => e.inputs), ...linearOutputs];
  const residuals = new Set(needed.filter((a): a is Var => a instanceof Var && !dependent.has(a)));
  return { known, unknown, residuals: [...residuals] };
}

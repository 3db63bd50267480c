/**
 * Removes dead code, also within loops: values that a loop carries or stacks and that are not read, such as the statistics
 * of a fixed point, are not computed.
 */
import type { Atom, Var } from "../../core/aval.ts";
import { type Equation, hasEffect, type Program } from "../../core/program.ts";
import { fixedFlags } from "../../primitives/control/scan.ts";
import { flagsKey, Remembered } from "../../primitives/interpreters/remembered.ts";
import { type EquationOf, isEquation } from "../rewrite.ts";

type Keep = readonly boolean[];

/** The program without what no output and no effect depends on, at any depth. Inputs stay. */
export function eliminateDeadCodeDeep(program: Program): Program {
  const needed = new Set<Atom>(program.outputs);
  const kept: Equation[] = [];
  for (const equation of program.equations.toReversed()) {
    const used = equation.outputs.map((v) => needed.has(v));
    if (!used.includes(true) && !hasEffect(equation)) continue;
    const trimmed = trimmedFor(equation, used);
    trimmed.inputs.forEach((a) => needed.add(a));
    kept.push(trimmed);
  }
  return { ...program, equations: kept.reverse() };
}

/** The equation without what only its unused outputs need. */
function trimmedFor(equation: Equation, used: Keep): Equation {
  if (isEquation(equation, "scan")) return trimmers.scan(equation, used);
  if (isEquation(equation, "while")) return trimmers.while(equation, used);
  if (isEquation(equation, "cond")) return trimmers.cond(equation, used);
  return equation;
}

const trimmers = {
  /** A carry is needed if it comes out, or if what is needed of the next step reads it. */
  scan(equation: EquationOf<"scan">, used: Keep): Equation {
    const { body, consts, carry, ...rest } = equation.params;
    const carries = fixedFlags(used.slice(0, carry), (c) => {
      const reads = readersIn(trimmedTo(body, [...c, ...used.slice(carry)]));
      return body.inputs.slice(consts, consts + carry).map(reads);
    });
    const outputs = [...carries, ...used.slice(carry)];
    const trimmed = trimmedTo(body, outputs);
    const reads = readersIn(trimmed);
    const inputs = body.inputs.map((v, i) =>
      i >= consts && i < consts + carry ? carries[i - consts]! : reads(v)
    );
    const params: typeof equation.params = {
      ...rest,
      body: { ...trimmed, inputs: pick(body.inputs, inputs) },
      consts: count(inputs.slice(0, consts)),
      carry: count(carries),
    };
    return trim(equation, params, inputs, outputs);
  },
  /** As for `scan`; the condition's needs count as well. */
  while(equation: EquationOf<"while">, used: Keep): Equation {
    const { condition, body, conditionConsts, bodyConsts, ...rest } = equation.params;
    const decide = trimmedTo(condition, [true]);
    const decides = readersIn(decide);
    const decisive = condition.inputs.slice(conditionConsts).map(decides);
    const carries = fixedFlags(
      used.map((u, i) => u || decisive[i]!),
      (c) => body.inputs.slice(bodyConsts).map(readersIn(trimmedTo(body, c))),
    );
    const trimmed = trimmedTo(body, carries);
    const reads = readersIn(trimmed);
    const conditionInputs = [
      ...condition.inputs.slice(0, conditionConsts).map(decides),
      ...carries,
    ];
    const bodyInputs = [...body.inputs.slice(0, bodyConsts).map(reads), ...carries];
    const params: typeof equation.params = {
      ...rest,
      condition: { ...decide, inputs: pick(condition.inputs, conditionInputs) },
      body: { ...trimmed, inputs: pick(body.inputs, bodyInputs) },
      conditionConsts: count(conditionInputs) - count(carries),
      bodyConsts: count(bodyInputs) - count(carries),
    };
    const inputs = [...conditionInputs.slice(0, conditionConsts), ...bodyInputs];
    return trim(equation, params, inputs, carries);
  },
  /** Removes unread results from every branch. */
  cond(equation: EquationOf<"cond">, used: Keep): Equation {
    const { params } = equation;
    const branches = params.branches.map((b) => trimmedTo(b, used));
    const inputs = equation.inputs.map(() => true);
    return trim(equation, { ...params, branches }, inputs, used);
  },
};

function trim(equation: Equation, params: object, inputs: Keep, outputs: Keep): Equation {
  return {
    ...equation,
    params,
    inputs: pick(equation.inputs, inputs),
    outputs: pick(equation.outputs, outputs),
  };
}

const remembered = new Remembered<Program>();

/** A program with some of its outputs, and without what only the others depend on. */
function trimmedTo(program: Program, keep: Keep): Program {
  return remembered.of(
    program,
    flagsKey(keep),
    () => eliminateDeadCodeDeep({ ...program, outputs: pick(program.outputs, keep) }),
  );
}

/** A test for the variables that a program without dead code reads; its outputs count as read. */
function readersIn({ equations, outputs }: Program): (v: Var) => boolean {
  const read = new Set<Atom>([...outputs, ...equations.flatMap((e) => e.inputs)]);
  return (v) => read.has(v);
}

const pick = <T>(list: readonly T[], keep: Keep) => list.filter((_, i) => keep[i]);
const count = (keep: Keep) => keep.filter((k) => k).length;

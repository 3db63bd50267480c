/**
 * Short loops written out, for backends to which a loop is no cheaper than its steps. What a step wrote for a later
 * loop is then read where it is, instead of being stacked and sliced, and what the steps share is computed once.
 */
import { type Atom, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { primitives } from "../../primitives/index.ts";
import { equationsIn } from "../cost.ts";
import { type EquationOf, instantiated, isEquation, rewrite } from "../rewrite.ts";

// Written-out equations take time to compile: a loop of many is left one.
const mostEquations = 2000;

/** The loops of a program that are to stay as they are, with all that is in them. */
export type Kept = (program: Program) => ReadonlySet<Equation>;

/** The program with every `scan` written out whose steps have few equations in all; but for those that are kept. */
export function unrollLoops(program: Program, keptOf: Kept = () => new Set()): Program {
  const kept = new Map([...keptOf(program)].map((e) => [e.outputs[0], e.params]));
  const within = (program: Program) => unrollLoops(program, keptOf);
  return rewrite(program, within, (equation) => {
    const params = kept.get(equation.outputs[0]);
    if (params) return [{ ...equation, params }];
    if (!isEquation(equation, "scan")) return [equation];
    return hasFewSteps(equation) ? steps(equation) : [equation];
  });
}

/** True if a loop has few equations in all: it is written out unless it is to be kept. */
export function hasFewSteps({ params: { length, body } }: EquationOf<"scan">): boolean {
  return length > 0 && length * equationsIn(body) <= mostEquations;
}

/** The steps of a `scan`, one after the other; its outputs are defined at the end. */
function steps({ inputs, outputs, site, params }: EquationOf<"scan">): Equation[] {
  const { body, consts, carry: carried, length, reverse } = params;
  const made: Equation[] = [];
  const add = (e: Omit<Equation, "site">): Var => {
    made.push({ ...e, site });
    return e.outputs[0]!;
  };
  const xs = inputs.slice(consts + carried);
  const ys = outputs.slice(carried);
  const written = ys.map(() => Array<Atom>(length));
  let carry: readonly Atom[] = inputs.slice(consts, consts + carried);
  for (let step = 0; step < length; step++) {
    const at = reverse ? length - 1 - step : step;
    const slices = xs.map((x, i) => {
      const { shape, ...type } = x.aval;
      const sliced = add({
        primitive: primitives.slice,
        params: {
          start: shape.map((_, a) => a === 0 ? at : 0),
          limit: shape.map((n, a) => a === 0 ? at + 1 : n),
          strides: shape.map(() => 1),
        },
        inputs: [x],
        outputs: [new Var({ ...type, shape: shape.with(0, 1) })],
      });
      return reshape(sliced, new Var(body.inputs[consts + carried + i]!.aval));
    });
    const results = instantiated(body, [...inputs.slice(0, consts), ...carry, ...slices]);
    made.push(...results.equations);
    carry = results.outputs.slice(0, carried);
    results.outputs.slice(carried).forEach((y, i) => {
      const { shape, ...type } = y.aval;
      written[i]![at] = reshape(y, new Var({ ...type, shape: [1, ...shape] }));
    });
  }
  outputs.slice(0, carried).forEach((out, i) => reshape(carry[i]!, out));
  ys.forEach((out, i) =>
    add({
      primitive: primitives.concatenate,
      params: { axis: 0 },
      inputs: written[i]!,
      outputs: [out],
    })
  );
  return made;

  /** The same elements as `out`; the next simplification sees through it. */
  function reshape(x: Atom, out: Var): Var {
    const { shape } = out.aval;
    return add({ primitive: primitives.reshape, params: { shape }, inputs: [x], outputs: [out] });
  }
}

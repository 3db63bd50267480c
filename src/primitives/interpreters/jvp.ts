/** Forward mode: from a program to the program that also pushes tangents through it. */
import { isFloat } from "../../core/dtype.ts";
import { Environment } from "../../core/evaluate.ts";
import { asOperands, inputAvals, type Program } from "../../core/program.ts";
import { type Atom, Var } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, dependents, traceClosed, withSourceLocation } from "../../core/trace.ts";
import { instantiate } from "../broadcast.ts";
import { flagsKey, Remembered } from "./remembered.ts";

/** A program with tangents, and which outputs have one. */
export interface JvpProgram {
  /** Inputs: all primals, the given variables, the tangents of active inputs. Outputs likewise. */
  readonly program: Program;
  readonly active: readonly boolean[];
}

/**
 * The outputs that depend differentiably on active inputs are found on the way; outputs that `force`
 * names get a tangent in any case, a zero if need be (loops want their carry the same each time).
 *
 * Tangents are linear in those that come in. One that a rule computes without them, as the rule of a solver or a
 * user's own rule may, is therefore zero. `linear` makes it a symbolic zero again: otherwise all that comes after it
 * would be differentiated in a direction that is zero, which costs time, and fails where there is a reverse rule only.
 */
export function jvpProgram(
  program: Program,
  active: readonly boolean[],
  force: readonly boolean[] = [],
  given: readonly Var[] = [],
  linear = false,
): JvpProgram {
  const key = `${flagsKey(active)} ${flagsKey(force)} ${given.map((v) => v.id)} ${linear}`;
  return remembered.of(program, key, () => derive(program, active, force, given, linear));
}

const remembered = new Remembered<JvpProgram>();

function derive(
  program: Program,
  active: readonly boolean[],
  force: readonly boolean[],
  given: readonly Var[],
  linear: boolean,
): JvpProgram {
  let outActive: boolean[] = [];
  const count = program.inputs.length;
  const avals = [...inputAvals(program), ...given.map((v) => v.aval)];
  const result = traceClosed((...inputs) => {
    const primals = inputs.slice(0, count);
    const values = new Map(given.map((v, i) => [v, inputs[count + i]!]));
    let next = avals.length;
    const tangents = active.map((a) => a ? inputs[next++]! : null);
    const depends = linear ? dependents(tangents.filter((t) => t !== null)) : undefined;
    const [outputs, outTangents] = jvpEval(program, primals, tangents, values, depends);
    outActive = outTangents.map((t, i) => t !== null || (force[i] ?? false));
    const kept = outTangents.flatMap((t, i) => outActive[i] ? [instantiate(t, outputs[i]!)] : []);
    return [...outputs, ...kept];
  }, [...avals, ...avals.filter((_, i) => active[i])]);
  return { program: result, active: outActive };
}

/**
 * Runs a program on primals and tangents at once (`null` is a symbolic zero). Variables that are
 * `given` keep that value instead of the one that their equation computes. Tangents that do not move are symbolic zeros too.
 */
export function jvpEval(
  program: Program,
  primals: readonly Tensor[],
  tangents: readonly (Tensor | null)[],
  given: ReadonlyMap<Var, Tensor> = new Map(),
  moves: (tangent: Tensor) => boolean = () => true,
): [outputs: Tensor[], tangents: (Tensor | null)[]] {
  const env = new Environment(program.inputs, primals);
  const moving = new Map<Atom, Tensor>();
  program.inputs.forEach((v, i) => tangents[i] && moving.set(v, tangents[i]));
  for (const { primitive, params, inputs, outputs, site } of program.equations) {
    const values = inputs.map((a) => env.read(a));
    const directions = inputs.map((a) => moving.get(a) ?? null);
    withSourceLocation(site, () => {
      if (directions.every((t) => t === null)) {
        const computed = bind(primitive, values, params);
        env.define(outputs, outputs.map((v, i) => given.get(v) ?? computed[i]!));
        return;
      }
      const result = primitive.jvp(asOperands(values), asOperands(directions), params);
      env.define(outputs, outputs.map((v, i) => given.get(v) ?? result.outputs[i]!));
      outputs.forEach((v, i) => {
        const t = result.tangents[i];
        // Integers and booleans do not move.
        if (t && isFloat(v.aval.dtype) && moves(t)) moving.set(v, t);
      });
    });
  }
  return [
    program.outputs.map((a) => env.read(a)),
    program.outputs.map((a) => a instanceof Var ? moving.get(a) ?? null : null),
  ];
}

/** From programs to graphs: each equation becomes nodes by its primitive's lowering. */
import { BackendError } from "../../core/errors.ts";
import { type Atom, formatAval, Literal, type Var } from "../../core/aval.ts";
import { asOperands, type Equation, type Program } from "../../core/program.ts";
import type { ParamsOf, PrimitiveName, PrimitiveTable } from "../../primitives/index.ts";
import type { Graph } from "./graph.ts";
import { controlLowerings } from "./lower/control.ts";
import { convLowerings } from "./lower/conv.ts";
import { dotLowerings } from "./lower/dot.ts";
import { elementwiseLowerings } from "./lower/elementwise.ts";
import { indexingLowerings } from "./lower/indexing.ts";
import { randomLowerings } from "./lower/random.ts";
import { reduceLowerings } from "./lower/reduce.ts";
import { shapeLowerings } from "./lower/shape.ts";
import { empty, isEmpty, type Lower, type Operand } from "./operand.ts";

const lowerings: PrimitiveTable<{ [Name in PrimitiveName]: Lower<ParamsOf<Name>> }> = {
  ...elementwiseLowerings,
  ...shapeLowerings,
  ...reduceLowerings,
  ...dotLowerings,
  ...convLowerings,
  ...indexingLowerings,
  ...randomLowerings,
  ...controlLowerings(lowerProgram),
};

// An equation's parameters belong to its primitive, so the entry of its name takes them.
const byName = new Map<string, Lower<object>>(
  Object.entries(lowerings) as unknown as [string, Lower<object>][],
);

/** Adds a program's nodes to a graph and gives its outputs. */
export function lowerProgram(
  g: Graph,
  program: Program,
  inputs: readonly Operand[],
): Operand[] {
  const env = new Map<Var, Operand>(program.inputs.map((v, i) => [v, inputs[i]!]));
  const read = (a: Atom): Operand =>
    a instanceof Literal ? { value: g.scalar(a.aval.dtype, a.value), shape: [] } : env.get(a)!;
  for (const equation of program.equations) {
    const outputs = lowerEquation(g, equation, equation.inputs.map(read));
    equation.outputs.forEach((v, i) => env.set(v, outputs[i]!));
  }
  return program.outputs.map(read);
}

function lowerEquation(
  g: Graph,
  { primitive, params, inputs, outputs }: Equation,
  operands: readonly Operand[],
): readonly Operand[] {
  const avals = outputs.map((v) => v.aval);
  if (avals.every(isEmpty)) return avals.map(empty);
  const lower = byName.get(primitive.name);
  if (!lower) {
    throw new BackendError(
      `the backend "onnx" does not know ${primitive.name}(${
        inputs.map((a) => formatAval(a.aval)).join(", ")
      })`,
      `run it elsewhere: await setBackend("reference")`,
    );
  }
  return lower(g, asOperands(operands), params, avals);
}

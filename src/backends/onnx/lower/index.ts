/** From programs to graphs: each equation becomes nodes by its primitive's lowering. */
import { type Atom, Literal, type Var } from "../../../core/aval.ts";
import { asOperands, type Equation, type Params, type Program } from "../../../core/program.ts";
import type { PrimitiveName } from "../../../primitives/index.ts";
import { entryOf } from "../../lookup.ts";
import type { Graph } from "../graph.ts";
import { controlLowerings } from "./control.ts";
import { convLowerings } from "./conv.ts";
import { dotLowerings } from "./dot.ts";
import { elementwiseLowerings } from "./elementwise.ts";
import { indexingLowerings } from "./indexing.ts";
import { lowerNormalization, normalizationsOf } from "./normalization.ts";
import { randomLowerings } from "./random.ts";
import { reduceLowerings } from "./reduce.ts";
import { shapeLowerings } from "./shape.ts";
import { empty, isEmpty, type Operand } from "../operand.ts";
import type { Lowering, Lowerings } from "./table.ts";

const lowerings: Lowerings<PrimitiveName> = {
  ...elementwiseLowerings,
  ...shapeLowerings,
  ...reduceLowerings,
  ...dotLowerings,
  ...convLowerings,
  ...indexingLowerings,
  ...randomLowerings,
  ...controlLowerings(lowerProgram),
};

/** Adds a program's nodes to a graph and gives its outputs. */
export function lowerProgram(
  g: Graph,
  program: Program,
  inputs: readonly Operand[],
): Operand[] {
  const env = new Map<Var, Operand>(program.inputs.map((v, i) => [v, inputs[i]!]));
  const read = (a: Atom): Operand =>
    a instanceof Literal ? { value: g.scalar(a.aval.dtype, a.value), shape: [] } : env.get(a)!;
  const normalizations = normalizationsOf(program);
  for (const equation of program.equations) {
    const normalization = normalizations.get(equation);
    const outputs = normalization
      ? [lowerNormalization(g, normalization, read)]
      : lowerEquation(g, equation, equation.inputs.map(read));
    equation.outputs.forEach((v, i) => env.set(v, outputs[i]!));
  }
  return program.outputs.map(read);
}

function lowerEquation(
  g: Graph,
  equation: Equation,
  operands: readonly Operand[],
): readonly Operand[] {
  const avals = equation.outputs.map((v) => v.aval);
  if (avals.every(isEmpty)) return avals.map(empty);
  const lower = entryOf<Lowering<Params>>(lowerings, "onnx", equation);
  return lower(g, asOperands(operands), equation.params, avals);
}

/** Walks a program and computes each equation with its kernel. */
import { type Atom, Literal, type Var } from "../../core/aval.ts";
import { lastUses } from "../../core/evaluate.ts";
import type { Params, Program } from "../../core/program.ts";
import type { PrimitiveName } from "../../primitives/index.ts";
import { entryOf } from "../lookup.ts";
import { controlKernels } from "./kernels/control.ts";
import { convKernels } from "./kernels/conv.ts";
import { dotKernels } from "./kernels/dot.ts";
import { elementwiseKernels } from "./kernels/elementwise.ts";
import { indexingKernels } from "./kernels/indexing.ts";
import { randomKernels } from "./kernels/random.ts";
import { reduceKernels } from "./kernels/reduce.ts";
import { shapeKernels } from "./kernels/shape.ts";
import type { Kernel, Kernels } from "./kernels/table.ts";
import { allocateValue, type Value } from "./value.ts";

const kernels: Kernels<PrimitiveName> = {
  ...elementwiseKernels,
  ...shapeKernels,
  ...reduceKernels,
  ...dotKernels,
  ...convKernels,
  ...indexingKernels,
  ...randomKernels,
  ...controlKernels(interpret),
};

/** The program's outputs. Arrays are never changed once made, so they may be shared. */
export function interpret(program: Program, inputs: readonly Value[]): Value[] {
  const values = new Map<Var, Value>();
  program.inputs.forEach((v, i) => values.set(v, inputs[i]!));
  const read = (a: Atom): Value => a instanceof Literal ? constant(a) : values.get(a)!;
  const ends = lastUses(program);
  program.equations.forEach((equation, i) => {
    const kernel = entryOf<Kernel<Params>>(kernels, "reference", equation);
    const results = kernel(
      equation.inputs.map(read),
      equation.params,
      equation.outputs.map((v) => v.aval),
      equation.inputs.map((a) => a.aval),
    );
    equation.outputs.forEach((v, k) => values.set(v, results[k]!));
    ends[i]!.forEach((v) => values.delete(v));
  });
  return program.outputs.map(read);
}

function constant(a: Literal): Value {
  const value = allocateValue(a.aval);
  value.data[0] = a.value;
  return value;
}

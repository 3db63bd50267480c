/** Walks a program and computes each equation with its kernel. */
import { type Atom, Literal, type Var } from "../../core/aval.ts";
import type { Program } from "../../core/program.ts";
import { lastUses } from "../../core/evaluate.ts";
import type { PrimitiveName } from "../../primitives/index.ts";
import { controlKernels } from "./control.ts";
import { elementwiseKernels } from "./elementwise.ts";
import { indexingKernels } from "./indexing.ts";
import type { Kernel, Kernels } from "./kernels.ts";
import { productKernels } from "./products.ts";
import { reduceKernels } from "./reduce.ts";
import { shapeKernels } from "./shape.ts";
import { allocateValue, type Value } from "./value.ts";

const kernels: Kernels<PrimitiveName> = {
  ...elementwiseKernels,
  ...shapeKernels,
  ...reduceKernels,
  ...productKernels,
  ...indexingKernels,
  ...controlKernels(interpret),
};

const byName: Readonly<Record<string, unknown>> = kernels;

/** The program's outputs. Arrays are never changed once made, so they may be shared. */
export function interpret(program: Program, inputs: readonly Value[]): Value[] {
  const values = new Map<Var, Value>();
  program.inputs.forEach((v, i) => values.set(v, inputs[i]!));
  const read = (a: Atom): Value => a instanceof Literal ? constant(a) : values.get(a)!;
  const ends = lastUses(program);
  program.equations.forEach((equation, i) => {
    // The table is exhaustive by type; which parameters belong to the name was checked when bound.
    const kernel = byName[equation.primitive.name] as Kernel<unknown>;
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

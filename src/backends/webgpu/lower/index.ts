/** From a program to values: one lowering for each primitive. */
import { type Atom, Literal, type Var } from "../../../core/aval.ts";
import type { Params, Program } from "../../../core/program.ts";
import { InternalError } from "../../../core/errors.ts";
import type { ParamsOf, PrimitiveName, PrimitiveTable } from "../../../primitives/index.ts";
import { type Region, Value } from "../value.ts";
import { contractions } from "./contraction.ts";
import { control } from "./control.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { random } from "./random.ts";
import { reductions } from "./reduce.ts";
import { shape } from "./shape.ts";
import { type Context, copy, type Lowering, scalar } from "./table.ts";

const lowerings: PrimitiveTable<{ [Name in PrimitiveName]: Lowering<ParamsOf<Name>> }> = {
  ...elementwise,
  ...shape,
  ...reductions,
  ...contractions,
  ...indexing,
  ...random,
  ...control,
};

/** A program as values: its inputs, which are stored, and its outputs, which each want memory. */
export interface Lowered {
  readonly region: Region;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** Lowers a program. */
export function lower(program: Program): Lowered {
  const region: Region = { values: [] };
  const inputs = program.inputs.map(({ aval }) =>
    new Value(region, aval.shape, aval.dtype, { kind: "stored" })
  );
  const results = lowerInto(region, program, inputs, 0);
  // Outputs have memory of their own, even where they are the same value or an input.
  const seen = new Set<Value>(inputs);
  const outputs = results.map((x) => {
    const fresh = x.definition.kind !== "stored" && !seen.has(x);
    seen.add(x);
    return fresh ? x : copy(region, x);
  });
  return { region, inputs, outputs };
}

function lowerInto(
  region: Region,
  program: Program,
  inputs: readonly Value[],
  depth: number,
): Value[] {
  const values = new Map<Var, Value>();
  program.inputs.forEach((v, i) => values.set(v, inputs[i]!));
  const read = (a: Atom): Value =>
    a instanceof Literal ? scalar(region, a.value, a.aval.dtype) : values.get(a)!;
  for (const { primitive, params, inputs, outputs } of program.equations) {
    const context: Context = {
      region,
      outputs: outputs.map((v) => v.aval),
      depth,
      inline: (inner, xs) => lowerInto(region, inner, xs, depth),
      body(inner, make) {
        const body: Region = { values: [], parent: region };
        return { region: body, outputs: lowerInto(body, inner, make(body), depth + 1) };
      },
    };
    const results = lowering(primitive.name)(inputs.map(read), params, context);
    outputs.forEach((v, i) => values.set(v, results[i]!));
  }
  return program.outputs.map(read);
}

function lowering(name: string): Lowering<Params> {
  if (!(name in lowerings)) throw new InternalError(`webgpu has no lowering for ${name}`);
  // The parameters belong to the primitive of this name: bind checked the pair.
  return lowerings[name as PrimitiveName] as Lowering<Params>;
}

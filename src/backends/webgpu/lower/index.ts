/** From a program to values: one lowering for each primitive. */
import { type Atom, Literal, type Var } from "../../../core/aval.ts";
import type { Params, Program } from "../../../core/program.ts";
import type { PrimitiveName } from "../../../primitives/index.ts";
import { entryOf } from "../../lookup.ts";
import { type Region, Value } from "../value.ts";
import { controlLowerings } from "./control.ts";
import { convLowerings } from "./conv.ts";
import { dotLowerings } from "./dot.ts";
import { elementwiseLowerings } from "./elementwise.ts";
import { indexingLowerings } from "./indexing.ts";
import { randomLowerings } from "./random.ts";
import { reduceLowerings } from "./reduce.ts";
import { shapeLowerings } from "./shape.ts";
import { type Context, copy, type Lowering, type Lowerings, scalar } from "./table.ts";

const lowerings: Lowerings<PrimitiveName> = {
  ...elementwiseLowerings,
  ...shapeLowerings,
  ...reduceLowerings,
  ...dotLowerings,
  ...convLowerings,
  ...indexingLowerings,
  ...randomLowerings,
  ...controlLowerings,
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
  for (const equation of program.equations) {
    const { params, inputs, outputs } = equation;
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
    const lowering = entryOf<Lowering<Params>>(lowerings, "webgpu", equation);
    const results = lowering(inputs.map(read), params, context);
    outputs.forEach((v, i) => values.set(v, results[i]!));
  }
  return program.outputs.map(read);
}

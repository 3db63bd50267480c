/** A program as StableHLO: each instruction by the table, which knows them all. */
import { BackendError } from "../../core/errors.ts";
import { type Atom, Literal } from "../../core/aval.ts";
import type { TypedArray } from "../../core/dtype.ts";
import type { Params, Program } from "../../core/program.ts";
import type { PrimitiveName } from "../../primitives/index.ts";
import {
  convLowerings,
  dotLowerings,
  indexingLowerings,
  reduceLowerings,
  shapeLowerings,
} from "./arrays.ts";
import { controlLowerings } from "./control.ts";
import { elementwiseLowerings, threefry } from "./elementwise.ts";
import type { Lowering, Lowerings } from "./lowering.ts";
import { type Value, Writer } from "./writer.ts";

const lowerings: Lowerings<PrimitiveName> = {
  ...elementwiseLowerings,
  ...shapeLowerings,
  ...reduceLowerings,
  ...dotLowerings,
  ...convLowerings,
  ...indexingLowerings,
  ...controlLowerings,
  threefry2x32: threefry,
};

/** The lowering of an instruction: its parameters are those of its name. */
function loweringOf(name: string): Lowering<Params> {
  if (Object.hasOwn(lowerings, name)) {
    return lowerings[name as PrimitiveName] as Lowering<Params>;
  }
  throw new BackendError(
    `toStableHlo: "${name}" calls the host, which an exported program cannot do`,
    "leave out debug.print, debug.callback, errorIf and pureCallback in the function to export",
  );
}

/** The text of a module whose function `main` is a program without calls; its first inputs are constants. */
export function programText(
  program: Program,
  constants: readonly TypedArray[],
  name: string,
): string {
  const write = (inner: Program, inputs: readonly Value[]): readonly Value[] => {
    const values = new Map<Atom, Value>(inner.inputs.map((v, i) => [v, inputs[i]!]));
    const read = (a: Atom): Value =>
      a instanceof Literal ? writer.fill(a.value, a.aval) : values.get(a)!;
    for (const { primitive, params, inputs, outputs } of inner.equations) {
      const results = loweringOf(primitive.name)(
        writer,
        inputs.map(read),
        params,
        outputs.map((v) => v.aval),
      );
      outputs.forEach((v, i) => values.set(v, results[i]!));
    }
    return inner.outputs.map(read);
  };
  const writer = new Writer(write);
  const given = program.inputs.slice(constants.length)
    .map((v, i) => ({ ...v.aval, name: `%arg${i}` }));
  const captured = constants.map((data, i) => writer.constant(data, program.inputs[i]!.aval));
  const outputs = write(program, [...captured, ...given]);
  return writer.text(name, given, outputs);
}

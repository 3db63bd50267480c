/** Lowerings: values for an equation's outputs, in terms of those of its inputs. */
import type { Params, Program } from "../../../core/program.ts";
import type { Aval } from "../../../core/aval.ts";
import type { ParamsOf, PrimitiveName } from "../../../primitives/index.ts";
import { constant, typeOf } from "../expression.ts";
import { type Expr, type Pointwise, type Region, Value } from "../value.ts";

/** The surroundings of an equation that is lowered. */
export interface Context {
  readonly region: Region;
  /** The abstract values of the equation's outputs. */
  readonly outputs: readonly Aval[];
  /** The number of loops around. */
  readonly depth: number;
  /** Lowers a program in place. */
  inline(program: Program, inputs: readonly Value[]): Value[];
  /** Lowers a program as the body of a loop. */
  body(
    program: Program,
    inputs: (region: Region) => readonly Value[],
  ): { region: Region; outputs: Value[] };
}

/** One equation into values. */
export type Lowering<P extends Params> = (
  inputs: readonly Value[],
  params: P,
  context: Context,
) => readonly Value[];

/** Lowerings of some primitives. */
export type Lowerings<Names extends PrimitiveName> = {
  readonly [Name in Names]: Lowering<ParamsOf<Name>>;
};

/** A value computed element by element, of the abstract value of an output. */
export function pointwise(
  region: Region,
  { shape, dtype }: Pick<Aval, "shape" | "dtype">,
  inputs: readonly Value[],
  cost: number,
  element: Pointwise["element"],
  extra: Omit<Pointwise, "kind" | "inputs" | "cost" | "element"> = {},
): Value {
  return new Value(region, shape, dtype, { kind: "pointwise", inputs, cost, element, ...extra });
}

/** A scalar constant. */
export function scalar(region: Region, value: number, dtype: Aval["dtype"]): Value {
  const x: Expr = constant(value, typeOf(dtype));
  return pointwise(region, { shape: [], dtype }, [], 0, () => x);
}

/** The same elements again, in memory of their own. */
export function copy(
  region: Region,
  x: Value,
  extra: Pick<Pointwise, "after" | "slice"> = {},
): Value {
  return pointwise(region, x, [x], 0, (read, at) => read(x, at), extra);
}

/** Lowerings of instructions to StableHLO. */
import type { Aval } from "../../core/aval.ts";
import type { ParamsOf, PrimitiveName } from "../../primitives/index.ts";
import type { Value, Writer } from "./writer.ts";

/** Writes an instruction: from its operands and the types of its outputs to the outputs. */
export type Lowering<P> = (
  writer: Writer,
  inputs: readonly Value[],
  params: P,
  outputs: readonly Aval[],
) => readonly Value[];

/** One lowering for each of some instructions. */
export type Lowerings<Names extends PrimitiveName> = {
  readonly [Name in Names]: Lowering<ParamsOf<Name>>;
};

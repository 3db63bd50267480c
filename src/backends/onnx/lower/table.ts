/** The shape of a table of lowerings: one entry for each primitive, with its own parameters. */
import type { Aval } from "../../../core/aval.ts";
import type { Operands, Params } from "../../../core/program.ts";
import type { ParamsOf, PrimitiveName } from "../../../primitives/index.ts";
import type { Graph } from "../graph.ts";
import type { Operand } from "../operand.ts";

/** Lowers an instruction to nodes: from its operands and the types of its outputs to the outputs. */
export type Lowering<P extends Params> = (
  g: Graph,
  inputs: Operands<Operand>,
  params: P,
  outputs: readonly Aval[],
) => readonly Operand[];

/** Lowerings of some primitives: one entry each. */
export type Lowerings<Name extends PrimitiveName> = { readonly [N in Name]: Lowering<ParamsOf<N>> };

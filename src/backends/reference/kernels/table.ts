/** The shape of a kernel table: one kernel for each primitive, with its own parameters. */
import type { Aval } from "../../../core/aval.ts";
import type { ParamsOf, PrimitiveName } from "../../../primitives/index.ts";
import type { Value } from "../value.ts";

/** Computes outputs from inputs. */
export type Kernel<P> = (
  inputs: readonly Value[],
  params: P,
  outputs: readonly Aval[],
  avals: readonly Aval[],
) => readonly Value[];

/** Kernels for some of the primitives, none left out. */
export type Kernels<Names extends PrimitiveName> = {
  readonly [Name in Names]: Kernel<ParamsOf<Name>>;
};

/**
 * Test cases for every primitive: valid operands and parameters, of every shape and element type. The
 * table is exhaustive by type, so that a primitive without tests does not compile. Tests of derivatives, of
 * batching and of backends all draw from it.
 */
import type { Params, Primitive } from "../../src/core/program.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { bind } from "../../src/core/trace.ts";
import { type ParamsOf, type PrimitiveName, primitives } from "../../src/primitives/index.ts";
import type { Case, Spec } from "./cases/case.ts";
import { controlCases } from "./cases/control.ts";
import { elementwiseCases } from "./cases/elementwise.ts";
import { indexingCases } from "./cases/indexing.ts";
import { productCases } from "./cases/products.ts";
import { reduceCases } from "./cases/reduce.ts";
import { shapeCases } from "./cases/shape.ts";

const table: { readonly [Name in PrimitiveName]: Spec<ParamsOf<Name>> } = {
  ...elementwiseCases,
  ...shapeCases,
  ...reduceCases,
  ...productCases,
  ...indexingCases,
  ...controlCases,
};

/** A primitive, with how to test it. */
export interface Subject {
  readonly name: PrimitiveName;
  readonly spec: Spec<Params>;
  /** Applies it to operands of a case. */
  apply(operands: readonly Tensor[], params: Params): Tensor[];
}

// Specification and primitive of one name have the same parameters, by the table's type.
export const subjects: readonly Subject[] = Object.entries(table).map(([name, spec]) => ({
  name: name as PrimitiveName,
  spec: spec as Spec<Params>,
  apply: (operands, params) => [
    ...bind(primitives[name as PrimitiveName] as Primitive<Params>, operands, params),
  ],
}));

export type { Case };

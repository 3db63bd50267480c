/** What a test case of a primitive is: parameters, and operands that can be drawn again. */
import fc from "fast-check";
import type { DType } from "../../../src/core/dtype.ts";
import { isProgram, type NoParams, type Params } from "../../../src/core/program.ts";
import { formatProgram } from "../../../src/core/printer.ts";
import type { Shape } from "../../../src/core/aval.ts";
import { type HostArray, hostArray, Random, shapes } from "../arrays.ts";

/** Operands for a primitive, drawn from a source of random numbers. */
export type Draw = (random: Random) => readonly HostArray[];

/** Valid parameters and operands. Where the primitive has kinks, operands are away from them. */
export class Case<P extends Params = Params> {
  constructor(
    readonly params: P,
    private readonly draw: Draw,
    readonly seed: number,
    /** False where only forward derivatives exist. */
    readonly reverse = true,
  ) {}

  /** Operands; for another `element`, others of the same shapes. */
  operands(element = 0): readonly HostArray[] {
    return this.draw(new Random(this.seed + element * 7919));
  }

  /** What fast-check prints when a property fails. */
  [fc.toStringMethod](): string {
    const show = (value: unknown): unknown => isProgram(value) ? formatProgram(value) : value;
    const params = Object.entries(this.params)
      .map(([key, value]) => `${key}=${fc.stringify(show(value))}`);
    const operands = this.operands()
      .map((x) => `${x.dtype}[${x.shape}] (${x.values.slice(0, 12).join(", ")})`);
    return `seed ${this.seed}; ${[...params, ...operands].join("; ")}`;
  }
}

/** How to test a primitive. */
export interface Spec<P extends Params> {
  /** Element types of the operand that decides. */
  readonly dtypes: readonly DType[];
  /** Cases for one of them. */
  cases(dtype: DType): fc.Arbitrary<Case<P>>;
  /** Operands in which together, and without the others, it is linear. */
  linear?(operands: readonly HostArray[]): readonly (readonly number[])[];
}

export const floats: readonly DType[] = ["float32", "float64"];
export const numbers: readonly DType[] = [...floats, "int32", "uint32"];
export const every: readonly DType[] = [...numbers, "bool"];

/** Seeds of operands. They are not worth shrinking: another one is as good. */
export const seeds: fc.Arbitrary<number> = fc.noShrink(fc.nat());

/** Cases from arbitrary parameters, and how to draw operands for them. */
export function casesOf<P extends Params, Layout>(
  layouts: fc.Arbitrary<Layout>,
  params: (layout: Layout) => P,
  draw: (layout: Layout) => Draw,
): fc.Arbitrary<Case<P>> {
  return fc.tuple(layouts, seeds)
    .map(([layout, seed]) => new Case(params(layout), draw(layout), seed));
}

/** One element of each operand. */
export type Elements = (random: Random, dtype: DType) => readonly number[];

/** Specification of an element-wise primitive, from the elements it takes at one place. */
export function elementwise(
  dtypes: readonly DType[],
  elements: Elements,
  linear: readonly (readonly number[])[] = [],
  operandTypes: (dtype: DType) => readonly DType[] = () => [],
): Spec<NoParams> {
  return {
    dtypes,
    cases: (dtype) =>
      casesOf(shapes(), () => ({}), (shape) => (random) => {
        const count = elements(new Random(0), dtype).length;
        const size = shape.reduce((a, b) => a * b, 1);
        const rows = Array.from({ length: size }, () => elements(random, dtype));
        return Array.from({ length: count }, (_, k) => {
          let next = 0;
          return hostArray(operandTypes(dtype)[k] ?? dtype, shape, () => rows[next++]![k]!);
        });
      }),
    linear: () => linear,
  };
}

/** Numbers between two bounds. */
export const between = (low: number, high: number): Elements => (random) => [
  random.between(low, high),
];

/** A list as long as a shape, from its sizes. */
export function perAxis<T>(shape: Shape, of: (size: number) => fc.Arbitrary<T>) {
  return fc.tuple(...shape.map(of)).map((list): readonly T[] => list);
}

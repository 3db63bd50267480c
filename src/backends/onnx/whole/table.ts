/** Parts that the writers of steps share. */
import type { Equation, Program } from "../../../core/program.ts";
import { sizeOf } from "../../../core/aval.ts";
import { type Code, v128 } from "../simd/assembler.ts";
import { nest, type Operand } from "./nest.ts";
import { type Address, all, long, type Place, type Root, type Source, stridesOf } from "./place.ts";
import type { Plan } from "./plan.ts";
import type { Stream, Writer } from "./writer.ts";

/** The function that is being written, and what all programs in it share. */
export interface Context {
  readonly w: Writer;
  readonly ramps: Readonly<Record<"int32" | "float32", Root>>;
}

/** Writes the code of an equation, from where its operands are to where its results go. */
export type StepWriter = (
  context: Context,
  equation: Equation,
  inputs: readonly Place[],
  outputs: readonly Root[],
) => void;

/** Writes a program: see `writeProgram`. */
export type ProgramWriter = (
  context: Context,
  program: Program,
  inputs: readonly Place[],
  finish: (outputs: readonly Place[]) => void,
  settle?: (plan: Plan) => void,
) => void;

/** A place as loops read it. */
export function operandOf({ root, offset, strides }: Place): Operand {
  const source = root.source!; // it is computed before it is read
  if ("splat" in source) return { source, strides: strides.map(() => 0) };
  return { source: { base: source.base, offset: source.offset + 4 * offset }, strides };
}

/** The beginning of a place in memory, and the bytes from element to element; a splat has neither. */
export function streamOf(w: Writer, p: Place, steps: readonly number[]): Stream {
  const { source } = operandOf(p);
  if ("splat" in source) {
    return {
      from: { base: w.scratchBase, offset: 0 },
      steps: steps.map(() => 0),
    };
  }
  return { from: source, steps: steps.map((s) => 4 * s) };
}

/** The one element of a place, four times. */
export function load1(w: Writer, p: Place): Code {
  const { source } = operandOf(p);
  return "splat" in source ? source.splat : w.keep(v128.loadSplat(source.base, source.offset));
}

/** Copies a place to memory in which its elements lie as `strides` say, one after the other if there are none. */
export function copy(w: Writer, from: Place, to: Source, strides?: readonly number[]): void {
  if ("splat" in to) return void w.scoped(() => w.set(to.splat, load1(w, from)));
  const kept = (list: readonly number[]) => list.filter((_, a) => from.shape[a] !== 1);
  const { source, strides: steps } = operandOf(from);
  const target = { source: to, strides: kept(strides ?? stridesOf(from.shape)), exact: true };
  nest(w, long(from).shape, [{ source, strides: kept(steps) }], [target], 0, (x) => x);
}

/** Lets `use` have the elements of a place one after the other in memory. */
export function withCopy(w: Writer, p: Place, use: (copied: Place) => void): void {
  const root: Root = { size: sizeOf(p.shape), dtype: p.root.dtype };
  w.scoped(() => {
    root.source = w.take(root);
    copy(w, p, root.source);
    use(all(root, p.shape));
    w.give(root);
  });
}

/** The address of a value in memory. */
export function addressOf(root: Root): Address {
  return root.source as Address; // called for values of several elements
}

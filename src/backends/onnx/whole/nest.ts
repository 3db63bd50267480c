/**
 * Loops over the elements of some places that have one shape: rows of vectors, within as many levels as their strides
 * need. What is computed of a vector stays in variables from the first equation to the last.
 */
import type { Shape } from "../../../core/aval.ts";
import { sizeOf } from "../../../core/aval.ts";
import { type Code, i32 } from "../simd/assembler.ts";
import { load, store } from "./lanes.ts";
import { type Address, joined, type Source } from "./place.ts";
import type { Stream, Writer } from "./writer.ts";

/** A tensor that is read or written: strides count elements along the axes of the shape. */
export interface Operand {
  readonly source: Source;
  readonly strides: readonly number[];
}

/** A tensor that is written. */
export interface Target {
  readonly source: Address;
  readonly strides: readonly number[];
  /** True if what follows the last element of a row must stay as it is. */
  readonly exact: boolean;
}

/** From the vectors that were read to those that are written. */
export type Compute = (reads: readonly Code[]) => readonly Code[];

// Code is written out as long as there are few vectors; rows of loops have several vectors abreast.
const mostWrittenOut = 96;
const mostAbreast = 4;

/** Reads all elements, and writes what is computed of them; `cost` is the number of instructions for a vector. */
export function nest(
  w: Writer,
  shape: Shape,
  reads: readonly Operand[],
  writes: readonly Target[],
  cost: number,
  compute: Compute,
): void {
  const operands = [...reads, ...writes];
  const { sizes, strides } = joined(shape, operands.map((o) => o.strides));
  const last = sizes.length - 1;
  const length = sizes[last]!;
  const vectors = Math.ceil(length / 4);
  const outer = sizes.slice(0, last);
  const moving = operands.flatMap((o, k) => "splat" in o.source ? [] : [k]);
  const streams = moving.map((k): Stream => ({
    from: operands[k]!.source as Address, // those in memory
    steps: strides[k]!.slice(0, last).map((s) => 4 * s),
  }));
  const work = Math.max(1, cost + reads.length);
  const writtenOut = sizeOf(outer) * vectors * work <= mostWrittenOut;
  w.over(outer, streams, writtenOut, (at) => {
    const addresses = new Map(moving.map((k, i) => [k, at[i]!]));
    const step = (k: number) => 4 * strides[k]![last]!;
    /** Some neighbouring vectors at `shift` vectors from `at`. */
    const block = (places: ReadonlyMap<number, Address>, lanes: readonly number[]) =>
      w.scoped(() => {
        const here = (k: number, u: number): Address => {
          const { base, offset } = places.get(k)!;
          const shifted = offset + 4 * u * step(k);
          return shifted >= 0
            ? { base, offset: shifted }
            : { base: i32.add(base, i32.constant(shifted)), offset: 0 };
        };
        const known = reads.map((o, k) =>
          "splat" in o.source
            ? o.source.splat
            : step(k) === 0
            ? w.keep(load(w, places.get(k)!, 0, 4))
            : undefined
        );
        const values = lanes.map((n, u) =>
          reads.map((_, k) => known[k] ?? w.keep(load(w, here(k, u), step(k), n)))
        );
        const results = values.map(compute);
        results.forEach((list, u) =>
          list.forEach((x, i) => {
            const k = reads.length + i;
            // Only the last vector of all has room behind it.
            const whole = !writes[i]!.exact && last === 0 && step(k) === 4;
            store(w, here(k, u), step(k), whole ? 4 : lanes[u]!, x);
          })
        );
      });
    const lanesOf = (v: number) => Math.min(4, length - 4 * v);
    const from = (start: number) =>
      new Map([...addresses].map(([k, { base, offset }]) => {
        const shifted = offset + 4 * start * step(k);
        return [
          k,
          shifted >= 0
            ? { base, offset: shifted }
            : { base: i32.add(base, i32.constant(shifted)), offset: 0 },
        ];
      }));
    const abreast = Math.max(1, Math.min(mostAbreast, Math.floor(24 / work)));
    const some = (start: number, end: number) => {
      for (let v = start; v < end; v += abreast) {
        const count = Math.min(abreast, end - v);
        block(from(v), Array.from({ length: count }, (_, u) => lanesOf(v + u)));
      }
    };
    const rounds = Math.floor(Math.floor(length / 4) / abreast);
    if (writtenOut || rounds < 2 || vectors * work <= mostWrittenOut / 4) return some(0, vectors);
    const inner = moving.map((k, i): Stream => ({
      from: at[i]!,
      steps: [4 * abreast * step(k)],
    }));
    w.over([rounds], inner, false, (at) => {
      block(new Map(moving.map((k, i) => [k, at[i]!])), Array<number>(abreast).fill(4));
    });
    some(rounds * abreast, vectors);
  });
}

/** Liveness: how many bytes a program keeps at once, run equation by equation. */
import { byteSize } from "../core/dtype.ts";
import { lastUses } from "../core/evaluate.ts";
import { type Aval, sizeOf } from "../core/aval.ts";
import { type Program, subprograms } from "../core/program.ts";

/** The bytes of a value. */
export function bytesOf({ shape, dtype }: Aval): number {
  return sizeOf(shape) * byteSize(dtype);
}

/**
 * The most bytes that values made inside a program occupy at one time, outputs included and inputs not, when each is
 * freed after its last use. Loops add what one step of theirs needs.
 */
export function peakBytes(program: Program): number {
  return peakOf(program).bytes;
}

/** That many, and the first equation that needs them. */
export function peakOf(program: Program): { readonly bytes: number; readonly at: number } {
  let live = 0;
  let peak = { bytes: 0, at: 0 };
  const ends = lastUses(program);
  program.equations.forEach((equation, at) => {
    const inside = Math.max(0, ...subprograms(equation.params).map(peakBytes));
    live += equation.outputs.reduce((sum, v) => sum + bytesOf(v.aval), 0);
    if (live + inside > peak.bytes) peak = { bytes: live + inside, at };
    live -= ends[at]!.reduce((sum, v) => sum + bytesOf(v.aval), 0);
  });
  return peak;
}

/**
 * Values that are computed again where they are needed late, instead of lying in memory while most is there. What is
 * kept for after that moment is what takes least, and gives the others cheaply.
 */
import type { Atom, Var } from "../../core/aval.ts";
import type { Program } from "../../core/program.ts";
import { interleave, multipliedIn, split, worthEquation } from "./minCut.ts";
import { costOf } from "../cost.ts";
import { eliminateDeadCodeDeep } from "../passes/deadCode.ts";
import { bytesOf, peakBytes, peakOf } from "../liveness.ts";
import { definitionsOf } from "../rewrite.ts";

// A value that is kept costs no time, so that computing it again has to save twice as much.
const byte = 1 / 2;

// The most additional bytes moved, without fusion, for each byte less at the peak; and the least relative gain.
const mostMoved = 4;
const leastGain = 1 / 32;

/** The program with a lower peak, if a few cheap values more make one. Programs within stay. */
export function recomputeAtPeak(program: Program, equation: number = worthEquation): Program {
  for (let now = program;;) {
    const { bytes, at } = peakOf(now);
    const next = eliminateDeadCodeDeep(across(now, at, equation));
    const gain = bytes - peakBytes(next);
    const moved = costOf(next).movedBytes - costOf(now).movedBytes;
    if (gain <= leastGain * bytes || moved > mostMoved * gain) return now;
    now = next;
  }
}

/** The program with less kept over its equation `at`. */
function across({ inputs, equations, outputs }: Program, at: number, equation: number): Program {
  const [early, late] = [equations.slice(0, at), equations.slice(at)];
  const definitions = definitionsOf(early);
  // The values that exist at that moment in any case.
  const there = new Set<Atom>([
    ...inputs,
    ...outputs,
    ...late[0]?.inputs ?? [],
    ...multipliedIn(late),
  ]);
  const wanted = late.flatMap((e) => e.inputs)
    .filter((a): a is Var => definitions.has(a) && !there.has(a));
  const keep = (v: Var) => there.has(v) ? 0 : bytesOf(v.aval);
  const { again } = split(wanted, definitions, { keep, equation, byte });
  const after = interleave({ equations: late, outputs }, again, definitions);
  return { ...after, inputs, equations: [...early, ...after.equations] };
}

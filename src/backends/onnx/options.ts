/** Options of ONNX Runtime by the work in a program: threads and optimizations. */
import { equationsIn, multiplyAddsOf } from "../../compiler/cost.ts";
import { type Program, subprograms } from "../../core/program.ts";
import type { SessionOptions } from "./native.ts";

// Multiply-adds of one product for which it pays to wake other cores. Threads wait for each other at every
// operation, so programs of small ones gain little (value and gradient of slot attention: 3.2 ms on one thread, 2.8 on
// two), and lose where something else runs.
const worthThreads = 2 ** 23;

/** The most equations of a program whose graph ONNX Runtime optimizes. */
export const mostOptimized = 1000;

// Microseconds for which threads wait for the next operation awake: in a session that runs alone, through all of a
// run with what is between its operations; where sessions take turns, not long into the next one's.
const spins = { alone: "1000", inTurns: "200" };

/** True if a session is the only one of its program. */
export type Turns = keyof typeof spins;

/** The options of a program's session, which runs alone or in turns with others. */
export function sessionOptions(program: Program, turns: Turns): SessionOptions {
  const count = equationsIn(program);
  return {
    // "basic" removes and folds; what "all" adds made no workload measured here faster by more than
    // a twentieth, and sessions half as long again to make. One operation has nothing to gain. In long programs each
    // pass looks for neighbours of every node: the work of four times as many equations is twelve times as much, for
    // runs that are faster.
    graphOptimizationLevel: count === 1 || count > mostOptimized ? "disabled" : "basic",
    intraOpNumThreads: largest(program) >= worthThreads ? navigator.hardwareConcurrency : 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    extra: { session: { intra_op: { spin_duration_us: spins[turns] } } },
  };
}

/** The multiply-adds of the largest product, here and within. */
function largest(program: Program): number {
  return program.equations.reduce(
    (most, e) => Math.max(most, multiplyAddsOf(e), ...subprograms(e.params).map(largest)),
    0,
  );
}

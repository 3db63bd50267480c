/** How hard ONNX Runtime should try: threads and optimizations, by the work in a program. */
import { type Equation, type Program, sizeOf, subprograms } from "../../core/program.ts";
import type { SessionOptions } from "./native.ts";

// Multiply-adds for which it pays to wake a second core. Programs of many small operations are faster
// without: value and gradient of slot attention takes 2.5 ms on one thread, 2.1 on two when nothing
// else runs, and 7 when something does, because threads wait for each other at every operation.
const worthThreads = 2 ** 25;

/** The options of a program's session. */
export function sessionOptions(program: Program): SessionOptions {
  const single = program.equations.length === 1;
  return {
    // "basic" removes and folds; what "all" adds made no workload measured here faster by more than
    // a twentieth, and sessions half as long again to make. One operation has nothing to gain.
    graphOptimizationLevel: single ? "disabled" : "basic",
    intraOpNumThreads: largest(program) >= worthThreads ? navigator.hardwareConcurrency : 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    // Between runs, threads sleep instead of asking for work without end.
    extra: { session: { force_spinning_stop: "1" } },
  };
}

/** The multiply-adds of the largest product, here and within. */
function largest(program: Program): number {
  return program.equations.reduce(
    (most, e) => Math.max(most, multiplyAdds(e), ...subprograms(e.params).map(largest)),
    0,
  );
}

function multiplyAdds({ primitive, inputs, outputs, params }: Equation): number {
  const elements = outputs.reduce((sum, v) => sum + sizeOf(v.aval.shape), 0);
  const shapes = inputs.map((a) => a.aval.shape);
  if (primitive.name === "conv") return elements * sizeOf(shapes[1]!.slice(1));
  if (primitive.name !== "dot") return 0;
  // The parameters are those of the primitive beside them.
  const { lhsContract } = params as { lhsContract: readonly number[] };
  return elements * sizeOf(lhsContract.map((a) => shapes[0]![a]!));
}

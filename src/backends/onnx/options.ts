/** How hard ONNX Runtime should try: threads and optimizations, by the work in a program. */
import { type Program, sizeOf, subprograms } from "../../core/program.ts";
import type { SessionOptions } from "./native.ts";

/** The options of a program's session. */
export function sessionOptions(program: Program): SessionOptions {
  const heavy = work(program) > 1e6;
  return {
    graphOptimizationLevel: program.equations.length > 1 ? "all" : "disabled",
    intraOpNumThreads: heavy ? 2 : 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  };
}

function work(program: Program): number {
  return program.equations.reduce(
    (sum, { inputs, outputs, params, primitive }) => {
      const elements = outputs.reduce((n, v) => n + sizeOf(v.aval.shape), 0);
      const factor = primitive.name === "dot" || primitive.name === "conv"
        ? sizeOf(inputs[1]!.aval.shape)
        : 1;
      return sum + elements * factor + subprograms(params).reduce((n, p) => n + work(p), 0);
    },
    0,
  );
}

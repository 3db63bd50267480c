/** The passes that backends run before their own, in order. */
import type { Pass, Program } from "../core/program.ts";
import { eliminateCommonSubexpressions } from "./passes/cse.ts";
import { eliminateDeadCodeDeep } from "./passes/deadCode.ts";
import { deferLoopReductions } from "./passes/deferLoopReductions.ts";
import { hoistInvariants } from "./passes/hoist.ts";
import { mergeContractions } from "./passes/mergeContractions.ts";
import { padsToConcat } from "./passes/padsToConcat.ts";
import { simplify } from "./passes/simplify.ts";
import { sinkBroadcasts } from "./passes/sinkBroadcasts.ts";
import { type Kept, unrollLoops } from "./passes/unroll.ts";
import { recomputeResiduals } from "./remat/loopResiduals.ts";
import { recomputeAtPeak } from "./remat/peakMemory.ts";

/** A pass that only some backends want. */
interface Step extends Pass {
  readonly only?: readonly ("onnx" | "webgpu")[];
}

const deadCode = { name: "eliminateDeadCode", run: eliminateDeadCodeDeep };
const algebra = { name: "simplify", run: simplify };
const duplicates = { name: "eliminateCommonSubexpressions", run: eliminateCommonSubexpressions };
const onnx = { only: ["onnx"] } as const;
const webgpu = { only: ["webgpu"] } as const;
const both = { only: ["onnx", "webgpu"] } as const;

const order: readonly Step[] = [
  // ONNX Runtime gains nothing from a loop: short ones are written out, as soon as their bodies are small.
  { ...deadCode, ...onnx },
  { ...algebra, ...onnx },
  { ...duplicates, ...onnx },
  { name: "unrollLoops", run: unrollLoops, ...onnx },
  // First what is dead, then what is superfluous, then what is there twice: each leaves less to the next.
  deadCode,
  algebra,
  duplicates,
  // A sum that becomes a concatenation is no longer among those of which the next pass joins the terms.
  { name: "padsToConcat", run: padsToConcat },
  { name: "mergeContractions", run: mergeContractions },
  // A value that a step repeats is sunk before invariants are moved: only the small one is then moved, or stacked.
  { name: "sinkBroadcasts", run: sinkBroadcasts },
  { name: "hoistInvariants", run: hoistInvariants },
  // The passes above leave dead code behind, and bring together what turns out to be the same.
  deadCode,
  algebra,
  duplicates,
  // Sums over steps leave a loop once its body is final; the axes that they gain are simplified.
  { name: "deferLoopReductions", run: deferLoopReductions, ...webgpu },
  { ...algebra, ...webgpu },
  { ...deadCode, ...webgpu },
  // Last, for common subexpressions would merge again what is computed twice here.
  { name: "recomputeResiduals", run: recomputeResiduals, ...both },
  { name: "recomputeAtPeak", run: recomputeAtPeak, ...webgpu },
];

/** The passes that every backend wants. */
export const passes: readonly Pass[] = order.filter((s) => !s.only);

/** The passes of the backend "onnx". */
export const onnxPasses: readonly Pass[] = order.filter((s) => !s.only || s.only.includes("onnx"));

/** The same, with some loops left as they are. */
export function onnxPassesKeeping(kept: Kept): readonly Pass[] {
  return onnxPasses.map((pass) =>
    pass.run === unrollLoops ? { ...pass, run: (program) => unrollLoops(program, kept) } : pass
  );
}

/** The passes of the backend "webgpu". */
export const webgpuPasses: readonly Pass[] = order.filter((s) =>
  !s.only || s.only.includes("webgpu")
);

/** The program after some passes. Outputs may become inputs, constants, or each other. */
export function optimize(program: Program, using: readonly Pass[] = passes): Program {
  return using.reduce((p, { run }) => run(p), program);
}

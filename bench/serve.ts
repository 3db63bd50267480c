/**
 * A subject's side of the bench: a process of its own that does one case, some calls at a time, whenever the
 * bench asks. So subjects can take turns, and none warms another up.
 *
 * Lines on stdin are numbers of calls; each is answered by a line on stdout, marked so that libraries may
 * write there as well. The first answer is the first call's, with whatever compiling it brings.
 */
import type { Case } from "./cases.ts";
import { peakGpuBytes, takeDispatches } from "./gpu.ts";

/** One case, ready to be called. */
export interface Work {
  /** Does it all once, waits for the result, and gives a number of it (a loss, a sum) to compare. */
  call(): Promise<number>;
  /** How many kernels a call runs, if the library tells. */
  kernels?(): number | undefined;
}

/** An answer. Times in milliseconds. */
export interface Answer {
  readonly times: readonly number[];
  readonly check: number;
  /** What the process (on GPUs: its buffers) has grown by since before the first call, at most. */
  readonly peakBytes: number | undefined;
  readonly kernels: number | undefined;
  readonly versions: { readonly [name: string]: string };
}

/** What marks an answer. */
export const mark = "@bench ";

/** Serves the case that the first command line argument is. */
export async function serve(
  make: (c: Case) => Work | Promise<Work>,
  versions: () => { readonly [name: string]: string },
): Promise<void> {
  const work = await make(JSON.parse(Deno.args[0]!));
  const before = residentBytes("VmRSS");
  const gpuBefore = peakGpuBytes();
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const text of lines) {
    for (const line of text.split("\n").filter((l) => l !== "")) {
      const times: number[] = [];
      let check = NaN;
      takeDispatches();
      for (let i = 0; i < Number(line); i++) {
        const start = performance.now();
        check = await work.call();
        times.push(performance.now() - start);
      }
      const dispatches = Math.round(takeDispatches() / times.length);
      const gpu = peakGpuBytes();
      const answer: Answer = {
        times,
        check,
        peakBytes: gpu > 0 ? gpu - gpuBefore : before && residentBytes("VmHWM")! - before,
        kernels: work.kernels?.() ?? (dispatches > 0 ? dispatches : undefined),
        versions: versions(),
      };
      console.log(mark + JSON.stringify(answer));
    }
  }
  Deno.exit(0);
}

/** This process's memory, where the system tells (Linux). */
function residentBytes(field: "VmRSS" | "VmHWM"): number | undefined {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    const line = status.split("\n").find((l) => l.startsWith(field));
    return line === undefined ? undefined : 1024 * Number(/\d+/.exec(line)![0]);
  } catch {
    return undefined;
  }
}

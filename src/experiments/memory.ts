/** Whether memory stays flat: counters are noted with the metrics, and judged over the run. */
import process from "node:process";
import { median } from "simple-statistics";
import { memory } from "../index.ts";

/** What is in use at a moment. */
export interface MemorySample {
  readonly step: number;
  /** Of the process, MiB. */
  readonly process: number;
  /** Live tensors of all backends, and their MiB. */
  readonly tensors: number;
  readonly device: number;
}

const MiB = 2 ** 20;

/** The counters now. */
export function sampleMemory(step: number): MemorySample {
  const uses = Object.values(memory());
  return {
    step,
    process: process.memoryUsage().rss / MiB,
    tensors: uses.reduce((sum, { tensors }) => sum + tensors, 0),
    device: uses.reduce((sum, { bytes }) => sum + bytes, 0) / MiB,
  };
}

/** The verdict over a run; `growth` compares the last quarter with the second. */
export interface Flatness {
  readonly flat: boolean;
  readonly growth: { readonly process: number; readonly tensors: number; readonly device: number };
  readonly message: string;
}

/**
 * Judges a run's samples. The first quarter does not count: programs are compiled and data is cached then.
 * Tensors must not grow at all; the process may by 10 % and 64 MiB, which garbage collection swings, and its
 * heap needs a thousand steps to find its size.
 */
export function judgeMemory(samples: readonly MemorySample[]): Flatness | undefined {
  if (samples.length < 12) return undefined;
  const quarter = Math.floor(samples.length / 4);
  const [before, after] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const typical = (part: readonly MemorySample[], key: "process" | "tensors" | "device") =>
    median(part.map((sample) => sample[key]));
  const growth = {
    process: typical(after, "process") - typical(before, "process"),
    tensors: typical(after, "tensors") - typical(before, "tensors"),
    device: typical(after, "device") - typical(before, "device"),
  };
  const steps = `between steps ${before[0]!.step} and ${after.at(-1)!.step}`;
  const problems = [
    ...(growth.tensors > 0 || growth.device > 0.01
      ? [`${growth.tensors} tensors (${growth.device.toFixed(2)} MiB) more on the device`]
      : []),
    ...(after.at(-1)!.step - before[0]!.step >= 1000 &&
        growth.process > 0.1 * typical(before, "process") + 64
      ? [`${growth.process.toFixed(0)} MiB more in the process`]
      : []),
  ];
  return {
    flat: problems.length === 0,
    growth,
    message: problems.length === 0
      ? `memory is flat ${steps}: process ${signed(growth.process)} MiB, ` +
        `device ${signed(growth.device)} MiB`
      : `memory grows ${steps}: ${problems.join(", ")}`,
  };
}

const signed = (x: number) => `${x >= 0 ? "+" : "−"}${Math.abs(x).toFixed(1)}`;

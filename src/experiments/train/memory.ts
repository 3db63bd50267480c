/** The memory of a run: counters are noted with the metrics and judged over the run, and garbage is collected on purpose. */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median } from "simple-statistics";
import { memory } from "../../index.ts";
import { formatFixed } from "../display/progress.ts";

/** The memory in use at one moment. */
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

/** The process's heap needs so many steps to find its size; before, only the device is judged. */
const settling = 1000;

/**
 * Judges a run's samples. The first quarter does not count: programs are compiled and data is cached then.
 * Tensors must not grow at all; the process may by 10 % and 64 MiB, which garbage collection swings.
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
  const [first, last] = [before[0]!.step, after.at(-1)!.step];
  const steps = `between steps ${first} and ${last}`;
  const settled = last - first >= settling;
  const problems = [
    ...(growth.tensors > 0 || growth.device > 0.01
      ? [`${growth.tensors} tensors (${growth.device.toFixed(2)} MiB) more on the device`]
      : []),
    ...(settled && growth.process > 0.1 * typical(before, "process") + 64
      ? [`${growth.process.toFixed(0)} MiB more in the process`]
      : []),
  ];
  return {
    flat: problems.length === 0,
    growth,
    message: problems.length > 0
      ? `memory grows ${steps}: ${problems.join(", ")}`
      : settled
      ? `memory is flat ${steps}: process ${signed(growth.process)} MiB, ` +
        `device ${signed(growth.device)} MiB`
      : `memory of the device is flat ${steps}: ${signed(growth.device)} MiB`,
  };
}

const signed = (x: number) => {
  const text = formatFixed(x, 1);
  return text.startsWith("-") ? text.replace("-", "−") : `+${text}`;
};

setFlagsFromString("--expose-gc");

/**
 * Collects what nobody holds. A picture leaves tens of MiB behind, and steps of training so little that V8 would not
 * look for thousands of them: the process would grow with every picture.
 */
export const collectGarbage: () => void = runInNewContext("gc");

/** Probes of a trained model: what is known of objects can be read from what it makes of an image. */
import { Effect } from "effect";
import { collate, type Dataset, type Sample } from "../../data/index.ts";
import { dispose, jit, random, scope, type Tensor } from "../../index.ts";
import { modelError, RunError } from "../errors.ts";
import type { OpenRun } from "../runs/open.ts";
import type { Outputs, Params, Probed } from "../tasks/task.ts";
import { placeBatch, readTree } from "./device.ts";
import { type LookOptions, openBest } from "./evaluateRun.ts";

/** Options of probing a run. */
export interface ProbeOptions extends LookOptions {
  /** The most samples to fit readouts on, of those that were trained on; 2000 unless given. */
  readonly count?: number | undefined;
  /** The frame of videos that is read, from 1; unless given, every frame is read as an image of its own. */
  readonly frame?: number | undefined;
}

const batchSize = 32;

/** Probes the best checkpoint of a run: the accuracy for each property on a part of the data that was not fitted. */
export const probeRun = Effect.fn("probeRun")(function* (run: OpenRun, options: ProbeOptions = {}) {
  const { task, system, state, data, examples } = yield* openBest(run, options);
  const { probe } = task;
  const { train } = examples;
  if (probe === undefined || system.represent === undefined || "batches" in train) {
    return yield* Effect.fail(
      new RunError(`The task "${task.name}" has no probe.`, "give it one, see defineTask"),
    );
  }
  // Nothing else that the task could make is computed.
  const represent = jit((params: Params, batch: Outputs, key: Tensor) => ({
    [probe.output]: system.represent!(params, batch, key)[probe.output]!, // it was looked for
  }));
  const look = async (part: Dataset<Sample>, most: number): Promise<Probed[]> => {
    const found: Probed[] = [];
    const size = Math.min(part.size, most);
    for (let start = 0; start < size; start += batchSize) {
      const length = Math.min(batchSize, size - start);
      const samples = await Promise.all(Array.from({ length }, (_, i) => part.get(start + i)));
      const batch = placeBatch(task.inputs, collate(samples));
      const key = scope(() => random.foldIn(random.key(1), start));
      const result = represent(state.params, batch, key);
      const { [probe.output]: tensor } = await readTree(result);
      dispose([result, batch, key]);
      const { data: values, shape: [, ...shape] } = tensor!; // what represent gave
      const [parts, width] = shape.slice(-2) as [number, number];
      const frames = shape.length === 3 ? shape[0]! : null;
      const chosen = framesToRead(frames, options.frame);
      samples.forEach((sample, n) => {
        for (const t of chosen) {
          const objects = probe.objects(sample, t);
          if (objects === null) continue;
          const from = (n * (frames ?? 1) + t) * parts * width;
          const data = values.slice(from, from + parts * width);
          found.push({ values: { data, shape: [parts, width] }, objects });
        }
      });
    }
    return found;
  };
  const parts = yield* Effect.tryPromise({
    try: async () => ({
      fit: await look(train, options.count ?? 2000),
      held: await look(data, Infinity),
    }),
    catch: (error) =>
      error instanceof RunError ? error : modelError("The model cannot be run.")(error),
  });
  if (parts.fit.length === 0 || parts.held.length === 0) {
    return yield* Effect.fail(
      new RunError(
        `The data of ${run.folder.name} does not say which objects are in its ${task.samples}.`,
        "probe it on data that does, such as generated scenes: --set data.source=sprites",
      ),
    );
  }
  const readouts = yield* Effect.tryPromise({
    try: () => probe.fit(parts.fit, parts.held),
    catch: modelError("The readouts cannot be fitted."),
  });
  return { readouts, fit: parts.fit.length, held: parts.held.length };
}, Effect.scoped);

/** The frames to read, from 0: the one that is asked for, from 1, or all of them; null frames are those of an image. */
function framesToRead(frames: number | null, asked: number | undefined): readonly number[] {
  if (asked === undefined) return Array.from({ length: frames ?? 1 }, (_, t) => t);
  if (frames === null) {
    throw new RunError("--frame: this run looks at images, which have no frames.", "Leave it out.");
  }
  if (Number.isInteger(asked) && asked >= 1 && asked <= frames) return [asked - 1];
  throw new RunError(
    `--frame: expected a whole number from 1 to ${frames}, found ${asked}.`,
    `The videos of this run have ${frames} frames; without --frame each of them is read.`,
  );
}

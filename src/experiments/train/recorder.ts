/** Writes down what happens in a run: metrics.jsonl and the TensorBoard file together. */
import { Clock, Effect } from "effect";
import { encodeEvents, encodeHeader, eventFileName } from "../runs/events.ts";
import type { Png } from "../display/png.ts";
import type { RunFolder } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";

/** A run's notes. */
export interface Recorder {
  /** Writes rows; values that are lists are only in metrics.jsonl. */
  readonly write: (rows: readonly MetricRow[]) => ReturnType<RunFolder["appendRows"]>;
  /** Writes pictures to panels/ and to TensorBoard. */
  readonly pictures: (
    step: number,
    images: { readonly [name: string]: Png },
  ) => ReturnType<RunFolder["append"]>;
}

/** Opens the notes of a run that begins, or goes on, at `step`. */
export const openRecorder = Effect.fnUntraced(function* (run: RunFolder, step: number) {
  const began = yield* Clock.currentTimeMillis;
  const events = eventFileName(began);
  yield* run.append(events, encodeHeader(began / 1000, step));
  const recorder: Recorder = {
    write: Effect.fnUntraced(function* (rows) {
      const time = (yield* Clock.currentTimeMillis) / 1000;
      yield* run.appendRows(rows);
      const encoded = rows.map(({ step, ...values }) => ({
        step,
        time,
        scalars: Object.fromEntries(
          Object.entries(values).filter((entry): entry is [string, number] =>
            typeof entry[1] === "number"
          ),
        ),
      }));
      yield* run.append(events, encodeEvents(encoded));
    }),
    pictures: Effect.fnUntraced(function* (step, images) {
      const time = (yield* Clock.currentTimeMillis) / 1000;
      for (const [name, { bytes }] of Object.entries(images)) {
        yield* run.write(`panels/${name}-${String(step).padStart(8, "0")}.png`, bytes);
      }
      yield* run.append(events, encodeEvents([{ step, time, images }]));
    }),
  };
  return recorder;
});

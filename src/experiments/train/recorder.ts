/**
 * Writes down what happens in a run: metrics.jsonl and the TensorBoard file together. Measurements of steps
 * stay on the device until `flush`, which reads all of them at once.
 */
import { Clock, Effect } from "effect";
import { dispose, np, type Tensor } from "../../index.ts";
import { modelError } from "../errors.ts";
import { encodeEvents, encodeHeader, eventFileName } from "../runs/events.ts";
import type { Png } from "../display/png.ts";
import type { RunFolder } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";

/** A run's notes. */
export interface Recorder {
  /** Keeps the measurements of a step. */
  push(step: number, row: Tensor): void;
  /** Reads what was kept; the rows, not yet written. */
  readonly flush: (
    names: readonly string[],
  ) => Effect.Effect<MetricRow[], ReturnType<typeof failed>>;
  /** Writes rows; values that are lists are only in metrics.jsonl. */
  readonly write: (rows: readonly MetricRow[]) => ReturnType<RunFolder["appendRows"]>;
  /** Writes pictures to panels/ and to TensorBoard. */
  readonly pictures: (
    step: number,
    images: { readonly [name: string]: Png },
  ) => ReturnType<RunFolder["append"]>;
}

const failed = modelError("A step of training failed.");

/** Opens the notes of a run that begins, or goes on, at `step`. */
export const openRecorder = Effect.fnUntraced(function* (run: RunFolder, step: number) {
  const began = yield* Clock.currentTimeMillis;
  const events = eventFileName(began);
  yield* run.append(events, encodeHeader(began / 1000, step));
  let pending: { readonly step: number; readonly row: Tensor }[] = [];
  const recorder: Recorder = {
    push: (step, row) => void pending.push({ step, row }),
    flush: (names) =>
      Effect.tryPromise({
        try: async () => {
          const taken = pending;
          if (taken.length === 0) return [];
          pending = [];
          const rows = taken.map(({ row }) => row);
          const all = np.stack(rows);
          const data = await all.data();
          dispose([all, rows]);
          return taken.map(({ step }, n): MetricRow => ({
            step,
            ...Object.fromEntries(names.map((name, i) => [name, data[n * names.length + i]!])),
          }));
        },
        catch: failed,
      }),
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

/**
 * An engine makes the steps of a run and keeps its state meanwhile: on the backend of this process, or elsewhere. The
 * session decides when its measurements and its state are read.
 */
import { dispose, np, type Tensor } from "../../index.ts";
import type { Sample } from "../../data/index.ts";
import { placeBatch } from "./device.ts";
import type { Trainer, TrainState } from "./step.ts";

/** See above. */
export interface Engine {
  /** One update. Nothing is read, so that a failure may come up later. */
  advance(batch: Sample): Promise<void>;
  /** Measurements of the steps since the last time, one row after the other. */
  measure(): Promise<ArrayLike<number>>;
  /** The state, on the backend of this process. It belongs to the engine, and lives until the next update. */
  state(): Promise<TrainState>;
  /** Goes on from a state that was made of the last one. */
  replace(state: TrainState): Promise<void>;
}

/** The engine that computes on the backend of this process; measurements stay on the device until they are read. */
export function localEngine(
  trainer: Trainer,
  inputs: readonly string[],
  initial: TrainState,
): Engine {
  let state = initial;
  let rows: Tensor[] = [];
  return {
    advance(fields) {
      const batch = placeBatch(inputs, fields);
      const [next, row] = trainer.step(state, batch);
      state = next;
      rows.push(row);
      dispose(batch);
      return Promise.resolve();
    },
    async measure() {
      if (rows.length === 0) return [];
      const taken = rows;
      rows = [];
      const all = np.stack(taken);
      const data = await all.data();
      dispose([all, taken]);
      return data;
    },
    state: () => Promise.resolve(state),
    replace(next) {
      state = next;
      return Promise.resolve();
    },
  };
}

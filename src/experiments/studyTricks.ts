/** study */
import { Effect } from "effect";
import type { ExperimentConfig } from "./config.ts";
import type { Display } from "./progress.ts";
/** Options. */
export interface StudyOptions {
  readonly base: ExperimentConfig;
  readonly root: string;
  readonly display: Display;
  readonly steps: number;
  readonly seeds: number;
  readonly iterations: readonly number[];
}
/** Study. */
export const studyTricks = (_: StudyOptions) => Effect.void;

/** Operations on scores that tasks and the runner share. */
import { mean } from "simple-statistics";
import type { Sample } from "../../data/index.ts";
import { formatFixed } from "../display/progress.ts";
import type { Scorer, Scores, ScoreSpec, Seen, Task } from "./task.ts";

/** The mean over samples of each score that `score` gives; samples without a score do not count for it. */
export function averaged<S extends Sample, Y extends string>(
  score: (seen: Seen<S, Y>) => Scores,
): Scorer<S, Y> {
  const parts: Scores[] = [];
  return {
    add: (seen) => void parts.push(score(seen)),
    result() {
      const names = new Set(parts.flatMap(Object.keys));
      return Object.fromEntries(
        // One NaN makes the mean NaN.
        [...names].map((name) => [name, mean(parts.flatMap((part) => part[name] ?? []))]),
      );
    },
  };
}

/** The scores of a task in a line. */
export function formatScores(task: Task, scores: Scores): string {
  return scoresOf(task).flatMap(({ key, name, digits }) => {
    const value = scores[key];
    return value === undefined ? [] : [`${name} ${formatFixed(value, digits)}`];
  }).join("  ");
}

/** The scores that a checkpoint can be chosen by: the task's, and the loss. */
export const scoresOf = ({ scores }: Task): readonly ScoreSpec[] =>
  scores.some(({ key }) => key === "loss")
    ? scores
    : [...scores, { key: "loss", name: "loss", digits: 4, better: "lower" }];

/** The score by which runs of a task are compared, and in words: the one that is named, else the task's main one. */
export function mainScore(
  task: Task,
  scores: Scores,
  named?: string,
): { readonly value: number; readonly text: string; readonly better: "higher" | "lower" } {
  const key = named ?? task.main.find((key) => scores[key] !== undefined);
  const spec = scoresOf(task).find((spec) => spec.key === key);
  return {
    value: key === undefined ? NaN : scores[key] ?? NaN,
    text: key === undefined ? "" : formatScores(task, { [key]: scores[key] ?? NaN }),
    better: spec?.better ?? "higher",
  };
}

/**
 * A study answers one question by training several kinds of models with several seeds. It is declared as data: which
 * kinds, what is measured of a run, what the paper claims of it, which curves are drawn. Everything else follows from the
 * declaration: the runs (`runStudy.ts`), and the table, the picture and the verdicts (`tell.ts`).
 */
import type { MetricRow } from "../runs/metrics.ts";

/** One kind of run. */
export interface StudyKind {
  /** Part of the names of its runs: letters, digits, dots and dashes. */
  readonly name: string;
  /** The line that it is drawn as, such as an adjoint. Kinds of one line differ in their `place`. */
  readonly line: string;
  /** The column of the picture that it is in. Within one, lines are compared. */
  readonly place: string;
  /** Further cells of its row in the table, by the head of their column. */
  readonly facts?: { readonly [head: string]: string };
  /** The preset that its runs begin from; the study's unless given. */
  readonly preset?: string;
  /** The changes of its config, as on the command line: `model.iterations=7`. */
  readonly set: readonly string[];
}

/** A number that is computed from the metrics of one run of a kind. */
export interface Measure {
  readonly key: string;
  readonly name: string;
  readonly better: "higher" | "lower";
  readonly of: (rows: readonly MetricRow[], kind: StudyKind) => number;
}

/** A claim of a paper, which runs can contradict: `first` is better than `second` by a measure, at every place. */
export interface Claim {
  /** The claim as a sentence, and where it is made. */
  readonly text: string;
  /** The key of a measure. */
  readonly measure: string;
  /** Names of lines. */
  readonly first: string;
  readonly second: string;
}

/** A curve over steps, drawn in every column of the picture. */
export interface StudyCurve {
  /** A key of `metrics.jsonl`. */
  readonly key: string;
  readonly title: string;
  readonly logarithmic?: boolean;
}

/** All of a study. */
export interface Study {
  /** The name on the command line. */
  readonly name: string;
  readonly title: string;
  /** The question, the figure or table of the paper, and what is different here. */
  readonly description: string;
  /** The preset of all kinds that name none. */
  readonly preset: string;
  /** Updates of each run, and the number of seeds, unless others are asked for. */
  readonly steps: number;
  readonly seeds: number;
  /** Changes of all its configs. */
  readonly set?: readonly string[];
  readonly kinds: readonly StudyKind[];
  readonly measures: readonly Measure[];
  readonly claims: readonly Claim[];
  readonly curves: readonly StudyCurve[];
}

/** The last part of a metric's values over training, for measures: `lastPart(rows, "loss", 0.1)`. */
export function lastPart(rows: readonly MetricRow[], key: string, part: number): number[] {
  const values = rows.flatMap((row) => {
    const value = row[key];
    return typeof value === "number" ? [value] : [];
  });
  return values.slice(-Math.max(1, Math.ceil(values.length * part)));
}

/**
 * `results.json`: what a study found, a cell for each run. It is written again after every run, and all that is told and
 * drawn comes from it alone, so that a committed one can be looked at without training.
 */
import { Effect, Schema } from "effect";
import { ConfigError } from "../errors.ts";
import { curvesOf, smooth, thin } from "../report/curves.ts";
import type { MetricRow } from "../runs/metrics.ts";
import type { Study } from "./study.ts";

const Cell = Schema.Struct({
  kind: Schema.String,
  seed: Schema.Int,
  /** "failed" where a number was none any more; such a run has no measures. */
  status: Schema.Literals(["finished", "failed"]),
  measures: Schema.Record(Schema.String, Schema.NullOr(Schema.Finite)),
  /** Steps and values, smoothed and thinned. */
  curves: Schema.Record(Schema.String, Schema.Array(Schema.Tuple([Schema.Int, Schema.Finite]))),
});

const Results = Schema.Struct({
  study: Schema.String,
  steps: Schema.Int,
  /** The machine that the runs were made on. */
  machine: Schema.String,
  cells: Schema.Array(Cell),
});

/** One run of a study in numbers. */
export type StudyCell = typeof Cell.Type;
/** All runs of a study in numbers. */
export type StudyResults = typeof Results.Type;

/** The numbers of a run. */
export function cellOf(
  study: Study,
  kind: string,
  seed: number,
  run: { readonly status: "finished" | "failed"; readonly rows: readonly MetricRow[] },
): StudyCell {
  const declared = study.kinds.find(({ name }) => name === kind)!; // runs are of its kinds
  const short = (value: number) => Number(value.toPrecision(5));
  return {
    kind,
    seed,
    status: run.status,
    measures: Object.fromEntries(
      study.measures.map(({ key, of }) => {
        const value = run.status === "failed" ? NaN : of(run.rows, declared);
        return [key, Number.isFinite(value) ? short(value) : null];
      }),
    ),
    curves: Object.fromEntries(
      study.curves.map(({ key }) => {
        const points = curvesOf(run.rows, key).filter(({ y }) => Number.isFinite(y));
        const window = Math.max(1, Math.floor(points.length / 50));
        return [
          key,
          thin(smooth(points, window), 50).map(({ x, y }) =>
            [x, Number(y.toPrecision(3))] as const
          ),
        ];
      }),
    ),
  };
}

/** A file of results as it is kept: a line for each cell. */
export function encodeResults({ cells, ...rest }: StudyResults): string {
  const head = JSON.stringify(rest, null, 1).replace(/\n\}$/, "");
  return `${head},\n "cells": [\n${
    cells.map((cell) => `  ${JSON.stringify(cell)}`).join(",\n")
  }\n ]\n}\n`;
}

/** Reads a file of results; it must be of this study. */
export const decodeResults = Effect.fnUntraced(
  function* (study: Study, text: string, path: string) {
    const refuse = (problem: string) =>
      new ConfigError(
        `${path} holds no results of the study "${study.name}":`,
        [problem],
        "Give the results.json that `study` wrote into the folder of the study.",
      );
    const results = yield* Effect.try({
      try: () => Schema.decodeUnknownSync(Results)(JSON.parse(text)),
      catch: (cause) => refuse(cause instanceof Error ? cause.message : String(cause)),
    });
    if (results.study !== study.name) {
      return yield* Effect.fail(refuse(`it is of the study "${results.study}"`));
    }
    const known = new Set(study.kinds.map(({ name }) => name));
    const stranger = results.cells.find(({ kind }) => !known.has(kind));
    if (stranger !== undefined) {
      return yield* Effect.fail(refuse(`the study has no kind "${stranger.kind}"`));
    }
    return results;
  },
);

/** `runs seeds`: what the seeds of each kind of run reached, and whether they tell the kinds apart. */
import { Effect } from "effect";
import { difference } from "../statistics/difference.ts";
import { formatSample, summarize } from "../statistics/sample.ts";
import type { IntervalMethod } from "../statistics/interval.ts";
import { tellVerdict } from "../statistics/verdict.ts";
import type { ScoreSpec } from "../tasks/task.ts";
import { openGroups, type RunGroup, shortLabel, valuesOf } from "./groups.ts";
import { markdownTable, type Table, withoutEmptyColumns } from "./tables.ts";

/** The meaning of ±, said below every table that has one. */
export const plusMinus = "± is the standard deviation of the sample, over seeds (n − 1).";

/** Markdown: mean ± deviation for each kind, every seed's value, and how each kind differs from the first. */
export const seedTable = Effect.fnUntraced(function* (
  root: string,
  names: readonly string[],
  method: IntervalMethod = "t",
) {
  const groups = yield* openGroups(root, names);
  const several = groups.some(({ runs }) => runs.size > 1);
  return [
    markdownTable(spreadTable(groups)),
    ...(several ? [plusMinus, "Every seed:", markdownTable(seedValues(groups))] : []),
    ...verdicts(groups, method),
    ...notes(groups),
  ].join("\n\n");
});

/** The scores of all tasks in their order, then the time. */
export function scoresOf(groups: readonly RunGroup[]): readonly ScoreSpec[] {
  const all: readonly ScoreSpec[] = [
    ...groups.flatMap(({ task }) => task.scores),
    { key: "trainingSeconds", name: "seconds", digits: 0, better: "lower" },
  ];
  return [...new Map(all.map((spec) => [spec.key, spec])).values()];
}

/** A row for each kind. */
export function spreadTable(groups: readonly RunGroup[]): Table {
  const scores = scoresOf(groups);
  return withoutEmptyColumns([
    ["runs", "steps", "seeds", ...scores.map(({ name }) => name)],
    ...groups.map((group) => [
      [shortLabel(group, groups), ...fieldsOf(group)].join(", "),
      String([...group.runs.values()][0]!.config.steps), // a group has a run
      String(group.runs.size),
      ...scores.map(({ key }) => formatSample(summarize(valuesOf(group, key).values()))),
    ]),
  ]);
}

/** The fields that tell a kind from the others. */
const fieldsOf = ({ differing }: RunGroup) =>
  Object.entries(differing).map(([path, value]) => `${path}=${value}`);

/** A row for each run. */
export function seedValues(groups: readonly RunGroup[]): Table {
  const scores = scoresOf(groups);
  return withoutEmptyColumns([
    ["runs", "seed", ...scores.map(({ name }) => name)],
    ...groups.flatMap((group) =>
      [...group.runs].map(([seed, { results }]) => [
        shortLabel(group, groups),
        String(seed),
        ...scores.map(({ key, digits }) => results[key]?.toFixed(digits) ?? "–"),
      ])
    ),
  ]);
}

/** The difference of each kind from the first in the main score that both have, in words. */
export function verdicts(groups: readonly RunGroup[], method: IntervalMethod = "t"): string[] {
  const [first, ...others] = groups;
  if (first === undefined) return [];
  return others.flatMap((group) => {
    const key = group.task.main.find((key) =>
      valuesOf(group, key).size > 0 && valuesOf(first, key).size > 0
    );
    const spec = group.task.scores.find((spec) => spec.key === key);
    if (key === undefined || spec === undefined) return [];
    return [
      tellVerdict(difference(valuesOf(group, key), valuesOf(first, key), { method }), {
        measure: spec.name,
        first: shortLabel(group, groups),
        second: shortLabel(first, groups),
        better: spec.better ?? "higher",
      }),
    ];
  });
}

/** Runs that were left out, in words. */
export function notes(groups: readonly RunGroup[]): string[] {
  return groups.flatMap((group) =>
    group.repeated.length === 0 ? [] : [
      `${shortLabel(group, groups)} has several runs of seed ${
        group.repeated.join(", ")
      }: the last one named counts, since a seed ` +
      "that is run again says nothing new.",
    ]
  );
}

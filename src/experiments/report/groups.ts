/** Runs from their folders, those that differ in their seed alone together. */
import { Effect } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { openRun } from "../runs/open.ts";
import type { MetricRow } from "../runs/metrics.ts";
import type { SeedValues } from "../statistics/sample.ts";
import { groupBySeed, type SeedGroup } from "../statistics/seeds.ts";
import { taskOf } from "../tasks/index.ts";
import type { Scores, Task } from "../tasks/task.ts";

/** A run as it was found. */
export interface FoundRun {
  readonly name: string;
  readonly config: ExperimentConfig;
  readonly task: Task;
  /** The latest scores and measurements. */
  readonly results: Scores;
  readonly rows: readonly MetricRow[];
}

/** Runs of one kind, with a name for reports. */
export interface RunGroup extends SeedGroup<FoundRun> {
  /** The part that the names of the configs share. */
  readonly name: string;
  readonly task: Task;
}

/** Opens runs, and groups them by everything but the seed. */
export const openGroups = Effect.fnUntraced(function* (root: string, names: readonly string[]) {
  const runs = yield* Effect.forEach(
    names,
    Effect.fnUntraced(function* (name) {
      const { folder, config } = yield* openRun(root, name);
      return {
        name: folder.name,
        config,
        task: yield* taskOf(config),
        results: (yield* folder.summary()).value?.results ?? {},
        rows: yield* folder.metrics(),
      } satisfies FoundRun;
    }),
  );
  return groupBySeed(runs).map((group): RunGroup => {
    const all = [...group.runs.values()];
    const name = nameOf(all.map(({ config }) => config.name));
    return { ...group, name, task: all[0]!.task }; // a group has a run
  });
});

/** The values that the runs of a group have of a result; runs without it are left out. */
export function valuesOf({ runs }: RunGroup, key: string): SeedValues {
  return new Map(
    [...runs].flatMap(([seed, { results }]) => {
      const value = results[key];
      return value === undefined ? [] : [[seed, value] as const];
    }),
  );
}

/** The part that names share: "small" of "small-seed0" and "small-seed1". */
function nameOf(names: readonly string[]): string {
  let shared = names[0]!; // a group has a run
  while (!names.every((name) => name.startsWith(shared))) shared = shared.slice(0, -1);
  if (new Set(names).size === 1) return shared;
  return shared.replace(/[-_.]*(seed)?[-_.]*$/, "") || "runs";
}

/** The name of a kind where its fields are shown next to it; with a number where others have the same name. */
export function shortLabel(group: RunGroup, groups: readonly RunGroup[]): string {
  const same = groups.filter(({ name }) => name === group.name);
  return same.length < 2 ? group.name : `${group.name} (${same.indexOf(group) + 1})`;
}

/** Runs that differ in nothing but their seed, together. */
import type { ExperimentConfig } from "../schema.ts";
import { fieldsOf } from "../runs/resume.ts";

/** Runs of one kind, by seed. */
export interface SeedGroup<R> {
  /** The fields in which the groups differ, as JSON. */
  readonly differing: { readonly [path: string]: string };
  readonly runs: ReadonlyMap<number, R>;
  /** Seeds of which there were several runs; the last one counts. */
  readonly repeated: readonly number[];
}

/** Fields that do not distinguish kinds: a run's name is only a label, and often has the seed in it. */
const aside = new Set(["seed", "name"]);

/** Groups runs by all fields of their configs but the seed and the name, in the order in which the groups begin. */
export function groupBySeed<R extends { readonly config: ExperimentConfig }>(
  runs: readonly R[],
): readonly SeedGroup<R>[] {
  interface Open {
    readonly fields: { readonly [path: string]: string };
    readonly runs: Map<number, R>;
    readonly repeated: Set<number>;
  }
  const groups = new Map<string, Open>();
  for (const run of runs) {
    const fields = Object.fromEntries(
      Object.entries(fieldsOf(run.config)).filter(([path]) => !aside.has(path)).sort(),
    );
    const key = JSON.stringify(fields);
    const group = groups.get(key) ?? { fields, runs: new Map(), repeated: new Set() };
    groups.set(key, group);
    // The same seed again is the same run again: it says nothing about the spread.
    if (group.runs.has(run.config.seed)) group.repeated.add(run.config.seed);
    group.runs.set(run.config.seed, run);
  }
  const all = [...groups.values()];
  const paths = [...new Set(all.flatMap(({ fields }) => Object.keys(fields)))]
    .filter((path) => new Set(all.map(({ fields }) => fields[path])).size > 1);
  return all.map(({ fields, runs, repeated }) => ({
    differing: Object.fromEntries(paths.map((path) => [path, fields[path] ?? "–"])),
    runs: new Map([...runs].sort(([a], [b]) => a - b)),
    repeated: [...repeated].sort((a, b) => a - b),
  }));
}

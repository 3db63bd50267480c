/** Kept results: one file a run, bench/results/<date>.json. */
import { arch, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Result } from "./contestant.ts";

/** Where a run took place. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly gpu?: string;
}

/** A run. */
export interface Run {
  readonly machine: Machine;
  readonly results: readonly Result[];
}

/** A run that was kept. */
export interface KeptRun extends Run {
  readonly date: string;
}

const folder = fileURLToPath(new URL("results/", import.meta.url));

/** This machine. */
export function machine(): Machine {
  return {
    cpu: cpus()[0]!.model.trim(),
    cores: navigator.hardwareConcurrency,
    memoryBytes: totalmem(),
    system: `${Deno.build.os} ${arch()}`,
  };
}

/** Keeps a run that began at a date, over what was kept of it before. Gives the path of the file. */
export async function keep(date: string, run: Run): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  const path = `${folder}${date.slice(0, 19).replaceAll(":", "-")}.json`;
  const short = {
    date,
    ...run,
    // Microseconds are more than enough.
    results: run.results.map((r) => ({ ...r, times: r.times.map((t) => Number(t.toFixed(3))) })),
  };
  await Deno.writeTextFile(path, JSON.stringify(short, null, 1) + "\n");
  return path;
}

/** All kept runs, the latest last. */
export async function keptRuns(): Promise<KeptRun[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".json")) names.push(name);
  return await Promise.all(
    names.sort().map(async (name) => JSON.parse(await Deno.readTextFile(folder + name)) as KeptRun),
  );
}

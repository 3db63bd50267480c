/**
 * Damaged files of every kind are read right or refused with a named error, in bounded time and memory, and where
 * the format has checksums no damage passes. `TRILEVEL_FUZZ_FILES` says how many files (`deno task fuzz:readers`:
 * 20,000); `deno run -A test/data/mutations.ts NUMBER 1` repeats the one with a number.
 */

import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { runs } from "../support/tier.ts";

const files = Number(process.env["TRILEVEL_FUZZ_FILES"] ?? runs(2000));
const script = fileURLToPath(new URL("mutations.ts", import.meta.url));

interface Summary {
  readonly tally: { readonly [kind: string]: { readonly [outcome: string]: number } };
  readonly peak: number;
}

/** What a process of its own finds in some of the files. */
async function findings(first: number, count: number) {
  const args = ["run", "-A", script, String(first), String(count)];
  // A file that is never done ends the process, and the test with it.
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    timeout: 600_000,
    maxBuffer: 2 ** 26,
  });
  const lines = stdout.trim().split("\n").map((line): object => JSON.parse(line));
  const summary = lines.pop() as Summary;
  return { lines, summary };
}

test(`${files} damaged files`, async () => {
  const most = 2000; // HDF5 keeps files open in which it has failed
  for (let first = 0; first < files; first += most) {
    const count = Math.min(most, files - first);
    const { lines, summary } = await findings(first, count);
    expect(lines).toEqual([]);
    const outcomes = Object.values(summary.tally).map((row) => Object.entries(row));
    expect(outcomes.flat().reduce((sum, [, n]) => sum + n, 0)).toBe(count);
    // Every kind has files that are refused and, by chance, files that are read; all bombs are refused.
    expect(outcomes.length).toBe(13);
    for (const row of outcomes) expect(row.length).toBeGreaterThan(1);
    expect(summary.tally["bomb"]!["read"]).toBeUndefined();
  }
}, 0);

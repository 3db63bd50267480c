/**
 * The bench: ours beside the peers, on the same work, in the same run.
 *
 * Every subject does every case in a process of its own. First calls come one after the other; then all take
 * turns, a few calls each, round after round, so that whatever else the machine does falls on all alike.
 * Results are kept under bench/results; `deno task bench:report` makes docs/performance.md of them.
 */
import { parseArgs } from "./args.ts";
import type { Case } from "./cases.ts";
import { Contestant, type Result } from "./contestant.ts";
import { keep, machine } from "./results.ts";
import type { Subject } from "./subjects.ts";
import { formatCase } from "./table.ts";

// A subject that takes longer than this, in milliseconds, makes three calls only.
const slow = 2000;
const rounds = 7;

async function measure(c: Case, subjects: readonly Subject[], calls: number): Promise<Result[]> {
  const running: Contestant[] = [];
  for (const subject of subjects) {
    const contestant = await Contestant.start(c, subject);
    if (!contestant) continue;
    try {
      await contestant.first();
      await contestant.warmUp(contestant.pace > slow ? 1 : 3);
      running.push(contestant);
    } catch (error) {
      console.error(String(error));
      await contestant.end();
    }
  }
  try {
    for (let round = 0; round < rounds; round++) {
      for (const contestant of running) {
        const wanted = contestant.pace > slow ? 3 : calls;
        const now = Math.ceil(wanted * (round + 1) / rounds) - contestant.calls;
        if (now > 0) await contestant.more(now);
      }
    }
    return running.map((contestant) => contestant.result());
  } finally {
    await Promise.all(running.map((contestant) => contestant.end()));
  }
}

/** Different numbers mean different work: such a row would compare nothing. */
function checkSame(c: Case, results: readonly Result[]): void {
  const [first] = results;
  for (const { check, subject } of results) {
    if (Math.abs(check - first!.check) <= 1e-3 * Math.max(1, Math.abs(first!.check))) continue;
    console.error(`${c.id}: ${subject} gives ${check}, ${first!.subject} ${first!.check}`);
  }
}

const { cases, subjects, calls } = parseArgs(Deno.args);
const date = new Date().toISOString();
const all: Result[] = [];
for (const c of cases) {
  const results = await measure(c, subjects, calls);
  checkSame(c, results);
  console.log(formatCase(c, results));
  all.push(...results);
  await keep(date, { machine: machine(), results: all }); // a run that is broken off has measured, too
}

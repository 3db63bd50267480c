/** Tells in words how a sweep stands: cells, workers, failures with their reasons, and the time left. */
import { formatDuration } from "../display/progress.ts";
import { textTable } from "../report/tables.ts";
import { cellStates } from "./cell.ts";
import type { CellRow, WorkerRow } from "./store.ts";

/** Seconds without a word after which a worker counts as gone. */
const silence = 120;

/** Seconds that the cells without a result take, at the pace of what was trained so far; undefined before that. */
export function secondsLeft(cells: readonly CellRow[], workers: number): number | undefined {
  let [steps, seconds, left] = [0, 0, 0];
  for (const cell of cells) {
    const open = cell.state === "waiting" || cell.state === "running";
    // Work that was lost with a worker takes time as well: its seconds count, its steps do not.
    if (cell.seconds > 0) {
      steps += cell.step;
      seconds += cell.seconds;
    }
    if (open) left += cell.steps - cell.step;
  }
  return steps === 0 || workers === 0 ? undefined : left * seconds / steps / workers;
}

/** One line: `12 cells: 8 finished, 1 diverged, 3 waiting`. */
export function tellCounts(cells: readonly CellRow[]): string {
  const parts = cellStates.flatMap((state) => {
    const n = cells.filter((cell) => cell.state === state).length;
    return n === 0 ? [] : [`${n} ${state}`];
  });
  return `${cells.length} cell${cells.length === 1 ? "" : "s"}: ${parts.join(", ") || "none"}`;
}

/** All of it, as text. */
export function tellStatus(cells: readonly CellRow[], workers: readonly WorkerRow[]): string {
  const present = workers.filter(({ silent }) => silent < silence);
  const left = secondsLeft(cells, present.length);
  const open = cells.some(({ state }) => state === "waiting" || state === "running");
  const lines = [tellCounts(cells)];
  if (open) {
    lines.push(
      present.length === 0
        ? "no worker is there: start one with deno task sweep worker"
        : left === undefined
        ? "time left: not known before the first progress"
        : `time left: about ${formatDuration(left)} with ${present.length} worker${
          present.length === 1 ? "" : "s"
        }`,
    );
  }
  if (workers.length > 0) {
    lines.push(
      "",
      textTable([
        ["worker", "cell", "step", "last heard of"],
        ...workers.map(({ id, silent }) => {
          const cell = cells.find(({ worker, state }) => worker === id && state === "running");
          return [
            id,
            cell?.name ?? "–",
            cell === undefined ? "–" : `${cell.step}/${cell.steps}`,
            `${formatDuration(silent)} ago`,
          ];
        }),
      ]),
    );
  }
  const told = cells.filter(({ state }) => state === "failed" || state === "diverged");
  if (told.length > 0) {
    lines.push("");
    for (const { name, key, state, message } of told) {
      lines.push(`${state}: ${name} (${key.slice(0, 8)}): ${message ?? "no reason was told"}`);
    }
    if (told.some(({ state }) => state === "failed")) {
      lines.push("deno task sweep retry lets failed cells wait again");
    }
  }
  return lines.join("\n");
}

/** A table with a row for each cell. */
export const cellTable = (cells: readonly CellRow[]): string =>
  textTable([
    ["cell", "key", "state", "step", "attempt", "time", "folder"],
    ...cells.map(({ name, key, state, step, steps, epoch, seconds, folder }) => [
      name,
      key.slice(0, 8),
      state,
      `${step}/${steps}`,
      String(epoch),
      formatDuration(seconds),
      epoch === 0 ? "–" : `${folder}.${epoch}`,
    ]),
  ]);

/** A short form of `deno task sweep:proof`: workers of a Postgres that are killed, cut off, and left without it. */
import { expect, it, vi } from "vitest";
import { full } from "../../support/tier.ts";
import { havePostgres } from "../../support/postgres.ts";
import { temporaryFolder } from "../support.ts";
import { toy } from "../toy.ts";
import { prove } from "./proof.ts";

// Most of the time of so short a run, and nothing to do with cells.
vi.mock("../../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();

it.skipIf(!havePostgres)(
  "every cell ends once, to the bits of a run by itself, whatever dies",
  async () => {
    const lines: string[] = [];
    const proof = await prove({
      folder: folder(),
      config: { ...toy, steps: 48 },
      cells: full ? 8 : 5,
      workers: 2,
      leaseSeconds: 3,
      delay: 100,
      kills: { every: 2, times: full ? 2 : 1 },
      restartAfter: 2,
      cut: { how: full ? "stop" : "network", after: 0, seconds: 8 },
      line: (text) => void lines.push(text),
    });
    expect(proof.rows.map(({ state }) => state)).toEqual(proof.rows.map(() => "finished"));
    expect(proof.different).toEqual([]);
    expect(proof.overlaps).toEqual([]);
    expect(proof.late).toEqual([]);
    expect(lines.join("\n")).toContain("one worker is cut off");
    expect(proof).toMatchObject({ restarted: true });
    expect(proof.killed).toBeGreaterThan(0);
    // It gave its cell up, or was done with it while it was cut off.
    expect(proof.noticed.length).toBeGreaterThan(0);
    // A cell whose worker is killed is lent once more.
    expect(proof.attempts).toBeGreaterThanOrEqual(proof.rows.length + proof.killed);
  },
  600_000, // most of it is waiting: for leases to end, and for the programs to start
);

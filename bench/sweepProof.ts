/**
 * The long proof of sweeps: sixty runs by three workers over Postgres, of which one is killed by -9 every few seconds,
 * the database is restarted, and one worker is cut off from it for a minute, once by its network and once by being stopped.
 *
 *     deno task sweep:proof
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { havePostgres } from "../test/support/postgres.ts";
import { prove } from "../test/experiments/sweep/proof.ts";
import { toy } from "../test/experiments/toy.ts";

if (!havePostgres) {
  console.log("Postgres is not installed: apt-get install postgresql");
  process.exit(1);
}
let sound = true;
for (const how of ["network", "stop"] as const) {
  const folder = await mkdtemp(join(tmpdir(), "trilevel-proof-"));
  const proof = await prove({
    folder,
    config: { ...toy, steps: 12 },
    cells: 60,
    workers: 3,
    leaseSeconds: 6,
    delay: 60,
    kills: { every: 5, times: 12 },
    restartAfter: 20,
    cut: { how, after: 10, seconds: 60 },
    line: (text) => console.log(text),
  });
  const finished = proof.rows.filter(({ state }) => state === "finished").length;
  console.log(
    [
      `cells finished                 ${finished} of ${proof.rows.length}`,
      `attempts                       ${proof.attempts}`,
      `workers killed by -9           ${proof.killed}`,
      `database restarted             ${proof.restarted ? "once" : "never"}`,
      `cells given up by the one cut  ${proof.givenUp.length}`,
      `not bit-equal to a serial run  ${proof.different.length}`,
      `two writers at a time          ${proof.overlaps.length}`,
      `writes after a loan had ended  ${proof.late.length}`,
      "",
    ].join("\n"),
  );
  for (const problem of [...proof.different, ...proof.overlaps, ...proof.late]) {
    console.log(problem);
  }
  sound &&= finished === proof.rows.length && proof.different.length === 0 &&
    proof.overlaps.length === 0 && proof.late.length === 0;
  await rm(folder, { recursive: true, force: true });
}
process.exit(sound ? 0 : 1);

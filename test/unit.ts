/**
 * Runs the vitest suites; arguments go to vitest. In the everyday tier, and unless files or folders are named, the long files
 * of `support/tier.ts` are left out.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { full, long } from "./support/tier.ts";

const args = process.argv.slice(2);
const named = args.some((arg) => !arg.startsWith("-"));
const left = full || named ? [] : long.map((pattern) => `--exclude=${pattern}`);
const { status } = spawnSync(
  process.execPath,
  ["run", "-A", "npm:vitest", "run", ...left, ...args],
  { stdio: "inherit" },
);
process.exit(status ?? 1);

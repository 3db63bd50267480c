/** The program of docs/howto/system.md is the command line with one more task. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("a program with a task of its own has the whole command line", async () => {
  const folder = await mkdtemp(join(tmpdir(), "trilevel-system-"));
  const program = fileURLToPath(new URL("./system.ts", import.meta.url));
  const run = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, ["run", "-A", program, ...args])).stdout;
  try {
    await run("--preset", "mixture", "--steps", "1", "--runs", folder);
    expect(await run("runs", "list", "--runs", folder)).toMatch(/^mixture-\S+ +finished +1 +ARI /m);
  } finally {
    await rm(folder, { recursive: true });
  }
});

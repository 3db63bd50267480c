/**
 * Type-checks and runs the examples in doc comments, the guides and README.md. In the everyday tier those of the guides are
 * all run, and of source files those that differ from the last commit and every seventh of the others.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { full, someOf } from "../support/tier.ts";

/** Lines that git prints; none where there is no repository. */
const git = (...args: string[]) =>
  spawnSync("git", args, { encoding: "utf8" }).stdout?.trim().split("\n") ?? [];

function sources(): string[] {
  const withExamples = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts")).map((file) => `src/${file}`).sort()
    .filter((file) => readFileSync(file, "utf8").includes("* ```ts"));
  const changed = [
    ...git("diff", "--name-only", "HEAD"),
    ...git("ls-files", "--others", "--exclude-standard"),
  ];
  const chosen = new Set([...someOf(withExamples), ...changed]);
  return withExamples.filter((file) => chosen.has(file));
}

const { status } = spawnSync(process.execPath, [
  ...["test", "-A", "--doc", "--parallel", "--permit-no-files"],
  ...["--preload=test/support/assert.ts", "--junit-path=.cache/doc-tests.xml"],
  ...(full ? ["src"] : sources()),
  ...["docs", "README.md"],
], { stdio: "inherit" });
process.exit(status ?? 1);

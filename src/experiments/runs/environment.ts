/** The environment of a run, which readers need to know to compare its numbers with others. */
import { execFile } from "node:child_process";
import { arch, cpus, platform, release, totalmem } from "node:os";
import process from "node:process";
import { promisify } from "node:util";
import { Effect } from "effect";
import manifest from "../../../package.json" with { type: "json" };

/** A machine and its software. */
export interface Environment {
  readonly trilevel: string;
  /** The commit, with + when files have been changed since; null outside of a repository. */
  readonly commit: string | null;
  readonly runtime: string;
  readonly v8: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly backend: string;
  readonly libraries: { readonly [name: string]: string };
  readonly command: string;
  readonly started: string;
}

const run = promisify(execFile);

const commit = Effect.promise(async () => {
  const cwd = new URL("../../..", import.meta.url);
  try {
    const { stdout: hash } = await run("git", ["rev-parse", "--short=12", "HEAD"], { cwd });
    const { stdout: changes } = await run("git", ["status", "--porcelain", "-uno"], { cwd });
    return hash.trim() + (changes === "" ? "" : "+");
  } catch {
    return null;
  }
});

/** Describes the environment. */
export const describeEnvironment = (backend: string, time: Date) =>
  Effect.map(commit, (commit): Environment => ({
    trilevel: manifest.version,
    commit,
    runtime: "Deno" in globalThis
      ? `Deno ${(globalThis as { Deno?: { version: { deno: string } } }).Deno?.version.deno}`
      : `Node ${process.version}`,
    v8: process.versions["v8"] ?? "unknown",
    platform: `${platform()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    backend,
    libraries: manifest.dependencies,
    command: ["train", ...process.argv.slice(2)].join(" "),
    started: time.toISOString(),
  }));

/** The command that starts Deno here; users who have only npm start it through npx. */
export const denoCommand = process.env["npm_execpath"] === undefined ? "deno" : "npx -y deno@2.9.6";

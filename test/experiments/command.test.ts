/** The command as users run it: exit codes, signals, and a process killed from outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import { remember, temporaryFolder, tiny, tinyConfig } from "./support.ts";

const folder = temporaryFolder();
const entry = fileURLToPath(new URL("../../src/experiments/cli/main.ts", import.meta.url));

/** Starts the command. */
const start = (...args: string[]) => launch("run", "-A", entry, ...args);

/** Starts Deno; `output` grows while it runs. */
function launch(...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const seen = { output: "" };
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal }))
  );
  child.stdout?.on("data", (bytes) => seen.output += bytes);
  child.stderr?.on("data", (bytes) => seen.output += bytes);
  const until = async (pattern: RegExp) => {
    while (!pattern.test(seen.output) && child.exitCode === null) {
      await setTimeout(20);
    }
  };
  return { child, seen, ended, until };
}

const configFile = async (name: string, changes: object = {}) => {
  const path = folder(`${name}.json`);
  await writeFile(path, JSON.stringify({ ...tiny, ...changes }));
  return path;
};

// Seconds each, but minutes where several things share the machine.
vi.setConfig({ testTimeout: 180_000 });

/** No scores and pictures but at the end, many checkpoints. */
const log = {
  every: 2,
  evaluateEvery: 1000,
  panelEvery: 1000,
  firstPanel: 1000,
  checkpointEvery: 2,
};

describe("the command", () => {
  it("tells all mistakes of a config in one message, with exit code 1", async () => {
    const { ended, seen } = start("--set", "model.slots=0", "--set", "nothing=1", "--steps", "0");
    expect((await ended).code).toBe(1);
    expect(seen.output).toContain("3 mistakes");
    expect(seen.output).not.toMatch(/\bat .*\.(ts|js):\d+/);
  });

  it("saves when interrupted, tells how to go on, and exits with 130", async () => {
    const config = await configFile("endless", { steps: 100_000, log });
    const { child, ended, seen, until } = start("--config", config, "--runs", folder("int"));
    await until(/step 1\//);
    child.kill("SIGINT");
    // Deno takes the exit code 130 of a child for the signal that it stands for.
    const { code, signal } = await ended;
    expect(code ?? signal).toBe(code === null ? "SIGINT" : 130);
    expect(seen.output).toMatch(/interrupted at step \d+/);
    expect(seen.output).toMatch(/task train resume tiny-/);
  });

  it("answers an interruption at once, while a step keeps the main thread", async () => {
    const module = new URL("../../src/experiments/cli/interruption.ts", import.meta.url);
    const code = `
      import { Effect } from "effect";
      import { answerInterruption } from ${JSON.stringify(module.href)};
      await Effect.runPromise(Effect.scoped(Effect.flatMap(answerInterruption, () =>
        Effect.sync(() => {
          console.log("begun");
          for (;;);
        })
      )));`;
    const { child, seen, ended, until } = launch("eval", code);
    await until(/begun/);
    // Not child.kill, whose signal Deno would report as the one that ended the process.
    const interrupt = () => process.kill(child.pid!, "SIGINT"); // it was started
    interrupt();
    await until(/stopping after the current step/);
    // Later ones stop it, which the main thread cannot.
    while (child.exitCode === null && child.signalCode === null) {
      await setTimeout(300);
      if (child.exitCode === null && child.signalCode === null) interrupt();
    }
    expect((await ended).signal, seen.output).toBe("SIGKILL");
    expect(seen.output.match(/stopping/g)).toHaveLength(1);
  });

  it("loses nothing but the steps since the last checkpoint when killed", async () => {
    const config = await configFile("killed", { steps: 100_000, log });
    const { child, ended, seen } = start("--config", config, "--runs", folder("kill"));
    const saved = async () =>
      (await readdir(folder("kill"), { recursive: true }).catch(() => []))
        .some((name) => name.endsWith("step-00000008.safetensors"));
    while (!(await saved()) && child.exitCode === null) await setTimeout(10);
    child.kill("SIGKILL");
    expect((await ended).signal).toBe("SIGKILL");
    const { folder: where, config: found } = await Effect.runPromise(
      openRun(folder("kill"), "latest"),
    );
    const { checkpoint, damaged } = await Effect.runPromise(latestCheckpoint(where));
    expect(damaged).toEqual([]);
    const step = checkpoint!.progress.step;
    expect(step % found.log.checkpointEvery, seen.output).toBe(0);

    // What goes on from there is what would have been without the kill.
    const end = step + 5;
    const again = start("resume", where.path, "--runs", folder("kill"), "--steps", String(end));
    expect((await again.ended).code, again.seen.output).toBe(0);
    const display = remember();
    const whole = await Effect.runPromise(
      train(await tinyConfig(`steps=${end}`, `log=${JSON.stringify(log)}`), {
        root: folder("never"),
        display,
      }),
    );
    const tensors = async (run: typeof where) =>
      (await Effect.runPromise(latestCheckpoint(run))).checkpoint!.tensors;
    expect(await tensors(where)).toEqual(await tensors(whole));
    expect((await readdir(where.file("checkpoints"))).some((name) => name.includes("partial")))
      .toBe(false);
  });
});

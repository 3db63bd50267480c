/** XLA, in a Python with JAX that `TRILEVEL_PYTHON` names: it runs StableHLO for tests. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { HostArray } from "./arrays.ts";

/** The Python that has JAX; undefined where there is none. */
export const python: string | undefined = process.env["TRILEVEL_PYTHON"] || undefined;

if (!python) console.warn("XLA is not tested: TRILEVEL_PYTHON names no Python that has JAX");

/** A Python process that runs one module after the other. */
export class Xla {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor(command: string) {
    const script = fileURLToPath(new URL("./runStableHlo.py", import.meta.url));
    const child = spawn(command, [script], {
      env: { ...process.env, JAX_PLATFORMS: "cpu", JAX_ENABLE_X64: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#process = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** The outputs of a module's `main` for these inputs. */
  async run(text: string, inputs: readonly HostArray[]): Promise<number[][]> {
    const given = inputs.map(({ dtype, shape, values }) => ({
      dtype,
      shape,
      data: values.map((v) => Number.isFinite(v) ? v : String(v)),
    }));
    this.#process.stdin.write(`${JSON.stringify({ text, inputs: given })}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("Python has ended");
    const { outputs, error } = JSON.parse(value);
    if (error !== undefined) throw new Error(`${error}\n${text}`);
    return outputs.map(({ data }: { data: (number | string)[] }) => data.map(Number));
  }

  close(): void {
    this.#process.stdin.end();
  }
}

/**
 * XLA in a Python process (`xla.py`), which holds the state of a step on its devices. Everything that can be missing is
 * told before there is work: Python, JAX, devices.
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { DType, TypedArray } from "../../index.ts";
import { EngineError } from "../errors.ts";
import { Connection, type Frame } from "./connection.ts";

/** The place of a process among those of several hosts. */
export interface Cluster {
  /** `host:port` of process 0, or `auto` where JAX finds its cluster by itself. */
  readonly coordinator: string;
  readonly processes?: number;
  readonly process?: number;
}

/** An array of a step; `shard` is the axis along which devices share it, null where each has all of it. */
export interface Operand {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly shard: number | null;
}

/** A step: the first `state` inputs are its state, and the first outputs the next one. */
export interface StepProgram {
  readonly text: string;
  /** The number of devices that share it. */
  readonly devices: number;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Omit<Operand, "shard">[];
  readonly state: number;
}

/** A compiled step in XLA's words, for one device. */
export interface Compilation {
  /** Bytes of arguments, outputs, outputs that take the place of arguments, and intermediates; empty where unknown. */
  readonly memory: {
    readonly [kind in "argument" | "output" | "alias" | "temp"]?: number;
  };
  /** The instructions by which devices exchange data. */
  readonly exchanges: readonly string[];
}

/** The devices of a machine, as JAX tells them. */
export interface Facts {
  readonly jax: string;
  readonly platform: string;
  readonly kind: string;
  readonly devices: number;
  /** The place among processes of several hosts. */
  readonly process: number;
  /** The number that this host gives it. */
  readonly pid: number;
}

/** The oldest JAX that is tried: older ones may lack what `xla.py` imports. */
export const oldestJax = "0.6.0";

/** The Python of `TRILEVEL_PYTHON`, or the system's. */
export const pythonCommand = (): string => process.env["TRILEVEL_PYTHON"] || "python3";

const install =
  "Make one: python3 -m venv .venv && .venv/bin/pip install jax (jax[cuda12] for GPUs of NVIDIA, jax[tpu] for TPUs), " +
  "and name it: TRILEVEL_PYTHON=.venv/bin/python.";

/** XLA's devices with the state of one step on them. */
export class Machine {
  private constructor(
    private readonly connection: Connection,
    readonly facts: Facts,
    readonly close: () => void,
  ) {}

  /**
   * Starts Python.
   *
   * @throws EngineError when there is no Python, no JAX, or an old one.
   */
  static async open(
    cluster: Cluster | undefined = undefined,
    python: string = pythonCommand(),
  ): Promise<Machine> {
    const script = fileURLToPath(new URL("./xla.py", import.meta.url));
    const child = spawn(python, ["-u", script, JSON.stringify(cluster ?? {})], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => said = (said + text).slice(-4000));
    const gone = new Promise<Error>((resolve) => {
      child.on("error", () =>
        resolve(
          new EngineError(
            `There is no Python for XLA: "${python}" cannot be started.`,
            install,
          ),
        ));
      child.on("close", (code, signal) => resolve(ended(code, signal, said)));
    });
    const connection = new Connection(child.stdin, child.stdout, gone);
    // Without a runner it ends by itself.
    return await Machine.over(connection, () => child.stdin.end(), python);
  }

  /** The machine at the other end of a connection. */
  static async over(
    connection: Connection,
    close: () => void,
    python: string,
  ): Promise<Machine> {
    try {
      const { header } = await connection.receive();
      return new Machine(connection, checkGreeting(header, python), close);
    } catch (error) {
      close();
      throw error;
    }
  }

  /**
   * The number of devices that are used where so many are asked for; all, unless a number is given.
   *
   * @throws EngineError when there are not as many.
   */
  devicesOf(asked: number | undefined): number {
    const { devices } = this.facts;
    if (asked !== undefined && asked > devices) throw tooFew(asked, this.facts);
    return asked ?? devices;
  }

  /** Compiles the step. */
  async compile({ text, ...program }: StepProgram): Promise<Compilation> {
    const { header } = await this.#ask({ do: "compile", ...program }, [
      new TextEncoder().encode(text),
    ]);
    return header as unknown as Compilation; // of our own file
  }

  /** Gives the step its state. */
  async load(state: readonly TypedArray[]): Promise<void> {
    await this.#ask({ do: "load" }, state);
  }

  /** Makes a step; it may not have ended, or begun, when this returns. */
  async step(batch: readonly TypedArray[]): Promise<void> {
    await this.connection.send({ do: "step" }, batch);
  }

  /** The outputs after the state, of all steps since the last time, one after the other. */
  async measure(): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#ask({ do: "measure" })).body;
  }

  /** The state: its arrays, one after the other. */
  async fetch(): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#ask({ do: "fetch" })).body;
  }

  async #ask(header: Frame["header"], arrays: readonly TypedArray[] = []): Promise<Frame> {
    await this.connection.send(header, arrays);
    const answer = await this.connection.receive();
    if (answer.header["error"] === undefined) return answer;
    throw new EngineError(
      `XLA failed: ${answer.header["error"]}`,
      "Where memory is short, take smaller batches or more devices",
    );
  }
}

/** The words for the end of the process. */
function ended(code: number | null, signal: string | null, said: string): EngineError {
  const last = said.trim().split("\n").slice(-6).join("\n  ");
  return new EngineError(
    `The Python process that runs XLA ${
      signal === null ? `ended with the exit code ${code}` : `was killed by ${signal}`
    }.${last === "" ? "" : ` It said last:\n  ${last}`}`,
    signal === "SIGKILL"
      ? "The system kills processes when its memory is full: take smaller batches then"
      : "What it said may tell why",
  );
}

function checkGreeting(header: Frame["header"], python: string): Facts {
  const { jax, missing } = header;
  if (header["error"] !== undefined) {
    throw new EngineError(
      `JAX does not start in "${python}": ${header["error"]}`,
      "Where this is one of several processes, all must be started, with the same coordinator",
    );
  }
  if (typeof jax !== "string") {
    throw new EngineError(`The Python "${python}" has no JAX: ${missing}.`, install);
  }
  if (missing !== undefined || isOlder(jax, oldestJax)) {
    throw new EngineError(
      `JAX ${jax} of "${python}" is too old for exported steps: expected at least ${oldestJax}` +
        (missing === undefined ? "." : ` (${missing}).`),
      `Take a newer one: ${python} -m pip install --upgrade jax`,
    );
  }
  return header as unknown as Facts; // of our own file
}

function isOlder(version: string, than: string): boolean {
  const numbers = (text: string) => text.split(".").map((part) => Number.parseInt(part, 10));
  const [a, b] = [numbers(version), numbers(than)];
  const differs = b.findIndex((n, i) => n !== a[i]);
  return differs >= 0 && (a[differs] ?? 0) < b[differs]!;
}

function tooFew(asked: number, { devices, platform, kind }: Facts): EngineError {
  return new EngineError(
    `${asked} devices are asked for, and JAX has ${devices} (${platform}, ${kind}).`,
    platform === "cpu"
      ? `Say --devices ${devices}, or make as many of a CPU: XLA_FLAGS=--xla_force_host_platform_device_count=${asked}`
      : `Say --devices ${devices}, or start a process on every host: see docs/scale.md`,
  );
}

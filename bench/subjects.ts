/** Who is measured: us on each backend, and the peers, each as a command to run. */
import { fileURLToPath } from "node:url";
import type { Case } from "./cases.ts";

/** One column of the table. */
export interface Subject {
  readonly name: string;
  /** Our backend, if it is us. */
  readonly ours?: "onnx" | "webgpu";
  /** Whether it runs on the GPU. */
  readonly gpu: boolean;
  /** The program and its arguments; nothing where it cannot run. */
  command(c: Case): Promise<readonly string[] | undefined> | readonly string[] | undefined;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const deno = Deno.execPath();

const own = (ours: "onnx" | "webgpu"): Subject => ({
  name: `trilevel ${ours}`,
  ours,
  gpu: ours === "webgpu",
  command: (c) => [deno, "run", "-A", here("ours.ts"), JSON.stringify(c), ours],
});

// Peers have a configuration of their own, so that nobody who does not run the bench installs them.
const fromNpm = (name: string, file: string, device: "wasm" | "webgpu"): Subject => ({
  name: `${name} ${device}`,
  gpu: device === "webgpu",
  command: (c) =>
    peerAlone(c) ? undefined : [
      deno,
      "run",
      "-A",
      "--config",
      here("peers/deno.json"),
      here(`peers/${file}`),
      JSON.stringify(c),
      device,
    ],
});

/** The peer that alone has a workload. */
function peerAlone({ workload }: Case): "torch" | "jax" | undefined {
  return workload === "generation" ? "torch" : workload === "loop" ? "jax" : undefined;
}

const python = (name: string, file: string): Subject => ({
  name,
  gpu: false,
  async command(c) {
    const alone = peerAlone(c);
    const found = alone && name !== alone ? undefined : await pythonWith(name);
    return found === undefined ? undefined : [found, here(`peers/${file}`), JSON.stringify(c)];
  },
});

/** All of them. */
export const subjects: readonly Subject[] = [
  own("onnx"),
  python("jax", "withJax.py"),
  python("torch", "withTorch.py"),
  fromNpm("jax-js", "jaxJs.ts", "wasm"),
  fromNpm("tfjs", "tfjs.ts", "wasm"),
  own("webgpu"),
  fromNpm("jax-js", "jaxJs.ts", "webgpu"),
  fromNpm("tfjs", "tfjs.ts", "webgpu"),
];

const found = new Map<string, Promise<string | undefined>>();

/** A Python that has a module: `TRILEVEL_PYTHON`, or `python3`. */
export function pythonWith(module: string): Promise<string | undefined> {
  let answer = found.get(module);
  if (!answer) {
    found.set(module, answer = ask(Deno.env.get("TRILEVEL_PYTHON") ?? "python3", module));
  }
  return answer;
}

async function ask(python: string, module: string): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command(python, {
      args: ["-c", `import ${module}, numpy`],
      stdout: "null",
      stderr: "null",
    }).output();
    return success ? python : undefined;
  } catch {
    return undefined; // there is no Python at all
  }
}

/**
 * The registry of backends: those that exist, those that are open, and the one in use. `src/backends` registers them, and says which
 * one to take when the user names none.
 */
import type { Backend } from "./backend.ts";
import { ArgumentError } from "../core/errors.ts";
import type { BackendName } from "../core/source.ts";
import { OpeningBackend } from "./opening.ts";

type Factory = () => Backend | Promise<Backend>;

/** The backend to take when the user names none. */
export interface Choice {
  /** Finds and opens it. */
  open(): Promise<Backend>;
  /** The name it will most likely have. */
  expected(): BackendName;
}

const factories = new Map<BackendName, Factory>();
const open = new Map<BackendName, Backend>();
const opening = new Map<BackendName, Promise<Backend>>();
let current: Backend | undefined;
let choice: Choice | undefined;

/** Makes a backend known. */
export function registerBackend(name: BackendName, factory: Factory): void {
  factories.set(name, factory);
}

/** Says which backend to take when the user names none. */
export function registerChoice(best: Choice): void {
  choice = best;
}

/** Opens a backend, or finds it open and sound. */
export async function openBackend(name: BackendName): Promise<Backend> {
  const found = open.get(name);
  if (found && !found.failed) return found;
  let made = opening.get(name);
  if (!made) {
    made = Promise.resolve(factoryOf(name)());
    opening.set(name, made);
    // A failure rejects the promises of those that wait; the next call tries again.
    made.then((backend) => open.set(name, backend), () => {}).finally(() => opening.delete(name));
  }
  return await made;
}

function factoryOf(name: BackendName): Factory {
  const factory = factories.get(name);
  if (!factory) {
    const known = [...factories.keys()].join(", ");
    throw new ArgumentError(`no backend is called "${name}"`, `choose one of: ${known}`);
  }
  return factory;
}

/**
 * Chooses where new tensors live and programs run: `"webgpu"`, `"onnx"` or `"reference"`, or a backend that was
 * opened by hand, as by {@link openWebGpu}; without an argument, the best one there is, as at first use. Tensors made
 * before stay where they are; `x.to(name)` moves them. After a GPU device was lost, `setBackend("webgpu")` opens a new
 * one; what was on the old one is gone.
 *
 * A program need not call it: the first operation opens the best backend, and what is asked of it meanwhile waits. To
 * call it first has errors of unsupported types and programs thrown where they are made, and not where results are read.
 *
 * ```ts
 * import { backend, np, setBackend } from "trilevel";
 * await setBackend("reference");
 * console.assert(backend() === "reference");
 * console.assert(await np.array([1, 2]).sum().item() === 3);
 * ```
 *
 * @throws ArgumentError for an unknown name; BackendError when there is no such device here.
 */
export async function setBackend(
  which?: BackendName | Backend | Promise<Backend>,
): Promise<void> {
  if (which === undefined) {
    const chosen = currentBackend();
    if (chosen instanceof OpeningBackend) await chosen.ready;
    return;
  }
  const backend = typeof which === "string" ? await openBackend(which) : await which;
  current = backend;
  open.set(backend.name, backend);
}

/**
 * The name of the backend in use. Before any was opened this starts to open the best one; until it is there, the name
 * is the one expected: after `await setBackend()`, or once a result was read, it is certain.
 */
export function backend(): BackendName {
  return currentBackend().name;
}

/** The backend in use; the best one there is, perhaps still opening, if none was set. */
export function currentBackend(): Backend {
  return current ??= best();
}

function best(): Backend {
  if (!choice) throw new ArgumentError("no backend is in use", 'await setBackend("reference")');
  const backend = new OpeningBackend(choice.open(), choice.expected());
  backend.ready.then((opened) => {
    if (current === backend) current = opened;
  }, () => {
    // Reading a result rejects with the error; the next operation tries again.
    if (current === backend) current = undefined;
  });
  return backend;
}

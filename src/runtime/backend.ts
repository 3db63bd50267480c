/**
 * What a backend is, and which one is in use. The runtime knows backends by this interface alone;
 * `src/backends` registers the three there are.
 */
import type { DType, TypedArray } from "../core/dtype.ts";
import { ArgumentError, BackendError, DTypeError } from "../core/errors.ts";
import { type Aval, formatAval } from "../core/aval.ts";
import type { Pass, Program } from "../core/program.ts";
import type { BackendName } from "../core/source.ts";

/** Memory of a backend, opaque to everyone else. A failed run leaves its error in its outputs. */
export interface DeviceBuffer {
  /** The size of the memory. */
  readonly bytes: number;
}

/** A compiled program. */
export interface Executable {
  /**
   * Starts a run and returns its outputs at once; whatever goes wrong later rejects `download` of an
   * output. `donated` are positions of inputs whose memory the run may overwrite or hand on as
   * outputs; whatever of them it does not hand on, it frees.
   */
  run(inputs: readonly DeviceBuffer[], donated?: ReadonlySet<number>): DeviceBuffer[];
  /** Frees what the compiled program holds; runs under way finish. */
  dispose(): void;
  /** The number of kernels a call runs, for `explain`; loops whose length is not known count once. */
  readonly dispatches?: number;
  /** The texts of those kernels, or their names. */
  readonly kernels?: readonly string[];
  /** The bytes planned for intermediates, if they are. */
  readonly blockBytes?: number;
  /** The most bytes of those that are alive at one time: what any plan takes. */
  readonly neededBytes?: number;
}

/** A place where programs run. */
export interface Backend {
  /** The name that {@link setBackend} and `x.to` take. */
  readonly name: BackendName;
  /** True if it can hold and compute with an element type. */
  supports(dtype: DType): boolean;
  /** Copies host data in. */
  upload(data: TypedArray, aval: Aval): DeviceBuffer;
  /** Copies data out; rejects with the error of the run that should have made it. */
  download(buffer: DeviceBuffer, aval: Aval): Promise<TypedArray>;
  /**
   * The elements themselves, for backends whose runs are over when `run` returns: not a copy, only to be looked at
   * before anything else runs.
   *
   * @throws the error of the run that should have made them.
   */
  peek?(buffer: DeviceBuffer): TypedArray;
  /** Lets the memory be used again; runs under way finish. */
  free(buffer: DeviceBuffer): void;
  /** The passes over a program before it is compiled; its outputs may become inputs or constants. */
  readonly passes?: readonly Pass[];
  /**
   * Compiles a program. Outputs are distinct and each is defined by an equation; calls that have
   * an `inline` program are already inlined.
   */
  compile(program: Program): Executable;
  /** True if nothing runs on it any more, as on a device that was lost: opening it by name opens a new one. */
  readonly failed?: boolean;
  /** Lets go of the device. */
  close(): void;
}

const factories = new Map<BackendName, () => Backend | Promise<Backend>>();
const open = new Map<BackendName, Backend>();
let current: Backend | undefined;
let preferred: readonly BackendName[] = ["reference"];

/** Makes a backend known; called once by each file in `src/backends`. */
export function registerBackend(
  name: BackendName,
  factory: () => Backend | Promise<Backend>,
): void {
  factories.set(name, factory);
}

/** The backends to try at first use when the user sets none, the best one first. */
export function preferBackends(...names: readonly BackendName[]): void {
  preferred = names;
}

/** Opens a backend, or finds it open and sound. */
export async function openBackend(name: BackendName): Promise<Backend> {
  const found = open.get(name);
  if (found && !found.failed) return found;
  const backend = await factoryOf(name)();
  open.set(name, backend);
  return backend;
}

function factoryOf(name: BackendName): () => Backend | Promise<Backend> {
  const factory = factories.get(name);
  if (!factory) {
    const known = [...factories.keys()].join(", ");
    throw new ArgumentError(`no backend is called "${name}"`, `choose one of: ${known}`);
  }
  return factory;
}

/**
 * Chooses where new tensors live and programs run: `"webgpu"`, `"onnx"` or `"reference"`, or a backend that was
 * opened by hand, as by {@link openWebGpu}. Tensors made before stay where they are; `x.to(name)` moves them. After a GPU
 * device was lost, `setBackend("webgpu")` opens a new one; what was on the old one is gone.
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
export async function setBackend(which: BackendName | Backend): Promise<void> {
  current = typeof which === "string" ? await openBackend(which) : which;
  open.set(current.name, current);
}

/** The name of the backend in use; opens it if none is open yet. */
export function backend(): BackendName {
  return currentBackend().name;
}

/** The backend in use; the first of the preferred ones that opens if none was set. */
export function currentBackend(): Backend {
  if (current) return current;
  const failures: Error[] = [];
  for (const name of preferred) {
    try {
      current = openNow(name);
      break;
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      failures.push(error);
    }
  }
  if (!current) throw failures[0];
  if (failures.length > 0) {
    const [reason] = failures[0]!.message.split("\n");
    console.warn(
      `Trilevel computes on the backend "${current.name}", because "${
        preferred[0]
      }" did not open: ${reason}\n` +
        `  ${(failures[0] as BackendError).hint}`,
    );
  }
  return current;
}

function openNow(name: BackendName): Backend {
  const made = open.get(name) ?? factoryOf(name)();
  if (made instanceof Promise) {
    throw new BackendError(
      `the backend "${name}" needs time to open`,
      `write: await setBackend("${name}") before the first operation`,
    );
  }
  open.set(name, made);
  return made;
}

/** Throws unless a backend has the element type of a value. */
export function checkSupported(aval: Aval, backend: Backend): void {
  if (backend.supports(aval.dtype)) return;
  throw new DTypeError(
    `the backend "${backend.name}" has no ${aval.dtype} (${formatAval(aval)})`,
    `convert with x.astype("float32"), or choose another: await setBackend("reference")`,
  );
}

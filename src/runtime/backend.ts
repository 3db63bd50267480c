/** The interface of a backend: the runtime knows backends by it alone. */
import { allocate, type DType, type TypedArray } from "../core/dtype.ts";
import { BackendError, DTypeError } from "../core/errors.ts";
import { type Aval, formatAval, sizeOf } from "../core/aval.ts";
import type { HostFunction, Pass, Program } from "../core/program.ts";
import type { BackendName } from "../core/source.ts";

/** Memory of a backend, opaque to everyone else. A failed run leaves its error in its outputs. */
export interface DeviceBuffer {
  /** The size of the memory. */
  readonly bytes: number;
  /** The memory that took the place of one from before its backend had opened: see `opening.ts`. */
  readonly became?: DeviceBuffer | undefined;
}

/** A compiled program. */
export interface Executable {
  /**
   * Starts a run and returns its outputs at once; a later failure rejects `download` of an
   * output. `donated` are positions of inputs whose memory the run may overwrite or hand on as
   * outputs; the run frees those that it does not hand on.
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

/** A function of the host, and the types that it takes and gives. */
export interface HostCall {
  /** The function. */
  readonly run: HostFunction;
  /** The types of the inputs. */
  readonly inputs: readonly Aval[];
  /** The types of the outputs. */
  readonly outputs: readonly Aval[];
}

/** The outputs of a function of the host, and when they are there. */
export interface HostResults {
  /** The outputs. */
  readonly buffers: readonly DeviceBuffer[];
  /** Settles when the function has run. */
  readonly done: Promise<unknown>;
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
  /**
   * For backends that cannot `peek`: computes outputs by a function of the host, when the inputs are there. Whatever is
   * asked for afterwards comes after it. `done` rejects if the function throws; the outputs then hold nothing of use.
   */
  callHost?(call: HostCall, inputs: readonly DeviceBuffer[]): HostResults;
  /** Lets the memory be used again; runs under way finish. */
  free(buffer: DeviceBuffer): void;
  /** The passes over a program before it is compiled; its outputs may become inputs or constants. */
  readonly passes?: readonly Pass[];
  /**
   * Compiles a program. Outputs are distinct and each is defined by an equation; calls that have
   * an `inline` program are already inlined.
   */
  compile(program: Program): Executable;
  /** The backend that took the place of one that was still opening: see `opening.ts`. */
  readonly opened?: Backend | undefined;
  /** True if nothing runs on it any more, as on a device that was lost: opening it by name opens a new one. */
  readonly failed?: boolean;
  /** Lets go of the device. */
  close(): void;
}

/** Throws unless a backend has the element type of a value. */
export function checkSupported(aval: Aval, backend: Backend): void {
  if (backend.supports(aval.dtype)) return;
  throw new DTypeError(
    `the backend "${backend.name}" has no ${aval.dtype} (${formatAval(aval)})`,
    `convert with x.astype("float32"), or choose another: await setBackend("reference")`,
  );
}

const numbers = new WeakMap<Backend, number>();
let count = 0;

/** A number of its own for each backend, for caches: backends of one name may be several, on devices of the user's. */
export function numberOf(backend: Backend): number {
  let number = numbers.get(backend);
  if (number === undefined) numbers.set(backend, number = count++);
  return number;
}

/** Values cached for a backend that was still opening serve the backend that it became. */
export function succeed(opening: Backend, opened: Backend): void {
  if (!numbers.has(opened)) numbers.set(opened, numberOf(opening));
}

/** Computes outputs by a function of the host, on any backend. */
export function callHost(
  backend: Backend,
  call: HostCall,
  inputs: readonly DeviceBuffer[],
): HostResults {
  if (backend.callHost) return backend.callHost(call, inputs);
  const { peek } = backend;
  if (!peek) {
    throw new BackendError(
      `the backend "${backend.name}" cannot call a function of the host`,
      'choose another one: await setBackend("reference")',
    );
  }
  let done = Promise.resolve();
  let values: readonly TypedArray[];
  try {
    values = call.run(inputs.map((x) => peek.call(backend, x).slice()), call.inputs);
  } catch (error) {
    done = Promise.reject(error);
    values = call.outputs.map(({ dtype, shape }) => allocate(dtype, sizeOf(shape)));
  }
  return { buffers: values.map((data, i) => backend.upload(data, call.outputs[i]!)), done };
}

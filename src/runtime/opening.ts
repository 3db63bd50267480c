/**
 * A backend that is still opening: its code is being loaded, or an adapter asked for. What is placed on it and run on
 * it meanwhile is written down, and happens in the same order as soon as the backend is there. So operations return at
 * once from the first one on, and importing the library opens nothing.
 *
 * An error that a backend throws when a program is compiled comes up, for these, when a result is read.
 */
import {
  type Backend,
  callHost,
  checkSupported,
  type DeviceBuffer,
  type Executable,
  type HostCall,
  type HostResults,
  succeed,
} from "./backend.ts";
import type { BackendName } from "../core/source.ts";
import { byteSize, type TypedArray } from "../core/dtype.ts";
import { type Aval, sizeOf } from "../core/aval.ts";
import type { Program } from "../core/program.ts";

type Outcome = { readonly buffer: DeviceBuffer } | { readonly error: unknown };

/** Memory on a backend that is still opening. */
class PendingBuffer implements DeviceBuffer {
  readonly bytes: number;
  /** The outcome; undefined while the backend is still opening. */
  outcome: Outcome | undefined;

  constructor({ dtype, shape }: Aval) {
    this.bytes = byteSize(dtype) * sizeOf(shape);
  }

  /** The memory on the backend that opened. @throws the error of the run that should have made it. */
  get became(): DeviceBuffer | undefined {
    if (this.outcome && "error" in this.outcome) throw this.outcome.error;
    return this.outcome?.buffer;
  }
}

/** The backend that a promise will give. */
export class OpeningBackend implements Backend {
  /** Gives the backend once it is there and has caught up. */
  readonly ready: Promise<Backend>;
  #opened: Backend | undefined;
  readonly #waiting: ((backend: Backend) => void)[] = [];

  /** @param expected The name to go by until it is known which backend opens. */
  constructor(opening: Promise<Backend>, private readonly expected: BackendName) {
    this.ready = opening.then((backend) => {
      this.#opened = backend;
      succeed(this, backend);
      for (const start of this.#waiting.splice(0)) start(backend);
      return backend;
    });
    this.ready.catch(() => {}); // reported when a result is read
  }

  get name(): BackendName {
    return this.#opened?.name ?? this.expected;
  }

  get opened(): Backend | undefined {
    return this.#opened;
  }

  /** Checked when the backend is there. */
  supports(): boolean {
    return true;
  }

  upload(data: TypedArray, aval: Aval): DeviceBuffer {
    const copy = data.slice();
    return this.#later([aval], (backend) => {
      checkSupported(aval, backend);
      return [backend.upload(copy, aval)];
    })[0]!;
  }

  async download(buffer: DeviceBuffer, aval: Aval): Promise<TypedArray> {
    const backend = await this.ready;
    return await backend.download(settled(buffer), aval);
  }

  callHost(call: HostCall, inputs: readonly DeviceBuffer[]): HostResults {
    let buffers: readonly DeviceBuffer[] = [];
    const done = new Promise<void>((resolve, reject) => {
      buffers = this.#later(call.outputs, (backend) => {
        try {
          const made = callHost(backend, call, inputs.map(settled));
          made.done.then(() => resolve(), reject);
          return [...made.buffers];
        } catch (error) {
          reject(error);
          throw error;
        }
      });
    });
    return { buffers, done };
  }

  free(buffer: DeviceBuffer): void {
    this.#later([], (backend) => {
      backend.free(settled(buffer));
      return [];
    });
  }

  compile(program: Program): Executable {
    let made: Executable | undefined;
    let disposed = false;
    const madeFor = (backend: Backend) => made ??= compileFor(backend, program);
    const outputs = program.outputs.map((a) => a.aval);
    return {
      run: (inputs, donated) =>
        this.#later(outputs, (backend) => {
          const executable = madeFor(backend);
          const results = executable.run(inputs.map(settled), donated);
          if (disposed) executable.dispose();
          return results;
        }),
      dispose: () => {
        disposed = true;
        made?.dispose();
      },
    };
  }

  close(): void {
    this.ready.then((backend) => backend.close(), () => {});
  }

  /** The result of `start`, at once if the backend is open. */
  #later(avals: readonly Aval[], start: (backend: Backend) => DeviceBuffer[]): DeviceBuffer[] {
    if (this.#opened) return start(this.#opened);
    const buffers = avals.map((a) => new PendingBuffer(a));
    this.#waiting.push((backend) => {
      try {
        const made = start(backend);
        buffers.forEach((b, i) => b.outcome = { buffer: made[i]! });
      } catch (error) {
        buffers.forEach((b) => b.outcome = { error });
      }
    });
    return buffers;
  }
}

/** True for a backend that is not there yet. */
export function stillOpening(backend: Backend): boolean {
  return backend instanceof OpeningBackend && backend.opened === undefined;
}

/** The memory on the backend that opened. */
function settled(buffer: DeviceBuffer): DeviceBuffer {
  return buffer.became ?? buffer;
}

/** Compiles a program whose outputs must stay outputs of their own, which passes need not respect. */
function compileFor(backend: Backend, program: Program): Executable {
  for (const v of [...program.inputs, ...program.equations.flatMap((e) => e.outputs)]) {
    checkSupported(v.aval, backend);
  }
  const optimized = (backend.passes ?? []).reduce((p, { run }) => run(p), program);
  const defined = new Set<unknown>(optimized.equations.flatMap((e) => e.outputs));
  const distinct = new Set(optimized.outputs);
  const sound = distinct.size === optimized.outputs.length &&
    optimized.outputs.every((a) => defined.has(a));
  // Backends may know the optimized program by its list of inputs: this is another one.
  return backend.compile(sound ? optimized : { ...program, inputs: [...program.inputs] });
}

/**
 * The reference backend: naive loops in double precision, for any machine. It is the oracle of every
 * test, and slow. Elements of float32 tensors are kept in double precision too, and read as Float64Array.
 */
import type { Backend, DeviceBuffer } from "../../runtime/backend.ts";
import type { TypedArray } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import { interpret } from "./interpret.ts";
import { allocateValue, type Value } from "./value.ts";

/** The placeholder that a failed run leaves instead of values. */
class Failed implements DeviceBuffer {
  readonly bytes = 0;
  constructor(readonly error: unknown) {}
}

/** The backend. */
export const reference: Backend = {
  name: "reference",
  supports: () => true,
  upload(data, aval) {
    const value = allocateValue(aval);
    value.data.set(data);
    return value;
  },
  // deno-lint-ignore require-await -- errors of the run reject
  async download(buffer) {
    return peek(buffer).slice();
  },
  peek,
  free() {},
  compile: (program) => ({
    run(inputs) {
      const failed = inputs.find((x) => x instanceof Failed);
      if (failed) return program.outputs.map(() => failed);
      try {
        const results = interpret(program, inputs.map(valueOf));
        // Each output has its own accounting, even where kernels shared an array.
        return results.map((v) => ({ ...v, bytes: v.data.byteLength }));
      } catch (error) {
        return program.outputs.map(() => new Failed(error));
      }
    },
    dispose() {},
  }),
  close() {},
};

function peek(buffer: DeviceBuffer): TypedArray {
  if (buffer instanceof Failed) throw buffer.error;
  return valueOf(buffer).data;
}

function valueOf(buffer: DeviceBuffer): Value {
  if (!("data" in buffer)) {
    throw new BackendError(
      "a tensor of another backend was given to the reference backend",
      'use tensors of one backend: await x.to("reference")',
    );
  }
  return buffer as Value; // this backend makes no other buffers with data
}

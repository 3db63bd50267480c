/** Runs a program on two backends and compares: the reference knows what is right. */
import { expect } from "vitest";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/choice.ts";
import { allocate, type DType, isFloat, type TypedArray } from "../../src/core/dtype.ts";
import { aval, type Shape, sizeOf } from "../../src/core/aval.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";
import { formatProgram } from "../../src/core/printer.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import "../../src/backends/index.ts";

export const onnx = await openBackend("onnx");
export const reference = await openBackend("reference");

/** A tensor on the host. */
export interface Host {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** A host tensor of these numbers, repeated as often as the shape asks. */
export function host(dtype: DType, shape: Shape, numbers: readonly number[]): Host {
  const data = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = numbers[i % numbers.length]!;
  return { shape, dtype, data };
}

/** A host tensor of numbers between `low` and `high`, always the same ones. */
export function random(dtype: DType, shape: Shape, low = -2, high = 2): Host {
  let seed = 12345;
  const next = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return low + (high - low) * (seed / 2 ** 32);
  };
  return host(dtype, shape, Array.from({ length: sizeOf(shape) }, next));
}

/** The outputs of a program on one backend. */
export async function runOn(
  backend: Backend,
  program: Program,
  inputs: readonly Host[],
): Promise<TypedArray[]> {
  const executable = backend.compile(program);
  const buffers = inputs.map((x) => backend.upload(x.data, aval(x.shape, x.dtype)));
  const outputs = executable.run(buffers);
  const read = await Promise.all(
    outputs.map((b, i) => backend.download(b, program.outputs[i]!.aval)),
  );
  executable.dispose();
  return read;
}

/** How far apart numbers may be. */
export interface Tolerance {
  readonly relative?: number;
  readonly absolute?: number;
}

/** Throws unless onnx and the reference agree about `f` at these inputs. */
export async function agree(
  f: (...xs: Tensor[]) => readonly Tensor[],
  inputs: readonly Host[],
  tolerance: Tolerance = {},
): Promise<void> {
  const program = eliminateDeadCode(traceClosed(f, inputs.map((x) => aval(x.shape, x.dtype))));
  const [mine, right] = [
    await runOn(onnx, program, inputs),
    await runOn(reference, program, inputs),
  ];
  mine.forEach((values, i) => {
    const { dtype, shape } = program.outputs[i]!.aval;
    const show = (k: number) =>
      `${formatProgram(program)}\noutput ${i}, element ${k} of ${values.length}: onnx ${
        values[k]
      }, reference ${right[i]![k]}; inputs ${
        inputs.map((x) => x.data.length === values.length ? x.data[k] : `[${x.data.slice(0, 8)}]`)
      }`;
    expect(values.length, show(0)).toBe(sizeOf(shape));
    values.forEach((v, k) => {
      if (!close(v, right[i]![k]!, dtype, tolerance)) expect.fail(show(k));
    });
  });
}

function close(a: number, b: number, dtype: DType, tolerance: Tolerance): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (Number.isNaN(a) || Number.isNaN(b) || !isFloat(dtype)) return false;
  const single = dtype === "float32";
  if (single && Math.fround(b) === a) return true;
  const { relative = single ? 2e-6 : 1e-14, absolute = single ? 1e-37 : 1e-300 } = tolerance;
  return Math.abs(a - b) <= relative * Math.abs(b) + absolute;
}

/** Programs run by backends that keep what they compile in a directory. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OnnxBackend } from "../../src/backends/onnx/index.ts";
import { Compiled } from "../../src/runtime/compiled.ts";
import { aval, type Shape } from "../../src/core/aval.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { type HostArray, hostArray, place, Random, read } from "../support/arrays.ts";

const directories: string[] = [];

/** A new directory. */
export function fresh(): string {
  const directory = mkdtempSync(join(tmpdir(), "trilevel-"));
  directories.push(directory);
  return directory;
}

/** Removes them. */
export function removeAll(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
}

/** The names in a directory. */
export const entries = (directory: string) => readdirSync(directory).sort();

/** What a backend of its own, as another process would have it, makes of a program. */
export async function run(
  program: Program,
  inputs: readonly HostArray[],
  directory: string | undefined,
  donated?: ReadonlySet<number>,
): Promise<{ found: number[][]; kernels: readonly string[] }> {
  const backend = new OnnxBackend(directory);
  const compiled = new Compiled(program, backend);
  const { kernels } = compiled.executable as { kernels: readonly string[] };
  const found = await read(compiled.run(inputs.map((x) => place(x, backend)), donated));
  compiled.dispose();
  return { found, kernels };
}

/** Random numbers. */
export const floats = (seed: number, ...shape: number[]): HostArray => {
  const random = new Random(seed);
  return hostArray("float32", shape, () => random.between(-2, 2));
};
/** The program of a function of such arrays. */
export const programOf = (
  f: (...xs: Tensor[]) => readonly Tensor[],
  inputs: readonly { readonly shape: Shape; readonly dtype: HostArray["dtype"] }[],
) => eliminateDeadCode(traceClosed(f, inputs.map((x) => aval(x.shape, x.dtype))));

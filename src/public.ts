/**
 * The types, errors and memory functions of the public face. Folders that hold what users could write themselves
 * (layers, optimizers, models, nested levels, experiments) import these here, and never from `core`. Importing it
 * can compute: tensors have their methods, programs find how to run, and backends are known.
 */
import "./backends/index.ts";
import "./numpy/methods.ts";
import "./runtime/execute.ts";

export { type NestedArray, Tensor } from "./core/tensor.ts";
export type { DType, Typed, TypedArray } from "./core/dtype.ts";
export type { Atom, Aval, Literal, Shape, Var } from "./core/aval.ts";
export * from "./core/errors.ts";
export type { BackendName } from "./core/source.ts";
export { backend, setBackend } from "./runtime/choice.ts";
export { dispose, memory, type MemoryUse, scope } from "./runtime/memory.ts";

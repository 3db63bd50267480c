/** Where a run computes; and the way of whole trees of tensors from there to the host and back. */
import { Effect } from "effect";
import { type BackendName, currentBackend } from "../core/backend.ts";
import type { DType, TypedArray } from "../core/dtype.ts";
import { type Tensor, tensorFromHost } from "../core/tensor.ts";
import { flatten, paths, type Structure } from "../core/tree.ts";
import { backend, setBackend } from "../index.ts";
import type { ExperimentConfig } from "./config.ts";
import { modelError } from "./errors.ts";
import type { HostTensor } from "./safetensors.ts";

/** Opens the backend of a config and makes it the current one; `auto` is the library's own choice. */
export const openDevice = (name: ExperimentConfig["backend"]) =>
  Effect.tryPromise({
    try: async (): Promise<BackendName> => {
      await setBackend(name === "auto" ? backend() : name);
      return backend();
    },
    catch: modelError(`The backend "${name}" does not open.`),
  });

/** Host data on the current backend, without a detour through nested lists. */
export function place(
  data: TypedArray,
  shape: readonly number[],
  dtype: DType,
): Tensor {
  return tensorFromHost(data, { shape, dtype, weak: false }, currentBackend());
}

/** The paths of all leaves as names: `params.encoder[0].bias`. */
export const pathNames = (s: Structure): string[] =>
  paths(s).map((path) => path.replace(/^\./, ""));

/** Every tensor of a tree by its path, read together. */
export async function readTree(tree: unknown): Promise<{ [path: string]: HostTensor }> {
  const [leaves, structure] = flatten(tree);
  const names = pathNames(structure);
  const tensors = leaves as Tensor[]; // state is made of nothing else
  const data = await Promise.all(tensors.map((x) => x.data()));
  return Object.fromEntries(
    tensors.map(({ dtype, shape }, i) => [names[i]!, { dtype, shape, data: data[i]! }]),
  );
}

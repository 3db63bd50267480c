/** Where a run computes; and the way of whole trees of tensors from there to the host and back. */
import { Effect } from "effect";
import { type BackendName, currentBackend } from "../../core/backend.ts";
import type { DType, TypedArray } from "../../core/dtype.ts";
import { type Tensor, tensorFromHost } from "../../core/tensor.ts";
import { flatten, paths, type Structure, unflatten } from "../../core/tree.ts";
import { backend, setBackend } from "../../index.ts";
import type { ExperimentConfig } from "../config/config.ts";
import { CheckpointError, modelError } from "../errors.ts";
import type { Checkpoint } from "../runs/checkpoint.ts";
import type { HostTensor } from "../runs/safetensors.ts";

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

/** The tensors of a checkpoint in the structure of `like`, on the current backend. */
export const restore = <S>(checkpoint: Checkpoint, like: S) =>
  Effect.gen(function* () {
    const [leaves, structure] = flatten(like);
    const names = pathNames(structure);
    const problems = names.flatMap((name, i) => {
      const { dtype, shape } = leaves[i] as Tensor; // state is made of nothing else
      const found = Object.hasOwn(checkpoint.tensors, name) ? checkpoint.tensors[name] : undefined;
      if (found === undefined) return [`${name} is missing`];
      const same = found.dtype === dtype && `${found.shape}` === `${shape}`;
      return same ? [] : [`${name} is ${found.dtype}[${found.shape}], not ${dtype}[${shape}]`];
    });
    if (problems.length > 0) {
      return yield* new CheckpointError({
        what: `The checkpoint ${checkpoint.path} is of another model: ${
          problems.slice(0, 5).join("; ")
        }${problems.length > 5 ? `; and ${problems.length - 5} more` : ""}.`,
        cure: "Use the config that it was made with, which is also inside it.",
      });
    }
    return unflatten<S>(
      structure,
      names.map((name) => {
        const { data, shape, dtype } = checkpoint.tensors[name]!;
        return place(data, shape, dtype);
      }),
    );
  });

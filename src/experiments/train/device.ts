/** Opens the backend of a run, and moves trees of tensors from the host to it and back. */
import { Effect } from "effect";
import {
  ArgumentError,
  backend,
  type BackendName,
  np,
  setBackend,
  type Tensor,
  tree,
} from "../../index.ts";
import { dtypeOf, isNdArray } from "../../data/index.ts";
import { pathNames } from "../paths.ts";
import type { ExperimentConfig } from "../schema.ts";
import { CheckpointError, modelError } from "../errors.ts";
import type { Checkpoint } from "../runs/checkpoint.ts";
import type { HostTensor } from "../../safetensors/format.ts";

/** Opens the backend of a config and makes it the current one; `auto` is the library's own choice. */
export const openDevice = (name: ExperimentConfig["backend"]) =>
  Effect.tryPromise({
    try: async (): Promise<BackendName> => {
      await setBackend(name === "auto" ? backend() : name);
      return backend();
    },
    catch: modelError(`The backend "${name}" does not open.`),
  });

/**
 * The fields of a batch that a system asks for, on the device.
 *
 * @throws ArgumentError for a field that is no array of float32, int32 or uint32.
 */
export function placeBatch(
  names: readonly string[],
  fields: { readonly [name: string]: unknown },
): { readonly [name: string]: Tensor } {
  return Object.fromEntries(names.map((name) => {
    const { data, shape } = inputOf(name, fields);
    return [name, np.array(data, { shape })];
  }));
}

/**
 * A field of a batch.
 *
 * @throws ArgumentError as {@link placeBatch}.
 */
export function inputOf(name: string, fields: { readonly [name: string]: unknown }) {
  const field = fields[name];
  if (isNdArray(field)) {
    const { data, shape } = field;
    if (
      data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint32Array
    ) return { data, shape };
  }
  const found = isNdArray(field)
    ? dtypeOf(field.data)
    : field === undefined
    ? "none of this name"
    : "no array";
  throw new ArgumentError(
    `inputs of the task: expected the field "${name}" of a batch to be float32, int32 or uint32, got ${found}`,
    "convert it where the data is opened",
  );
}

/** Every tensor of a tree by its path, read together. */
export async function readTree(state: unknown): Promise<{ [path: string]: HostTensor }> {
  const [leaves, structure] = tree.flatten(state);
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
    const [leaves, structure] = tree.flatten(like);
    const names = pathNames(structure);
    const problems = names.flatMap((name, i) => {
      const { dtype, shape } = leaves[i] as Tensor; // state is made of nothing else
      const found = Object.hasOwn(checkpoint.tensors, name) ? checkpoint.tensors[name] : undefined;
      if (found === undefined) return [`${name} is missing`];
      const same = found.dtype === dtype && `${found.shape}` === `${shape}`;
      return same ? [] : [`${name} is ${found.dtype}[${found.shape}], not ${dtype}[${shape}]`];
    });
    if (problems.length > 0) {
      // Parameters come first, because users know them: the optimizer's state has the same shapes again.
      problems.sort((a, b) => Number(b.startsWith("params")) - Number(a.startsWith("params")));
      return yield* Effect.fail(
        new CheckpointError(
          `The checkpoint ${checkpoint.path} is of another model: ${
            problems.slice(0, 5).join("; ")
          }${problems.length > 5 ? `; and ${problems.length - 5} more` : ""}.`,
          "Sizes of a model, and the kind of its optimizer, cannot change after it was trained; its config is inside it.",
        ),
      );
    }
    return tree.unflatten<S>(
      structure,
      names.map((name) => {
        const { data, shape, dtype } = checkpoint.tensors[name]!;
        return np.fromData(data, { shape, dtype });
      }),
    );
  });

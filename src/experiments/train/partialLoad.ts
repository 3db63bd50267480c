/**
 * Parameter surgery: parts of a model taken from another run, or kept as they are. Paths name subtrees by their
 * keys: `encoder`, `decoder.layers`.
 */
import { Effect } from "effect";
import { produce } from "immer";
import { tree } from "../../index.ts";
import { isBelow, pathNames } from "../paths.ts";
import { restore } from "./device.ts";
import { ConfigError } from "../errors.ts";
import type { Checkpoint } from "../runs/checkpoint.ts";
import type { Params } from "../tasks/task.ts";

/** The subtree at a path; undefined when there is none. */
export function subtreeAt(tree: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (node, key) =>
      typeof node === "object" && node !== null && Object.hasOwn(node, key)
        ? (node as { readonly [key: string]: unknown })[key]
        : undefined,
    tree,
  );
}

/** The parameters with another subtree at a path; everything else is shared. */
export function replaceSubtree<P extends Params>(params: P, path: string, subtree: unknown): P {
  const keys = path.split(".");
  const last = keys.pop()!; // split gives at least one key
  return produce(params, (draft) => {
    const parent = keys.length === 0 ? draft : subtreeAt(draft, keys.join("."));
    (parent as { [key: string]: unknown })[last] = subtree; // a container, as the path exists
  });
}

/** The parameters with the subtrees of a checkpoint at these paths; without paths, all of it. */
export const graft = Effect.fnUntraced(function* <P extends Params>(
  params: P,
  checkpoint: Checkpoint,
  paths: readonly string[],
) {
  let grown = params;
  for (const path of paths.length === 0 ? Object.keys(params) : paths) {
    const own = subtreeAt(params, path);
    if (own === undefined) return yield* noSubtree("start.only", path, params);
    // The names inside a checkpoint begin with `params`, as those of the training state.
    const nested = path.split(".").reduceRight<unknown>((tree, key) => ({ [key]: tree }), own);
    const { params: found } = yield* restore(checkpoint, { params: nested });
    grown = replaceSubtree(grown, path, subtreeAt(found, path));
  }
  return grown;
});

const noSubtree = (field: string, path: string, params: Params) =>
  Effect.fail(
    new ConfigError(
      `${field}: the model has no parameters at "${path}".`,
      [],
      `It has ${Object.keys(params).join(", ")}, and their fields.`,
    ),
  );

/** Fails when a path of `field`, which may be a pattern, names no parameter. */
export const checkPaths = Effect.fnUntraced(
  function* (params: Params, field: string, paths: readonly string[]) {
    const names = pathNames(tree.structure(params));
    for (const path of paths) {
      if (!names.some((name) => isBelow(path, name))) return yield* noSubtree(field, path, params);
    }
  },
);

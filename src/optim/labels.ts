/** Trees that say something about parameters without spelling out every leaf. */
import { broadcastPrefix, flatten, structure, unflatten } from "../tree.ts";

/** One label for all, or a tree that follows the containers of the parameters as far as needed. */
export type Prefix<L> = L | readonly Prefix<L>[] | { readonly [key: string]: Prefix<L> };

/** Labels of parameters: a prefix of their tree, or a function that makes one of them. */
export type Labels<L> = Prefix<L> | ((params: unknown) => unknown);

/** The label of every leaf. @throws TreeError when labels do not follow the parameters. */
export function byLabel(labels: Labels<unknown>, params: unknown, what: string): unknown[] {
  const prefix = typeof labels === "function" ? labels(params) : labels;
  return broadcastPrefix(prefix, structure(params), what);
}

/** The tree with only the leaves that are kept; the others are absent. */
export function onlyWhere<S>(tree: S, kept: readonly boolean[]): S {
  const [leaves, whole] = flatten(tree);
  return unflatten(whole, leaves.map((leaf, i) => kept[i] ? leaf : null));
}

/** Trees that say something about parameters without spelling out every leaf. */
import { broadcastPrefix, structure } from "../tree.ts";

/** One label for all, or a tree that follows the containers of the parameters as far as needed. */
export type Prefix<L> = L | readonly Prefix<L>[] | { readonly [key: string]: Prefix<L> };

/** Labels of parameters: a prefix of their tree, or a function that makes one of them. */
export type Labels<L> = Prefix<L> | ((params: unknown) => unknown);

/** The label of every leaf. @throws TreeError when labels do not follow the parameters. */
export function byLabel(labels: Labels<unknown>, params: unknown, what: string): unknown[] {
  const prefix = typeof labels === "function" ? labels(params) : labels;
  return broadcastPrefix(prefix, structure(params), what);
}

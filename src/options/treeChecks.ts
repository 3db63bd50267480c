/** Checks of trees that are known by their fields: the parameters of a layer, the state of an optimizer. */
import { describeTree, fieldList } from "../core/describeValue.ts";
import { TreeError } from "../core/errors.ts";

/**
 * Throws a TreeError unless a tree has these fields; null is an absent leaf, undefined no field.
 *
 * @param what the place that is looked at, as `nn.linear: the parameters are`.
 */
export function requireFields(
  what: string,
  value: unknown,
  fields: readonly string[],
  hint: string,
): void {
  const given: { readonly [field: string]: unknown } = Object(value);
  if (fields.every((field) => given[field] !== undefined)) return;
  throw new TreeError(`${what} ${describeTree(value)}, not ${fieldList(fields)}`, hint);
}

/** Throws a TreeError unless a tree is a list of this length. */
export function requireList(what: string, value: unknown, count: number, hint: string): void {
  if (Array.isArray(value) && value.length === count) return;
  throw new TreeError(`${what} ${describeTree(value)}, not a list of ${count}`, hint);
}

/** Trees that are known by their fields: the parameters of a layer, the state of an optimizer. */
import { TreeError } from "./errors.ts";
import { kindOf } from "./kindOf.ts";
import { formatAval } from "./program.ts";
import { Tensor } from "./tensor.ts";

/** What a value is, for a message about trees: `float32[2,3]`, `{ bias, weight }`, `a list of 2`. */
export function treeKind(value: unknown): string {
  if (value instanceof Tensor) return formatAval(value.aval);
  const kind = kindOf(value);
  if (kind !== "an object") return kind;
  const given = Object.entries(Object(value)).filter(([, part]) => part !== undefined);
  return list(given.map(([field]) => field));
}

/**
 * Throws a TreeError unless a tree has these fields; null is an absent leaf, undefined no field.
 *
 * @param what the place that is looked at, as `nn.linear: the parameters are`.
 */
export function requireFields(
  what: string,
  value: unknown,
  fields: readonly string[],
  cure: string,
): void {
  const given: { readonly [field: string]: unknown } = Object(value);
  if (fields.every((field) => given[field] !== undefined)) return;
  throw new TreeError(`${what} ${treeKind(value)}, not ${list(fields)}`, cure);
}

/** Throws a TreeError unless a tree is a list of this length. */
export function requireList(what: string, value: unknown, count: number, cure: string): void {
  if (Array.isArray(value) && value.length === count) return;
  throw new TreeError(`${what} ${treeKind(value)}, not a list of ${count}`, cure);
}

function list(fields: readonly string[]): string {
  return fields.length === 0 ? "{}" : `{ ${[...fields].sort().join(", ")} }`;
}

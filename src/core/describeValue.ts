/** Descriptions of values in messages. */
import { formatAval } from "./aval.ts";
import { Tensor } from "./tensor.ts";

/** A value in words, for a message: `the number 3`, `a list of 2`, `a promise`. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `the string ${JSON.stringify(value)}`;
  if (typeof value === "number" || typeof value === "boolean") {
    return `the ${typeof value} ${value}`;
  }
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Promise) return "a promise";
  const name = typeof value === "object" ? value.constructor?.name ?? "object" : typeof value;
  return name === "Object" ? "an object" : `${/^[AEIOaeio]/.test(name) ? "an" : "a"} ${name}`;
}

/** A value in words, for a message about trees: `float32[2,3]`, `{ bias, weight }`, `a list of 2`. */
export function describeTree(value: unknown): string {
  if (value instanceof Tensor) return formatAval(value.aval);
  const kind = describeValue(value);
  if (kind !== "an object") return kind;
  const given = Object.entries(Object(value)).filter(([, part]) => part !== undefined);
  return fieldList(given.map(([field]) => field));
}

/** The names of fields, in order: `{ bias, weight }`. */
export function fieldList(fields: readonly string[]): string {
  return fields.length === 0 ? "{}" : `{ ${[...fields].sort().join(", ")} }`;
}

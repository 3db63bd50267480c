/** Static arguments of `jit` as text, by which they are compared. */
import { ArgumentError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import { Tensor } from "../core/tensor.ts";

const objects = new WeakMap<object, number>();
let objectCount = 0;

function numberOf(value: object): string {
  let number = objects.get(value);
  if (number === undefined) objects.set(value, number = objectCount++);
  return `#${number}`;
}

// Larger values, and those that contain themselves, are compared by identity.
const mostParts = 10_000;

/**
 * A text that two values share only if they are equal: lists and plain objects by what they hold, in any order of
 * keys; functions and other objects by identity.
 */
export function staticKey(value: unknown): string {
  if (value instanceof Tensor) {
    throw new ArgumentError(
      `jit: a static argument is ${formatAval(value.aval)}`,
      "leave tensors out of staticArgnums: they are compared by identity, and none is the same twice",
    );
  }
  let text = "";
  let parts = 0;
  const left: { readonly value: unknown; readonly before: string }[] = [{ value, before: "" }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { value: part, before } = next;
    if (++parts > mostParts) return numberOf(value as object); // only containers have parts
    const fields = fieldsOf(part);
    text += before + (fields ? `${Array.isArray(part) ? "[" : "{"}${fields.length}` : single(part));
    if (fields) { for (const field of fields.reverse()) left.push(field); }
  }
  return text;
}

/** The contents of a list or a plain object, each with its key; nothing for other values. */
function fieldsOf(value: unknown) {
  if (Array.isArray(value)) return value.map((part: unknown) => ({ value: part, before: "," }));
  if (typeof value !== "object" || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, part]: [string, unknown]) => ({ value: part, before: `,${key.length}:${key}=` }));
}

function single(value: unknown): string {
  if ((typeof value === "object" && value !== null) || typeof value === "function") {
    return numberOf(value);
  }
  if (typeof value === "symbol") {
    throw new ArgumentError("jit: a static argument is a symbol", "give a string or an object");
  }
  // Lengths keep texts apart that contain what separates them.
  const text = Object.is(value, -0) ? "-0" : String(value);
  return `${typeof value}${text.length}:${text}`;
}

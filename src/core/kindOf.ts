/** How values read in messages. */

/** What a value is, for a message: `the number 3`, `a list of 2`, `a promise`. */
export function kindOf(value: unknown): string {
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

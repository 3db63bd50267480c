/** Errors: one base for those of every entry, a tag of its own for each kind, and one form of message. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TrilevelError } from "../src/errors/index.ts";
import { DataError } from "trilevel/data";

const config = JSON.parse(readFileSync(new URL("../deno.json", import.meta.url), "utf8"));
const entries: { readonly [specifier: string]: string } = config.imports;

type ErrorClass = (abstract new (...args: never[]) => Error) & { readonly prototype: Error };

/** Every class of errors that an entry exports, by the name under which it is exported. */
const classes = new Map<ErrorClass, string>();
for (const file of Object.values(entries)) {
  const entry: object = await import(new URL(`../${file}`, import.meta.url).href);
  for (const [name, value] of Object.entries(entry)) {
    const isClass = typeof value === "function" && value.prototype instanceof Error;
    if (isClass) classes.set(value, name);
  }
}

/** Bases, of which there are no instances. */
const abstract: readonly ErrorClass[] = [TrilevelError, DataError];
const kinds = [...classes].filter(([made]) => !abstract.includes(made));
const kindsOf = (base: ErrorClass) => kinds.filter(([made]) => made.prototype instanceof base);

/** An instance with this advice, made as its constructor wants it. */
function made(kind: ErrorClass, what: string, hint: string): TrilevelError {
  const make = (...args: unknown[]) =>
    Reflect.construct(kind as unknown as FunctionConstructor, args);
  if (kind.prototype instanceof DataError) return make(what, { hint });
  if (kind.name === "ConfigError") return make(what, [], hint);
  if (["ModelError", "DatasetError", "FileError"].includes(kind.name)) {
    return make(what, new Cause("underneath", hint));
  }
  return make(what, hint);
}

class Cause extends TrilevelError {
  get _tag() {
    return "Cause";
  }
}

test("there are errors of arrays, data, metrics and experiments", () => {
  const names = kinds.map(([, name]) => name);
  expect(names).toEqual(
    expect.arrayContaining(["ShapeError", "CorruptError", "MetricError", "RunError"]),
  );
});

test("all are of one base", () => {
  expect(kindsOf(TrilevelError)).toEqual(kinds);
});

test("no two kinds have one tag, which is the name that users import", () => {
  const tags = kinds.map(([kind]) => (kind.prototype as TrilevelError)._tag);
  expect(new Set(tags).size).toBe(tags.length);
  expect(tags).toEqual(kinds.map(([, name]) => name));
});

describe.each(kinds.map(([kind, name]) => [name, kind] as const))("%s", (name, kind) => {
  test("says what happened, and below it what to do", () => {
    const error = made(kind, "it broke", "mend it");
    expect(error.name).toBe(name);
    expect(error.what).toContain("it broke");
    const line = error.line === undefined ? "" : `\n  at ${error.line}`;
    expect(error.message).toBe(`${error.what}${line}\n  ${error.hint}`);
    // The advice of inconsistencies inside the library is always the same.
    if (name !== "InternalError") expect(error.hint).toBe("mend it");
  });
});

test("errors of arrays, data and metrics name the user's line; those of a command line have none", () => {
  const located = kinds.filter(([kind]) => made(kind, "it broke", "mend it").line !== undefined);
  const without = kinds.filter((kind) => !located.includes(kind)).map(([, name]) => name);
  expect(without.toSorted()).toEqual([
    "CheckpointError",
    "ConfigError",
    "DatabaseError",
    "EngineError",
    "NumericsError",
    "RunError",
  ]);
  for (const [kind] of located) expect(made(kind, "a", "b").line).toContain("errors.test.ts");
});

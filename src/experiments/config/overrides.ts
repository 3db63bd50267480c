/**
 * `--set model.iterations=9`: any field of a config, changed by its path. Values are JSON; what is no JSON is
 * text. Whether field and value make sense is for the config's schema to say, so that all mistakes are reported at once.
 */
import { Effect } from "effect";
import { produce } from "immer";
import { ConfigError } from "../errors.ts";

/** JSON objects, as configs are before they are checked. */
export type JsonObject = { [key: string]: unknown };

/** The value at a path; undefined where there is none. Own fields only. */
export function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as { readonly [key: string]: unknown })[key];
  }
  return value;
}

/** The config with all overrides applied, in order. */
export const applyOverrides = Effect.fnUntraced(function* <C extends object>(
  config: C,
  overrides: readonly string[],
) {
  const problems: string[] = [];
  const changed = produce(config, (draft) => {
    for (const override of overrides) {
      const problem = applyOne(draft as JsonObject, override); // any JSON object can be walked by names
      if (problem !== undefined) problems.push(problem);
    }
  });
  if (problems.length === 0) return changed;
  return yield* Effect.fail(
    new ConfigError(
      `${problems.length} of the overrides cannot be applied:`,
      problems,
      "Write --set path.to.field=value, for example --set steps=100.",
    ),
  );
});

function applyOne(draft: JsonObject, override: string): string | undefined {
  const equals = override.indexOf("=");
  if (equals <= 0) return `"${override}" is not of the form path=value`;
  const path = override.slice(0, equals).trim().split(".");
  const last = path.pop()!; // split gives at least one part
  if ([...path, last].some((part) => part === "" || part === "__proto__")) {
    return `"${override}" has no valid path`;
  }
  let place = draft;
  for (const part of path) {
    // Own fields only: "constructor" is one of every object otherwise.
    const inner = (Object.hasOwn(place, part) ? place[part] : undefined) ?? (place[part] = {});
    if (typeof inner !== "object" || inner === null) {
      return `"${override}": ${part} is a value, which has no fields`;
    }
    place = inner as JsonObject;
  }
  place[last] = parse(override.slice(equals + 1));
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Configs made of parts: `extends` names presets and files of fragments, which are laid over each other in order, and what
 * stands beside it is laid over them. Objects are merged field by field, everything else is replaced as a whole, and
 * `null` unsets a field.
 *
 * ```json
 * { "extends": ["a-preset", "./mine.json"], "steps": 500, "data": { "maxObjects": null } }
 * ```
 */
import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { Effect } from "effect";
import { ConfigError, messageOf } from "../errors.ts";
import { type JsonObject, valueAt } from "./overrides.ts";
import { allPresets } from "./presets.ts";

/** A config whose parts are laid over each other. */
export interface ComposedConfig {
  readonly config: JsonObject;
  readonly originOf: OriginOf;
}

/** The preset or the file that gave the field of a path its value; undefined where no part gave this value. */
export type OriginOf = (path: readonly string[], value: unknown) => string | undefined;

/** A part of a config, and where it comes from. */
interface Fragment {
  readonly fields: JsonObject;
  readonly origin: string;
}

/** The config that stands in a file, with all that it extends. */
export const readConfig = Effect.fnUntraced(function* (path: string) {
  return layered(yield* readFragments(path, path, []));
});

/** Reads a file and all that it extends, what is laid over the others last. */
const readFragments = (
  path: string,
  place: string,
  above: readonly string[],
): Effect.Effect<readonly Fragment[], ConfigError> =>
  Effect.gen(function* () {
    const file = resolve(path);
    if (above.includes(file)) {
      return yield* wrong(place, `${[...above, file].join(" extends ")}, which is circular`);
    }
    const text = yield* Effect.tryPromise({
      try: () => readFile(file, "utf8"),
      catch: (error) => mistake(place, `"${path}" cannot be read. ${messageOf(error)}`),
    });
    const json = yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: (error) => mistake(place, `"${path}" is not JSON: ${messageOf(error)}`),
    });
    if (!isObject(json)) {
      return yield* wrong(
        place,
        `"${path}" holds ${JSON.stringify(json)}, not an object of fields`,
      );
    }
    const { extends: named = [], ...fields } = json;
    const bases: readonly unknown[] = Array.isArray(named) ? named : [named];
    const fragments: Fragment[] = [];
    for (const [i, base] of bases.entries()) {
      const at = `${path}: extends${Array.isArray(named) ? `[${i}]` : ""}`;
      fragments.push(...yield* namedFragments(base, at, dirname(file), [...above, file]));
    }
    return [...fragments, { fields, origin: path }];
  });

/** The fragments of one name in `extends`. */
const namedFragments = Effect.fnUntraced(function* (
  name: unknown,
  place: string,
  folder: string,
  above: readonly string[],
) {
  if (typeof name !== "string") {
    const found = JSON.stringify(name);
    return yield* wrong(
      place,
      `expected the name of a preset or the path of a file, found ${found}`,
    );
  }
  const presets = yield* allPresets;
  const preset = presets.get(name);
  if (preset !== undefined) return [{ fields: { ...preset }, origin: name }];
  if (!/[./\\]/.test(name)) {
    const names = [...presets.keys()].join(", ");
    return yield* wrong(
      place,
      `"${name}" is neither a preset (${names}) nor a path such as "./${name}.json"`,
    );
  }
  return yield* readFragments(isAbsolute(name) ? name : join(folder, name), place, above);
});

/** Lays fragments over each other. */
export function layered(fragments: readonly Fragment[]): ComposedConfig {
  const origins = new Map<string, string>();
  const config = fragments.reduce<JsonObject>(
    (below, { fields, origin }) => laidOver(below, fields, origin, [], origins),
    {},
  );
  return {
    config,
    originOf(path, value) {
      if (valueAt(config, path) !== value) return undefined; // it was changed later
      for (let n = path.length; n > 0; n--) {
        const origin = origins.get(key(path.slice(0, n)));
        if (origin !== undefined) return origin;
      }
      return undefined;
    },
  };
}

function laidOver(
  below: JsonObject,
  fields: JsonObject,
  origin: string,
  at: readonly string[],
  origins: Map<string, string>,
): JsonObject {
  const merged = Object.entries(fields).map(([name, value]) => {
    const path = [...at, name];
    const own = Object.hasOwn(below, name) ? below[name] : undefined;
    origins.set(key(path), origin);
    if (!isObject(value)) return [name, value] as const;
    return [name, laidOver(isObject(own) ? own : {}, value, origin, path, origins)] as const;
  });
  // Not by assignment, which takes "__proto__" for the prototype.
  return Object.fromEntries([...Object.entries(below), ...merged]);
}

const key = (path: readonly string[]) => JSON.stringify(path);

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const mistake = (place: string, problem: string) =>
  new ConfigError(
    "The config cannot be composed:",
    [`${place}: ${problem}`],
    "Paths in `extends` are relative to the file that contains them.",
  );

const wrong = (place: string, problem: string) => Effect.fail(mistake(place, problem));

/** Configs by name: the presets of all tasks. */
import { Effect } from "effect";
import { ConfigError } from "../errors.ts";
import { Tasks } from "../tasks/index.ts";
import type { ConfigInput } from "../schema.ts";

/** All presets by name, the default first. */
export const allPresets = Effect.map(
  Tasks,
  (tasks) => new Map<string, ConfigInput>(tasks.flatMap(({ presets }) => Object.entries(presets))),
);

/** The preset of this name. */
export const presetNamed = Effect.fnUntraced(function* (name: string) {
  const presets = yield* allPresets;
  const preset = presets.get(name);
  if (preset !== undefined) return preset;
  return yield* Effect.fail(
    new ConfigError(
      `No preset is called "${name}".`,
      [],
      `Choose one of: ${[...presets.keys()].join(", ")}.`,
    ),
  );
});

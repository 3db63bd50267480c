/**
 * Grids of configs: `--set seed=0,1,2 --set model.adjoint=oneStep,unrolled` are six. A comma outside of brackets and
 * quotes separates values, so that `data.objects=[1,3]` remains one.
 */
import { Effect } from "effect";
import { applyOverrides } from "../config/overrides.ts";
import { decodeConfig } from "../config/decode.ts";
import { ConfigError } from "../errors.ts";
import type { ExperimentConfig } from "../schema.ts";

/** The values that a text lists. */
export function listed(text: string): string[] {
  const values = [""];
  let [depth, quoted, escaped] = [0, false, false];
  for (const letter of text) {
    if (!quoted && depth === 0 && letter === ",") {
      values.push("");
      continue;
    }
    values[values.length - 1] += letter;
    if (escaped) escaped = false;
    else if (quoted && letter === "\\") escaped = true;
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && /[[{]/.test(letter)) depth++;
    else if (!quoted && /[\]}]/.test(letter)) depth--;
  }
  return values.map((value) => value.trim());
}

/** One field with all of its values. */
interface Axis {
  readonly path: string;
  readonly values: readonly string[];
}

/** All combinations, the last axis changing fastest. */
const combinations = (axes: readonly Axis[]): string[][] =>
  axes.reduce<string[][]>(
    (so, { path, values }) =>
      so.flatMap((before) => values.map((value) => [...before, `${path}=${value}`])),
    [[]],
  );

/** A value as a part of a name: letters, digits, dots and dashes. */
const plain = (text: string) => text.replace(/[^\w.-]+/g, "_").replace(/^_|_$/g, "");

/** The configs of a grid. Names tell the fields with several values: `quick-seed1-adjointunrolled`. */
export const gridOf = Effect.fnUntraced(function* (base: object, sets: readonly string[]) {
  const axes = sets.map((set): Axis => {
    const equals = set.indexOf("=");
    if (equals < 0) return { path: set, values: [] };
    return { path: set.slice(0, equals).trim(), values: listed(set.slice(equals + 1)) };
  });
  const problems = axes.flatMap(({ path, values }, i) =>
    path === "" || values.length === 0
      ? [`"${sets[i]}" is not of the form path=value`]
      : values.length > 1 && values.includes("")
      ? [`"${sets[i]}" has an empty value between its commas`]
      : new Set(values).size < values.length
      ? [`"${sets[i]}" has a value twice`]
      : []
  );
  if (problems.length > 0) {
    return yield* Effect.fail(
      new ConfigError(
        "The grid cannot be made:",
        problems,
        "Write --set path=value, or --set path=value,value for several.",
      ),
    );
  }
  const several = new Set(axes.filter(({ values }) => values.length > 1).map(({ path }) => path));
  const configs: ExperimentConfig[] = [];
  for (const chosen of combinations(axes)) {
    const marks = chosen.map((one) => one.split("=", 2) as [string, string])
      .filter(([path]) => several.has(path) && path !== "name")
      .map(([path, value]) => `-${path.slice(path.lastIndexOf(".") + 1)}${plain(value)}`);
    const config = yield* decodeConfig(
      yield* applyOverrides(base, chosen),
      `The config with ${chosen.join(", ")}`,
    );
    configs.push({ ...config, name: `${config.name}${marks.join("")}` });
  }
  return configs;
});

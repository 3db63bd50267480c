/**
 * Functions of `optim` in configs: an object whose one field names the function and holds its arguments, a list of all of
 * them or the only one. Arguments may be calls themselves.
 *
 * ```json
 * { "adamw": ["learningRate", { "weightDecay": 0.01, "mask": { "except": ["**.bias"] } }] }
 * ```
 *
 * The text "learningRate" is the schedule of the config; `{ only }` and `{ except }` are masks by paths of parameters. Names
 * are the exports of `optim`, and each function checks its own arguments: there is no list of either here.
 */
import { optim } from "../index.ts";
import { nearest } from "../options/index.ts";
import { ConfigError, messageOf } from "./errors.ts";
import { maskOf } from "./paths.ts";

type AnyFunction = (...args: readonly unknown[]) => unknown;

/** All functions of `optim`, which look at their arguments themselves. */
const functions: ReadonlyMap<string, AnyFunction> = new Map(
  Object.entries<unknown>(optim).filter((entry): entry is [string, AnyFunction] =>
    typeof entry[1] === "function"
  ),
);

/** A mistake in a call, and the place where it stands. */
export const callProblem = (place: string, problem: string) =>
  new ConfigError(
    "The config calls a function of optim in a way that it does not take:",
    [`${place}: ${problem}`],
    "docs/experiments.md shows how calls are written.",
  );

/** The result of a call of a config. */
export function evaluateCall(
  call: unknown,
  place: string,
  learningRate: optim.LearningRate | undefined,
): unknown {
  const [name, given] = typeof call === "string" ? [call, []] : singleField(call) ?? [];
  if (name === undefined) {
    throw callProblem(
      place,
      `expected a function of optim and its arguments, such as { "clipByGlobalNorm": 1 }, found ${
        JSON.stringify(call)
      }`,
    );
  }
  const f = functions.get(name);
  if (f === undefined) {
    const near = nearest(name, [...functions.keys()]);
    throw callProblem(
      place,
      `optim has no "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`,
    );
  }
  const inside = `${place}.${name}`;
  const args = (Array.isArray(given) ? given : [given]).map((arg, i) =>
    argumentOf(arg, Array.isArray(given) ? `${inside}[${i}]` : inside, learningRate)
  );
  try {
    return f(...args);
  } catch (error) {
    const hint = typeof error === "object" && error !== null && "hint" in error
      ? `; ${error.hint}`
      : "";
    // The first line says what is wrong; the others point into this file.
    throw callProblem(inside, messageOf(error).split("\n")[0]! + hint);
  }
}

function argumentOf(
  value: unknown,
  place: string,
  learningRate: optim.LearningRate | undefined,
): unknown {
  if (value === "learningRate" && learningRate !== undefined) return learningRate;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((part, i) => argumentOf(part, `${place}[${i}]`, learningRate));
  }
  const [name, inner] = singleField(value) ?? [];
  if (name === "only" || name === "except") {
    const paths: unknown = inner;
    if (!Array.isArray(paths) || !paths.every((path) => typeof path === "string")) {
      throw callProblem(
        `${place}.${name}`,
        `expected a list of paths, found ${JSON.stringify(paths)}`,
      );
    }
    return maskOf(paths, name === "only");
  }
  if (name !== undefined && functions.has(name)) return evaluateCall(value, place, learningRate);
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      argumentOf(part, `${place}.${key}`, learningRate),
    ]),
  );
}

function singleField(value: unknown): [name: string, value: unknown] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.length === 1 ? entries[0] : undefined;
}

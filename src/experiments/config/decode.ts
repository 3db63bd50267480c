/**
 * Checking configs. What is read from outside is checked as a whole, so that all mistakes are reported at once; unknown
 * fields are mistakes. The task that `model.task` names knows the fields of `model` and `data`.
 */
import { Effect, Schema, SchemaIssue } from "effect";
import { ConfigError } from "../errors.ts";
import { scoresOf } from "../tasks/scores.ts";
import type { Task } from "../tasks/task.ts";
import { Tasks } from "../tasks/index.ts";
import type { OriginOf } from "./compose.ts";
import { valueAt } from "./overrides.ts";
import { optimizerProblems } from "../optimizer.ts";
import { configSchema, type ExperimentConfig } from "../schema.ts";

/**
 * The config that `input` describes; a {@link ConfigError} lists all that is wrong with it. `null` unsets a field, as if
 * it were missing.
 *
 * @param originOf which part of the config gave a field its value, where it has parts.
 */
export const decodeConfig = Effect.fnUntraced(function* (
  given: unknown,
  what: string,
  originOf: OriginOf = () => undefined,
) {
  const tasks = yield* Tasks;
  const input = withoutNulls(given);
  const named = valueAt(input, ["model", "task"]);
  const task = tasks.find(({ name }) => name === named);
  // Without a task only the common fields can be checked.
  const schema = configSchema(task?.model ?? Schema.Unknown, task?.data ?? Schema.Unknown);
  const decode = Schema.decodeUnknownEffect(schema, { errors: "all", onExcessProperty: "error" });
  const result = yield* Effect.result(decode(input));
  const problems = result._tag === "Failure"
    ? problemsOf(result.failure.issue, input, originOf)
    : [];
  // An unknown field is a mistake even if it is unset.
  const unset = yield* Effect.result(decode(given));
  if (unset._tag === "Failure") problems.push(...unknownNulls(unset.failure.issue, given));
  if (task === undefined) {
    const names = tasks.map(({ name }) => `"${name}"`).join(" | ");
    const found = named === undefined ? "it is missing" : `found ${JSON.stringify(named)}`;
    problems.unshift(`model.task: expected ${names}, ${found}`);
  }
  if (result._tag === "Failure" || task === undefined || problems.length > 0) {
    return yield* wrong(what, problems);
  }
  // The task's own schema has checked `model` and `data`.
  const config = result.success as ExperimentConfig;
  const contradictory = [...task.contradictions?.(config) ?? [], ...contradictions(config, task)];
  return contradictory.length === 0 ? config : yield* wrong(what, contradictory);
});

const format = SchemaIssue.makeFormatterStandardSchemaV1();

function placedIssues(issue: SchemaIssue.Issue) {
  return format(issue).issues.map(({ path, message }) => ({
    place: (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)),
    message,
  }));
}

function problemsOf(
  issue: SchemaIssue.Issue,
  input: unknown,
  originOf: OriginOf,
): string[] {
  return placedIssues(issue).map(({ place, message }) => {
    const at = valueAt(input, place);
    const found = at === undefined || message.includes("excess")
      ? ""
      : `, found ${JSON.stringify(at)}`;
    const origin = at === undefined ? undefined : originOf(place, at);
    const whence = origin === undefined ? "" : ` (in ${origin})`;
    return `${place.join(".") || "the config"}${whence}: ${plain(message)}${found}`;
  });
}

function unknownNulls(issue: SchemaIssue.Issue, given: unknown): string[] {
  return placedIssues(issue)
    .filter(({ place, message }) => message.includes("excess") && valueAt(given, place) === null)
    .map(({ place, message }) => `${place.join(".")}: ${plain(message)}`);
}

/** The input without the fields that are null; the entries of lists stay. */
function withoutNulls(input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(
    Object.entries(input).filter(([, value]) => value !== null)
      .map(([name, value]) => [name, withoutNulls(value)]),
  );
}

const wrong = (what: string, problems: readonly string[]) =>
  Effect.fail(
    new ConfigError(
      `${what} has ${problems.length === 1 ? "a mistake" : `${problems.length} mistakes`}:`,
      problems,
      `Correct ${
        problems.length === 1 ? "it" : "them"
      }; --help names the presets, and config.json of any run shows all fields.`,
    ),
  );

const plain = (message: string) =>
  message === "Missing key"
    ? "is missing"
    : message.includes("excess")
    ? "there is no such field"
    : message.replace(/^Expected/, "expected");

/** The mistakes that no single field shows. */
function contradictions(config: ExperimentConfig, task: Task): string[] {
  const { log, optimizer, precision } = config;
  const plain = scoresOf(task).map(({ key }) => key);
  const averaged = optimizer.average > 0 ? plain.map((key) => `average/${key}`) : [];
  const scores = [...plain, ...averaged];
  const { groups, ...main } = optimizer;
  return [
    ...optimizerProblems(main, "optimizer"),
    ...Object.entries(groups).flatMap(([name, { paths: _, ...own }]) =>
      optimizerProblems({ ...main, ...own }, `optimizer.groups.${name}`)
    ).filter((problem, i, all) => all.indexOf(problem) === i),
    ...(precision === "float16"
      ? [
        'precision: no backend (webgpu, onnx, reference) has float16 in this version; leave it out, or give "float32"',
      ]
      : []),
    ...(log.checkpointEvery % log.every === 0 ? [] : [
      `log.checkpointEvery: ${log.checkpointEvery} is not a multiple of log.every, ${log.every}`,
    ]),
    ...(!log.compareGradients || task.unrolled !== undefined ? [] : [
      `log.compareGradients: the models of the task "${task.name}" have no adjoint, so that there is nothing to compare`,
    ]),
    ...(log.best === undefined || scores.includes(log.best)
      ? []
      : [`log.best: expected ${scores.join(" | ")}, found ${JSON.stringify(log.best)}`]),
  ];
}

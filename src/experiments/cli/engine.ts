/** The flags that say where steps are made: the engine, and this process among those of other hosts. */
import { Effect, Option } from "effect";
import { Flag } from "effect/cli";
import { ConfigError } from "../errors.ts";
import type { ExperimentConfig } from "../schema.ts";
import type { Cluster } from "../xla/machine.ts";

/** The flags by name. The place of a process is not in its config, which all of them share. */
export const engineFlags = {
  engine: Flag.Literals("engine", ["local", "xla"] as const).pipe(
    Flag.withDescription(
      "Where steps are made: here, or by XLA in the Python that TRILEVEL_PYTHON names",
    ),
    Flag.optional,
  ),
  devices: Flag.Int("devices").pipe(
    Flag.withDescription("XLA's devices that share a batch (default: all)"),
    Flag.optional,
  ),
  shard: Flag.String("shard").pipe(
    Flag.withMetavar("path=axis"),
    Flag.withDescription(
      "State that XLA's devices share, such as **.decoder=0; may be repeated",
    ),
    Flag.atLeast(0),
  ),
  coordinator: Flag.String("coordinator").pipe(
    Flag.withMetavar("host:port"),
    Flag.withDescription(
      "Process 0 of several that make each step together; auto where JAX finds its cluster",
    ),
    Flag.optional,
  ),
  processes: Flag.Int("processes").pipe(
    Flag.withDescription("How many processes there are"),
    Flag.optional,
  ),
  process: Flag.Int("process").pipe(
    Flag.withDescription("Which of them this is, from 0"),
    Flag.optional,
  ),
} as const;

/** The values of {@link engineFlags}. */
export interface EngineFlags {
  readonly engine: Option.Option<"local" | "xla">;
  readonly devices: Option.Option<number>;
  readonly shard: readonly string[];
  readonly coordinator: Option.Option<string>;
  readonly processes: Option.Option<number>;
  readonly process: Option.Option<number>;
}

/** The config with the engine of flags: those that are missing leave it as it is. */
export function withEngine(
  config: ExperimentConfig,
  { engine, devices, shard }: EngineFlags,
): Effect.Effect<ExperimentConfig, ConfigError> {
  if (Option.isNone(engine) && Option.isNone(devices) && shard.length === 0) {
    return Effect.succeed(config);
  }
  const rules = shard.map((text) => [text.slice(0, text.lastIndexOf("=")), axisOf(text)] as const);
  const wrong = shard.filter((_, i) => rules[i]![0] === "" || Number.isNaN(rules[i]![1]));
  const name = Option.getOrElse(engine, () => config.engine?.name ?? "local");
  const problems = [
    ...wrong.map((text) => `--shard: expected path=axis, got ${text}`),
    ...(name === "local" && (Option.isSome(devices) || shard.length > 0)
      ? ["--devices and --shard are of --engine xla"]
      : []),
    ...(Option.isSome(devices) && devices.value < 1
      ? [`--devices: expected at least 1, got ${devices.value}`]
      : []),
  ];
  if (problems.length > 0) {
    return Effect.fail(
      new ConfigError("The engine is not clear:", problems, "docs/scale.md has examples."),
    );
  }
  return Effect.succeed({
    ...config,
    engine: {
      shard: {},
      ...config.engine,
      name,
      ...(Option.isSome(devices) ? { devices: devices.value } : {}),
      ...(shard.length === 0 ? {} : { shard: Object.fromEntries(rules) }),
    },
  });
}

const axisOf = (text: string) => {
  const axis = text.slice(text.lastIndexOf("=") + 1);
  return /^\d+$/.test(axis) ? Number(axis) : NaN;
};

/** This process among others, if flags say so. */
export function clusterOf(
  { coordinator, processes, process }: EngineFlags,
): Effect.Effect<Cluster | undefined, ConfigError> {
  const counted = Option.isSome(processes) || Option.isSome(process);
  if (Option.isNone(coordinator)) {
    return counted
      ? refuseCluster("--processes and --process need a --coordinator")
      : Effect.succeed(undefined);
  }
  const { value } = coordinator;
  if (value === "auto" && !counted) return Effect.succeed({ coordinator: value });
  if (Option.isNone(processes) || Option.isNone(process)) {
    return refuseCluster(`--coordinator ${value} needs --processes and --process`);
  }
  const [count, own] = [processes.value, process.value];
  return count >= 1 && own >= 0 && own < count
    ? Effect.succeed({ coordinator: value, processes: count, process: own })
    : refuseCluster(`--process: expected a number from 0 to ${count - 1}, got ${own}`);
}

const refuseCluster = (problem: string) =>
  Effect.fail(
    new ConfigError(
      "The place of this process is not clear:",
      [problem],
      "Say --coordinator HOST:PORT --processes N --process I with another I on every host, or --coordinator auto.",
    ),
  );

/**
 * The fields of a config that every task has, and the kinds of values that tasks build theirs from. A config is plain
 * JSON: decoding one checks it and spells out the defaults, and changes nothing else.
 */
import { Effect, Schema } from "effect";

/** A whole number of at least 1. */
export const Count = Schema.Int.check(
  Schema.isGreaterThanOrEqualTo(1, { message: "Expected a whole number of at least 1" }),
);
/** A whole number of at least 0. */
export const CountOrZero = Schema.Int.check(
  Schema.isGreaterThanOrEqualTo(0, { message: "Expected a whole number of at least 0" }),
);
/** A number above 0. */
export const Positive = Schema.Finite.check(
  Schema.isGreaterThan(0, { message: "Expected a number above 0" }),
);
/** A number of at least 0. */
export const NonNegative = Schema.Finite.check(
  Schema.isGreaterThanOrEqualTo(0, { message: "Expected a number of at least 0" }),
);
/** A number from 0 to 1. */
export const Fraction = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 1 }, { message: "Expected a number from 0 to 1" }),
);

/** A field that may be missing from a file, and has this value then: `Count.pipe(defaultsTo(5))`. */
export const defaultsTo = <S extends Schema.Constraint>(value: S["Encoded"]) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value));

/** The backends of runs; `auto` is the fastest available one. */
export const backends = ["auto", "webgpu", "onnx", "reference"] as const;

/** A function of `optim` and its arguments: see `calls.ts`, which also checks them. */
const Call = Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.Unknown)]);

/** A learning rate, or a schedule of `optim`. */
const Rate = Schema.Union([Positive, Schema.Record(Schema.String, Schema.Unknown)]);

/** A group of parameters; what is missing is as for all others. */
const GroupConfig = Schema.Struct({
  /** Parameters, or all below a path: `encoder`, `**.bias`. */
  paths: Schema.Array(Schema.String),
  learningRate: Schema.optionalKey(Rate),
  warmup: Schema.optionalKey(CountOrZero),
  decayRate: Schema.optionalKey(Positive),
  decaySteps: Schema.optionalKey(CountOrZero),
  clip: Schema.optionalKey(NonNegative),
  chain: Schema.optionalKey(Schema.Array(Call)),
});

/** The optimizer: Adam with a warmup and exponential decay, or a chain of transformations. */
export const OptimizerConfig = Schema.Struct({
  /** A number, or a schedule of `optim`: `{ "cosineDecaySchedule": { "initValue": 1e-3, "decaySteps": 1000 } }`. */
  learningRate: Rate,
  /** Steps of linear warmup. */
  warmup: CountOrZero.pipe(defaultsTo(0)),
  /** The rate is multiplied by `decayRate` every `decaySteps`; 0 steps: never. */
  decayRate: Positive.pipe(defaultsTo(0.5)),
  decaySteps: CountOrZero.pipe(defaultsTo(0)),
  /** Greatest global norm of a gradient; 0: no limit. */
  clip: NonNegative.pipe(defaultsTo(0)),
  /** Transformations in place of Adam: `[{ "adamw": ["learningRate", { "weightDecay": 0.01 }] }]`. */
  chain: Schema.optionalKey(Schema.Array(Call)),
  /** Groups of parameters by name, which have an optimizer of their own. */
  groups: Schema.Record(Schema.String, GroupConfig).pipe(defaultsTo({})),
  /** Batches whose mean gradient makes one update. */
  accumulate: Count.pipe(defaultsTo(1)),
  /** The decay of a moving average of the parameters, which is scored beside them; 0: none. */
  average: Schema.Finite.check(
    Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }, {
      message: "Expected a number from 0 to 1, below 1",
    }),
  ).pipe(defaultsTo(0)),
  /** Parameters that stay as they are, by path: `encoder`, `decoder.layers`. */
  frozen: Schema.Array(Schema.String).pipe(defaultsTo([])),
});
/** See the schema of the same name. */
export type OptimizerConfig = typeof OptimizerConfig.Type;

/** The fields of an optimizer that groups have, too. */
export type OptimizerFields =
  & Pick<OptimizerConfig, "learningRate">
  & Partial<Pick<OptimizerConfig, "warmup" | "decayRate" | "decaySteps" | "clip" | "chain">>;

/** Parameters to begin with, from a checkpoint of another run. */
export const StartConfig = Schema.Struct({
  /** The checkpoint's file. */
  from: Schema.String,
  /** The parts, by path; all parts unless given. */
  only: Schema.Array(Schema.String).pipe(defaultsTo([])),
});

/** The engine that makes steps: the backend here, or XLA in a Python process. */
export const EngineConfig = Schema.Struct({
  name: Schema.Literals(["local", "xla"]),
  /** Devices that share a batch; all that XLA has unless given. */
  devices: Schema.optionalKey(Count),
  /**
   * State that devices share, too: the axis by path, `{ "**.decoder": 0 }`. What cannot be divided along it, and all other
   * state, is whole on every device.
   */
  shard: Schema.Record(Schema.String, CountOrZero).pipe(defaultsTo({})),
});
/** See the schema of the same name. */
export type EngineConfig = typeof EngineConfig.Type;

/** The intervals, in steps, at which things are logged and saved. */
export const LogConfig = Schema.Struct({
  /** Metrics are kept on the device and read together. */
  every: Count.pipe(defaultsTo(20)),
  /** Scores and the loss on validation data. */
  evaluateEvery: Count.pipe(defaultsTo(500)),
  /** Pictures; the first ones at `firstPanel`. */
  panelEvery: Count.pipe(defaultsTo(500)),
  firstPanel: Count.pipe(defaultsTo(50)),
  /** Examples in a picture. */
  panelImages: Count.pipe(defaultsTo(6)),
  checkpointEvery: Count.pipe(defaultsTo(200)),
  /** The score on validation data that chooses the best checkpoint, or `loss`; the task's main one unless given. */
  best: Schema.optionalKey(Schema.String),
  /** The number of evaluations in a row without a better score after which training ends; 0: never. */
  patience: CountOrZero.pipe(defaultsTo(0)),
  /**
   * If true, the gradient of the loss for the first samples is compared with that through all iterations: the cosine of the
   * angle between them and the ratio of their lengths.
   */
  compareGradients: Schema.Boolean.pipe(defaultsTo(false)),
  /** The number of latest checkpoints to keep. */
  keep: Count.pipe(defaultsTo(2)),
});

/** The preset that a run began as; the name of its folder begins so. */
const Name = Schema.String.check(
  Schema.isPattern(/^[\w.-]+$/, { message: "Expected letters, digits, dots and dashes" }),
);

/** The schema of a config with the `model` and the `data` of a task. */
export const configSchema = <M extends Schema.Top, D extends Schema.Top>(model: M, data: D) =>
  Schema.Struct({
    name: Name,
    model,
    data,
    optimizer: OptimizerConfig,
    log: LogConfig.pipe(defaultsTo({})),
    start: Schema.optionalKey(StartConfig),
    steps: Count,
    batchSize: Count,
    seed: CountOrZero.pipe(defaultsTo(0)),
    backend: Schema.Literals(backends).pipe(defaultsTo("auto")),
    /** The engine of steps; everything else is computed by the backend. */
    engine: Schema.optionalKey(EngineConfig),
    /** The type of floats; no backend has float16 so far. */
    precision: Schema.Literals(["float32", "float16"]).pipe(defaultsTo("float32")),
  });

type Common = ReturnType<typeof configSchema<typeof Schema.Unknown, typeof Schema.Unknown>>;

/** The `model` part of a config: `task` names the task, which alone knows the other fields. */
export interface TaskFields {
  readonly task: string;
}

/** A config whose defaults are all spelled out: a union over tasks, tagged by `model.task`. */
export interface ExperimentConfig<M extends TaskFields = TaskFields, D = unknown>
  extends Omit<Common["Type"], "model" | "data"> {
  readonly model: M;
  readonly data: D;
}

/** A config as it stands in a file: fields with defaults may be missing. */
export interface ConfigInput<M extends TaskFields = TaskFields, D = unknown>
  extends Omit<Common["Encoded"], "model" | "data"> {
  readonly model: M;
  readonly data: D;
}

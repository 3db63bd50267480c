/**
 * Configs: all that decides a run. What is read from outside is checked as a whole, so that every mistake
 * is told at once; unknown fields are mistakes, and fields with an obvious value have it as default.
 */
import { Effect, Schema, SchemaIssue } from "effect";
import { ConfigError } from "../errors.ts";

const Count = Schema.Int.check(
  Schema.isGreaterThanOrEqualTo(1, { message: "Expected a whole number of at least 1" }),
);
const CountOrZero = Schema.Int.check(
  Schema.isGreaterThanOrEqualTo(0, { message: "Expected a whole number of at least 0" }),
);
const Positive = Schema.Finite.check(
  Schema.isGreaterThan(0, { message: "Expected a number above 0" }),
);
const NonNegative = Schema.Finite.check(
  Schema.isGreaterThanOrEqualTo(0, { message: "Expected a number of at least 0" }),
);
const Fraction = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 1 }, { message: "Expected a number from 0 to 1" }),
);

const or = Schema.withDecodingDefaultKey;
const given = Effect.succeed;

/** How the fixed point of the slots is differentiated; `unrolled` is vanilla slot attention. */
export const adjoints = ["unrolled", "oneStep", "neumann", "phantom", "implicit"] as const;
/** How the fixed point of the slots is found. */
export const solvers = ["forward", "anderson", "broyden"] as const;
/** Where runs compute; `auto` is the fastest there is. */
export const backends = ["auto", "webgpu", "onnx", "reference"] as const;
const generators = ["sprites", "tetrominoes", "clevr"] as const;
/** Where images come from: generators, then readers of files. */
export const sources = [
  ...generators,
  "clevr-files",
  "clevr-with-masks",
  "tetrominoes-file",
  "multi-dsprites",
  "objects-room",
  "shapestacks",
  "coco",
  "3dshapes",
  "dsprites",
  "nem",
  "folder",
] as const;

/** The convolutions that look at an image. */
export class EncoderConfig extends Schema.Class<EncoderConfig>("EncoderConfig")({
  /** Channels of every convolution. */
  channels: Count,
  /** Size of the square kernels. */
  kernel: Count.pipe(or(given(5))),
  /** One stride for each convolution. */
  strides: Schema.Array(Count),
}) {}

/** How slots become pictures, or numbers. */
export class DecoderConfig extends Schema.Class<DecoderConfig>("DecoderConfig")({
  /** `mlp` computes every pixel of every slot alone and is cheap, `broadcast` is the paper's. */
  kind: Schema.Literals(["mlp", "broadcast"]),
  /** Width of the hidden layers, or channels. */
  channels: Count,
  /** Hidden layers of the `mlp`. */
  layers: Count.pipe(or(given(3))),
  /** Size of the square kernels of `broadcast`. */
  kernel: Count.pipe(or(given(5))),
  /** One stride for each transposed convolution of `broadcast`; their product divides the resolution. */
  strides: Schema.Array(Count).pipe(or(given([]))),
}) {}

/** Slot attention and what is around it. */
export class ModelConfig extends Schema.Class<ModelConfig>("ModelConfig")({
  /** Objects by reconstruction, or their properties by supervision. */
  task: Schema.Literals(["discovery", "properties"]),
  slots: Count,
  slotSize: Count,
  /** Hidden width of the slots' own MLP. */
  mlpHidden: Count,
  iterations: Count,
  solver: Schema.Literals(solvers).pipe(or(given("forward" as const))),
  adjoint: Schema.Literals(adjoints).pipe(or(given("oneStep" as const))),
  /** Terms of the `neumann` and `phantom` adjoints. */
  adjointTerms: Count.pipe(or(given(5))),
  /** From where to where encoder and decoder count places; the paper's are 0 to 1. */
  coordinates: Schema.Tuple([Schema.Finite, Schema.Finite]).pipe(or(given([0, 1] as const))),
  encoder: EncoderConfig,
  decoder: DecoderConfig,
}) {}

/** The images. */
export class DataConfig extends Schema.Class<DataConfig>("DataConfig")({
  source: Schema.Literals(sources),
  /** File or folder; relative to TRILEVEL_DATA where that is set. Not for generators. */
  path: Schema.optionalKey(Schema.String),
  /** Number of scenes that generators make, or the most that readers take (by seed where they can choose). */
  scenes: Count,
  /** Height and width of images as the model sees them. */
  resolution: Count,
  /** Keep the part of CLEVR's frame that its experiments use. */
  crop: Schema.Literals(["none", "square", "clevr"]).pipe(or(given("none" as const))),
  /** Least and greatest number of objects that generators place. */
  objects: Schema.Tuple([Count, Count]).pipe(or(given([3, 3] as const))),
  /** CLEVR's files and multi-object datasets: keep only scenes with at most this many objects. */
  maxObjects: Schema.optionalKey(Count),
  /** Whether the sprites of a generated scene all differ in colour. */
  distinctColors: Schema.Boolean.pipe(or(given(false))),
  /** The least fraction of each sprite of a generated scene that the others leave visible. */
  minVisibility: Fraction.pipe(or(given(0.5))),
  /** Whether CLEVR-like generated scenes have a mirror. */
  mirror: Schema.Boolean.pipe(or(given(false))),
  /** Decides generated scenes and the split; not the order of training. */
  seed: CountOrZero.pipe(or(given(0))),
  /** Held-out scenes to score. */
  evaluate: Count.pipe(or(given(320))),
}) {}

/** The optimizer: Adam with a warmup and exponential decay, as in the paper. */
export class OptimizerConfig extends Schema.Class<OptimizerConfig>("OptimizerConfig")({
  learningRate: Positive,
  /** Steps of linear warmup. */
  warmup: CountOrZero.pipe(or(given(0))),
  /** The rate is multiplied by `decayRate` every `decaySteps`; 0 steps: never. */
  decayRate: Positive.pipe(or(given(0.5))),
  decaySteps: CountOrZero.pipe(or(given(0))),
  /** Greatest global norm of a gradient; 0: whatever it is. */
  clip: NonNegative.pipe(or(given(0))),
  /** Parameters that stay as they are, by path: `encoder`, `slotAttention.gru`. */
  frozen: Schema.Array(Schema.String).pipe(or(given([]))),
}) {}

/** Parameters to begin with, from a checkpoint of another run. */
export class StartConfig extends Schema.Class<StartConfig>("StartConfig")({
  /** The checkpoint's file. */
  from: Schema.String,
  /** Which parts, by path; all of them unless given. */
  only: Schema.Array(Schema.String).pipe(or(given([]))),
}) {}

/** What is noted how often, in steps. */
export class LogConfig extends Schema.Class<LogConfig>("LogConfig")({
  /** Metrics are kept on the device and read together. */
  every: Count.pipe(or(given(20))),
  /** Scores on held-out images. */
  evaluateEvery: Count.pipe(or(given(500))),
  /** Pictures; the first ones at `firstPanel`. */
  panelEvery: Count.pipe(or(given(500))),
  firstPanel: Count.pipe(or(given(50))),
  /** Images in a picture. */
  panelImages: Count.pipe(or(given(6))),
  checkpointEvery: Count.pipe(or(given(250))),
  /** How many of the last checkpoints to keep. */
  keep: Count.pipe(or(given(2))),
}) {}

/** A run. */
export class ExperimentConfig extends Schema.Class<ExperimentConfig>("ExperimentConfig")({
  /** The preset it began as; the name of its folder begins so. */
  name: Schema.String.check(
    Schema.isPattern(/^[\w.-]+$/, { message: "Expected letters, digits, dots and dashes" }),
  ),
  model: ModelConfig,
  data: DataConfig,
  optimizer: OptimizerConfig,
  log: LogConfig.pipe(or(given({}))),
  start: Schema.optionalKey(StartConfig),
  steps: Count,
  batchSize: Count,
  seed: CountOrZero.pipe(or(given(0))),
  backend: Schema.Literals(backends).pipe(or(given("auto" as const))),
}) {}

/** A config as it stands in a file: fields with defaults may be missing. */
export type ConfigInput = typeof ExperimentConfig.Encoded;

const decode = Schema.decodeUnknownEffect(ExperimentConfig, {
  errors: "all",
  onExcessProperty: "error",
});
const format = SchemaIssue.makeFormatterStandardSchemaV1();

/** The config that `input` describes; a {@link ConfigError} lists all that is wrong with it. */
export const decodeConfig = Effect.fnUntraced(function* (input: unknown, what: string) {
  const config = yield* decode(input).pipe(
    Effect.mapError(({ issue }) =>
      wrong(
        what,
        format(issue).issues.map(({ path, message }) => {
          const place = (path ?? []).map((part) =>
            String(typeof part === "object" ? part.key : part)
          );
          const at = valueAt(input, place);
          const found = at === undefined || message.includes("excess")
            ? ""
            : `, found ${JSON.stringify(at)}`;
          return `${place.join(".") || "the config"}: ${plain(message)}${found}`;
        }),
      )
    ),
  );
  const problems = contradictions(config);
  return problems.length === 0 ? config : yield* wrong(what, problems);
});

const wrong = (what: string, problems: readonly string[]) =>
  new ConfigError({
    what: `${what} has ${problems.length === 1 ? "a mistake" : `${problems.length} mistakes`}:`,
    problems,
    cure: `Correct ${
      problems.length === 1 ? "it" : "them"
    }; --help names the presets, and config.json of any run shows all fields.`,
  });

const plain = (message: string) =>
  message === "Missing key"
    ? "is missing"
    : message.includes("excess")
    ? "there is no such field"
    : message.replace(/^Expected/, "expected");

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as { readonly [key: string]: unknown })[key];
  }
  return value;
}

/** What no single field shows. */
function contradictions({ model, data, batchSize, log }: ExperimentConfig): string[] {
  const problems: string[] = [];
  const generated = isGenerated(data.source);
  if (!generated && data.path === undefined) {
    problems.push(`data.path: the source "${data.source}" needs a file or folder`);
  }
  if (data.objects[0] > data.objects[1]) {
    problems.push(`data.objects: the least, ${data.objects[0]}, is above the greatest`);
  }
  const shrink = model.encoder.strides.reduce((product, n) => product * n, 1);
  if (data.resolution < shrink) {
    problems.push(`model.encoder.strides: ${data.resolution} pixels cannot shrink ${shrink} times`);
  }
  if (model.task === "discovery" && model.decoder.kind === "broadcast") {
    const grow = model.decoder.strides.reduce((product, n) => product * n, 1);
    if (model.decoder.strides.length === 0) {
      problems.push("model.decoder.strides: the broadcast decoder needs at least one");
    } else if (data.resolution % grow !== 0) {
      problems.push(
        `model.decoder.strides: their product ${grow} does not divide data.resolution ${data.resolution}`,
      );
    }
  }
  if (model.task === "properties" && data.source !== "clevr" && data.source !== "clevr-files") {
    problems.push(`data.source: "${data.source}" has no CLEVR properties to predict`);
  }
  if (model.task === "properties" && generated && data.objects[1] > model.slots) {
    problems.push(`model.slots: ${model.slots} cannot hold ${data.objects[1]} objects`);
  }
  if (batchSize > data.scenes) {
    problems.push(`batchSize: ${batchSize} is more than data.scenes, ${data.scenes}`);
  }
  if (log.checkpointEvery % log.every !== 0) {
    problems.push(
      `log.checkpointEvery: ${log.checkpointEvery} is no multiple of log.every, ${log.every}`,
    );
  }
  return problems;
}

/** Whether a source is a generator. */
export function isGenerated(source: DataConfig["source"]): boolean {
  return (generators as readonly string[]).includes(source);
}

const encode = Schema.encodeSync(ExperimentConfig);

/** A config as plain JSON, with every default spelled out. */
export function encodeConfig(config: ExperimentConfig): ConfigInput {
  return encode(config);
}

/**
 * A task is all that the runner knows of a system: which fields its configs have, its data, its parameters and loss, how
 * it is scored, and what is drawn. The runner, the store of runs, the report and the command line work for every task.
 *
 * A {@link Task} is known before any config; `task.system(config)` makes the {@link System} that is trained. Data may be
 * of any kind: a sample is a record of arrays (an image `[height, width, 3]`, a set of points `[points, 2]`, a video
 * `[frames, height, width, 3]`), and a batch has a new first axis. Write one with {@link defineTask}, and provide it:
 * `Effect.provideService(Tasks, [...tasks, mine])`.
 */
import type { Effect, Schema, Scope } from "effect";
import type { Batch, Dataset, Json, Sample } from "../../data/index.ts";
import type { optim, Tensor } from "../../index.ts";
import type { ConfigInput, ExperimentConfig, TaskFields } from "../schema.ts";
import type { ConfigError, DatasetError } from "../errors.ts";
import type { Figure, Panel } from "../display/panel.ts";

/** Numbers by name. */
export type Scores = { readonly [name: string]: number };

/** Tensors by name. */
export type Outputs = { readonly [name: string]: Tensor };

/** Parameters: a tree of tensors. */
export type Params = { readonly [name: string]: unknown };

/** The entry of an output that belongs to one sample, on the host: the shape is without the batch. */
export interface HostArray {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** A sample, and the outputs of the model for it. */
export interface Seen<S extends Sample = Sample, Y extends string = string> {
  readonly sample: S;
  readonly output: { readonly [name in Y]: HostArray };
}

/** Scores samples: all of them are added, then the result is asked for. */
export interface Scorer<S extends Sample = Sample, Y extends string = string> {
  add(seen: Seen<S, Y>): void;
  result(): Scores;
}

/** The progress of training, for a loss that changes with it. */
export interface LossAt<State = unknown> {
  /** Finished updates, int32: what a temperature's schedule depends on. */
  readonly step: Tensor;
  /** The state that the loss returned at the step before; `initState` at the first. */
  readonly state: State;
}

/** The scalar to minimise, other scalars to note, and the next state of the loss where it has one. */
export type Loss<State = unknown> = readonly [
  loss: Tensor,
  /** Names that begin with `loss/` are terms of the loss, and are drawn beside it. */
  outputs: Outputs,
  state?: State,
];

/** Parameters with an optimizer and a schedule of their own. */
export interface ParameterGroup {
  /** Subtrees by path: `["dvae", "decoder.head"]`. */
  readonly paths: readonly string[];
  readonly transformation: optim.GradientTransformation;
  /** The learning rate by step, which is noted. */
  readonly schedule: optim.Schedule;
}

/** Smaller learning rates when a validation score no longer improves: see {@link System.plateau}. */
export interface Plateau {
  /** The key of the score, of which less is better; `loss` is known for every task. */
  readonly score: string;
  /** After how many evaluations in a row without a new best. */
  readonly patience: number;
  /** By what all rates are multiplied then. */
  readonly factor: number;
}

/** A model with its loss and all that is looked at. Functions of tensors are pure: they are compiled. */
// Methods, not function-typed properties: a system of any parameters is a System.
export interface System<
  S extends Sample = Sample,
  P extends Params = Params,
  K extends string = string,
  Y extends string = string,
  State = unknown,
  Model = unknown,
> {
  /** The model itself, which `openRun` gives beside its parameters. */
  readonly model?: Model;
  /** Parameters from a random key. */
  init(key: Tensor): P;
  /** The first state of a loss that has one, such as the multiplier of GECO: a tree of tensors, saved like parameters. */
  initState?(): State;
  /** The loss of a batch; the key is another one at every step. */
  loss(
    params: P,
    batch: { readonly [name in K]: Tensor },
    key: Tensor,
    at: LossAt<State>,
  ): Loss<State>;
  /** The optimizer of all parameters but those of groups; the config's unless given. */
  readonly optimizer?: optim.GradientTransformation;
  /** Parameter groups by name. All other parameters have the optimizer above. */
  readonly groups?: { readonly [name: string]: ParameterGroup };
  /** Applied to the whole gradient before the optimizers of groups see their parts: a clip of all parameters together. */
  readonly joint?: optim.GradientTransformation;
  /** If given, the rates of all parameters shrink when a score stays; its state is saved like parameters. */
  readonly plateau?: Plateau;
  /** The outputs of the model for a batch: tensors whose first axis counts samples. Scores and pictures are made from them. */
  predict(
    params: P,
    batch: { readonly [name in K]: Tensor },
    key: Tensor,
  ): { readonly [name in Y]: Tensor };
  /** Outputs that are not scored, by the names of `exports`: tensors whose first axis counts samples. */
  represent?(params: P, batch: { readonly [name in K]: Tensor }, key: Tensor): Outputs;
  /** A new scorer; `averaged` makes one of a function of one sample. */
  scorer(): Scorer<S, Y>;
  /** Pictures by name of the first validation samples. */
  draw(seen: readonly Seen<S, Y>[]): { readonly [name: string]: Figure };
  /** Measurements of the first validation samples: numbers, and lists such as a residual for each iteration. */
  diagnose?(params: P, batch: { readonly [name in K]: Tensor }, key: Tensor): Outputs;
}

/** Batches to train on, of samples that cannot be read at random. */
export interface BatchSource<S extends Sample = Sample> {
  /** The batches from a step on: the tail of those from step 0, whenever it is asked for. */
  batches(options: {
    readonly batchSize: number;
    readonly seed: number;
    readonly startStep: number;
  }): AsyncIterable<Batch<S>>;
}

/** A file that could not be read. */
export interface BrokenFile {
  readonly name: string;
  readonly reason: string;
}

/** Samples in three parts that have none in common. */
export interface Examples<S extends Sample = Sample> {
  readonly train: Dataset<S> | BatchSource<S>;
  /** The batches to train on, where samples of `train` are changed at random first; others look at them unchanged. */
  readonly augmented?: BatchSource<S>;
  /** Scored now and then while training goes on; the scores choose the best checkpoint. Without, the last one is it. */
  readonly validation?: Dataset<S>;
  /** Scored once, by the best checkpoint, when training has ended. */
  readonly test?: Dataset<S>;
  /** Contradictions between the data and the config; nothing is trained if there are any. */
  readonly problems?: readonly string[];
  /** Files that cannot be read and were left out; reports name them. */
  readonly broken?: readonly BrokenFile[];
  /** Peculiarities of the data, which are shown and stop nothing. */
  readonly warnings?: readonly string[];
  /** Facts about the data for `data inspect`: a label and a text each. */
  readonly facts?: readonly (readonly [label: string, text: string])[];
}

/** Options of inspecting data without a config. */
export interface InspectOptions {
  /** The source; what the path looks like unless given. */
  readonly source?: string | undefined;
  readonly crop?: string | undefined;
  /** A side, or height and width. */
  readonly resolution: number | readonly number[];
}

/** The result of inspecting data. */
export interface Inspection {
  readonly facts: readonly (readonly [label: string, text: string])[];
  /** Some samples as a model would see them, with their names as heads of columns. */
  readonly panel: Panel;
}

/** Told while data is made or converted: how many samples there are, of how many at most. */
export type OnProgress = (done: number, size: number) => void;

/** A score, with its name for reports. */
export interface ScoreSpec {
  readonly key: string;
  readonly name: string;
  readonly digits: number;
  /** The better one of two values; "higher" unless given. */
  readonly better?: "higher" | "lower";
}

/** A curve over steps in reports, or several in one picture. */
export interface CurveSpec {
  readonly title: string;
  /** Keys of `metrics.jsonl`: scores and diagnostics begin with `validation/`, terms of the loss are as they are named. */
  readonly series: readonly { readonly key: string; readonly name: string }[];
  readonly logarithmic?: boolean;
}

/** A list of `diagnose` in reports, drawn early, in the middle and at the end of training. */
export interface ListSpec {
  readonly key: string;
  readonly title: string;
  /** The name of the axis along which its entries are drawn. */
  readonly x: string;
  readonly logarithmic?: boolean;
}

/** The representation of an image, or a frame, whose objects are known: of an output of `represent`, [parts, size], on the host. */
export interface Probed {
  readonly values: HostArray;
  /** Objects with their properties, as the data has them. */
  readonly objects: readonly Json[];
}

/** The accuracy with which a linear map and an MLP predict a property from an output. */
export interface Readout {
  readonly property: string;
  /** "accuracy" or "R²"; 1 is perfect. */
  readonly measure: string;
  /** The accuracy of the best constant guess. */
  readonly baseline: number;
  readonly linear: number;
  readonly mlp: number;
}

/** The probe of a task. */
export interface ProbeSpec {
  /** The output of `represent` that is read from: [parts, size] for a sample, or [frames, parts, size] for a video. */
  readonly output: string;
  /** The objects of a sample, or of a frame of it, which are counted from 0; null where they are unknown. */
  objects(sample: Sample, frame: number): readonly Json[] | null;
  /** Fits readouts on some images or frames, and returns their accuracy on others. */
  fit(fit: readonly Probed[], held: readonly Probed[]): Promise<readonly Readout[]>;
}

/** An output that the command `export` writes. */
export interface ExportSpec {
  readonly description: string;
  /**
   * The way in which it is drawn: the owner of each pixel of masks `[maps, height, width]`, each map in gray, or an
   * image in [−1, 1], `[height, width, channels]`. Without, it is numbers alone.
   */
  readonly picture?: "labels" | "maps" | "image";
}

/** All that the runner knows of a system. */
export interface Task<
  M extends TaskFields = TaskFields,
  D = unknown,
  S extends Sample = Sample,
  P extends Params = Params,
  Model = unknown,
> {
  /** The value of `model.task` in configs. */
  readonly name: string;
  /** The name of its samples in messages: "images". */
  readonly samples: string;
  /** The fields of `model`, with `task: Schema.Literal(name)`, and those of `data`. */
  readonly model: Schema.Codec<M, unknown>;
  readonly data: Schema.Codec<D, unknown>;
  /** Configs by name. */
  readonly presets: { readonly [name: string]: ConfigInput };
  /** Mistakes of a config that no single field shows. */
  contradictions?(config: ExperimentConfig<M, D>): readonly string[];
  /** A sentence that describes a run, for its report. */
  describe(config: ExperimentConfig<M, D>): string;
  /** A label of a few words that tells its runs apart in tables. */
  label?(config: ExperimentConfig<M, D>): string;
  /** Notes for readers of its numbers. */
  readonly notes?: readonly string[];
  /** Opens the data; it closes with the scope. */
  open(
    config: ExperimentConfig<M, D>,
    onProgress: OnProgress,
  ): Effect.Effect<Examples<S>, DatasetError, Scope.Scope>;
  /**
   * The fields of a sample that go to the device, arrays of float32, int32 or uint32. A batch has them with a new first
   * axis; frames come first in it after `np.swapaxes(batch.video, 0, 1)`.
   */
  readonly inputs: readonly string[];
  /** Looks at a file or folder before there is a config. */
  inspect?(
    path: string,
    options: InspectOptions,
  ): Effect.Effect<Inspection, ConfigError | DatasetError>;
  /** A picture of some samples, for `data inspect`. */
  preview?(samples: readonly S[]): Figure;
  system(config: ExperimentConfig<M, D>): System<S, P, string, string, unknown, Model>;
  /**
   * The same model with the derivative of every iteration, whose gradient others are compared with: see
   * `log.compareGradients`. For tasks whose models have an adjoint.
   */
  unrolled?(model: M): M;
  /** Scores in the order of interest. Those of `main` that come first and are known compare runs. */
  readonly scores: readonly ScoreSpec[];
  readonly main: readonly string[];
  /** Titles and captions of pictures, in the order in which reports show them. */
  readonly pictures?: {
    readonly [name: string]: { readonly title: string; readonly caption: string };
  };
  readonly curves?: readonly CurveSpec[];
  readonly lists?: readonly ListSpec[];
  /** Outputs of `represent` that can be written to files. */
  readonly exports?: { readonly [name: string]: ExportSpec };
  /** The probe, which predicts properties of objects from representations. */
  readonly probe?: ProbeSpec;
}

/**
 * A task of any config, data, parameters and outputs, as one that the runner takes. The types are inferred and checked
 * against each other here, and forgotten after: the runner passes each function what another one of the task made.
 */
export function defineTask<
  M extends TaskFields,
  D,
  S extends Sample,
  P extends Params,
  MI extends TaskFields,
  DI,
  const K extends string,
  Y extends string,
  State,
  Model = unknown,
>(
  task: Omit<Task<M, D, S>, "model" | "data" | "presets" | "inputs" | "system"> & {
    readonly model: Schema.Codec<M, MI>;
    readonly data: Schema.Codec<D, DI>;
    readonly presets: { readonly [name: string]: ConfigInput<MI, DI> };
    readonly inputs: readonly K[];
    system(config: ExperimentConfig<M, D>): System<S, P, K, Y, State, Model>;
  },
): Task<M, D, S, P, Model> {
  return task as unknown as Task<M, D, S, P, Model>; // see above
}

/** A task of one's own: a plain object with a loss, made into one that the runner takes. */
import { Effect, Schema } from "effect";
import type { optim, Tensor } from "../../index.ts";
import type { Sample } from "../../data/index.ts";
import type { Figure } from "../display/panel.ts";
import { defaultsTo, type TaskFields } from "../schema.ts";
import { averaged } from "../tasks/scores.ts";
import type { HostArray, Loss, LossAt, Outputs, Params, ScoreSpec, Task } from "../tasks/task.ts";
import type { OpenData } from "./data.ts";
import { type Batched, type Structure, wholeDatum } from "./trees.ts";

/** A datum and what the model makes of it, both on the host. */
export interface Looked<D, Y extends string> {
  readonly datum: D;
  readonly output: { readonly [name in Y]: HostArray };
}

/** A score of a task of one's own. */
export interface OwnScore<D, Y extends string> {
  /** The score of one datum; that of a run is the mean. */
  of(seen: Looked<D, Y>): number;
  /** The better one of two values; "higher" unless given. */
  readonly better?: "higher" | "lower";
  /** The name in reports; the key unless given. */
  readonly name?: string;
  /** Digits after the point in reports; 3 unless given. */
  readonly digits?: number;
}

/**
 * A task: parameters, a loss, and what is looked at. Functions of tensors are pure, since they are compiled.
 *
 * `D` is one datum, a tree of arrays, numbers and text. A batch has its structure, with tensors that have a new first
 * axis: `{ x: NdArray, label: string }` becomes `{ x: Tensor, label: null }`. Numbers and lists of numbers become float32,
 * typed arrays keep their element type where it is float32, int32 or uint32, and are widened or rounded to one of
 * these otherwise.
 */
export interface OwnTask<
  D = unknown,
  P extends Params = Params,
  Y extends string = string,
  State = unknown,
  Model = undefined,
> {
  /** The name; folders of its runs begin so. */
  readonly name: string;
  /** Parameters from a random key: an object of tensors and of such objects. */
  init(key: Tensor): P;
  /** The loss of a batch alone, or with scalars to note, or with the next state as well; see {@link Loss}. */
  loss(
    params: P,
    batch: Batched<D>,
    key: Tensor,
    at: LossAt<State>,
  ): Tensor | Loss<State>;
  /** The first state of a loss that has one. */
  initState?(): State;
  /** The outputs of the model for a batch: tensors whose first axis counts data. For scores and pictures. */
  predict?(params: P, batch: Batched<D>, key: Tensor): { readonly [name in Y]: Tensor };
  /** Scores by key. The first one chooses the best checkpoint, else the loss does. */
  readonly scores?: { readonly [key: string]: OwnScore<NoInfer<D>, NoInfer<Y>> };
  /** Pictures of the first data by name. */
  pictures?(
    seen: readonly Looked<NoInfer<D>, NoInfer<Y>>[],
  ): { readonly [name: string]: Figure };
  /** Measurements of the first data: scalars, and lists. */
  diagnose?(params: P, batch: Batched<D>, key: Tensor): Outputs;
  /** The model, which `openRun` gives beside its parameters. */
  readonly model?: Model;
  /** A sentence for the report. */
  readonly description?: string;
}

/** The config fields of such tasks: what a program says of itself, so that a change is noticed. */
const OwnModel = (name: string) =>
  Schema.Struct({
    task: Schema.Literal(name),
    settings: Schema.Record(Schema.String, Schema.Unknown).pipe(defaultsTo({})),
  });

/** The task as the runner has it, with its data. */
export function taskFrom<D, P extends Params, Y extends string, State, Model>(
  own: OwnTask<D, P, Y, State, Model>,
  { examples, structure }: OpenData,
  optimizer?: optim.GradientTransformation,
): Task<TaskFields, unknown, Sample, P, Model> {
  const { name, scores = {} } = own;
  const keys = Object.keys(scores);
  const looked = ({ sample, output }: { readonly sample: Sample; readonly output: unknown }) =>
    ({ datum: sample[wholeDatum], output }) as unknown as Looked<D, Y>; // as the data and `predict` made them
  const task = {
    name,
    samples: "samples",
    model: OwnModel(name),
    data: Schema.Struct({}),
    presets: {},
    describe: () => own.description ?? `The task "${name}".`,
    open: () => Effect.succeed(examples),
    inputs: structure.names,
    scores: keys.map((key): ScoreSpec => ({
      key,
      name: scores[key]!.name ?? key,
      digits: scores[key]!.digits ?? 3,
      better: scores[key]!.better ?? "higher",
    })),
    main: keys.length > 0 ? keys.slice(0, 1) : ["loss"],
    curves: [
      { title: "Validation loss", series: [{ key: "validation/loss", name: "loss" }] },
      ...keys.map((key) => {
        const title = scores[key]!.name ?? key;
        return {
          title: `Validation ${title}`,
          series: [{ key: `validation/${key}`, name: title }],
        };
      }),
    ],
    system: () => ({
      model: own.model,
      ...(optimizer === undefined ? {} : { optimizer }),
      ...(own.initState === undefined ? {} : { initState: () => own.initState!() }),
      init: (key: Tensor) => own.init(key),
      loss(params: P, batch: Outputs, key: Tensor, at: LossAt<State>): Loss<State> {
        const result = own.loss(params, batchOf<D>(structure, batch), key, at);
        return Array.isArray(result) ? result as unknown as Loss<State> : [result as Tensor, {}];
      },
      predict: (params: P, batch: Outputs, key: Tensor): Outputs =>
        own.predict?.(params, batchOf<D>(structure, batch), key) ?? {},
      scorer: () =>
        averaged((seen) => {
          const one = looked(seen);
          return Object.fromEntries(keys.map((key) => [key, scores[key]!.of(one)]));
        }),
      draw: (seen: readonly Parameters<typeof looked>[0][]) =>
        own.pictures?.(seen.map(looked)) ?? {},
      ...(own.diagnose === undefined ? {} : {
        diagnose: (params: P, batch: Outputs, key: Tensor) =>
          own.diagnose!(params, batchOf<D>(structure, batch), key),
      }),
    }),
  };
  // As in `defineTask`: the runner passes each function what another one made.
  return task as unknown as Task<TaskFields, unknown, Sample, P, Model>;
}

/** The batch in the datum's structure. */
const batchOf = <D>(structure: Structure, fields: Outputs) =>
  structure.rebuild(fields) as Batched<D>; // the structure is that of a datum

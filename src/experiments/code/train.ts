/** `train` for programs: a run of a task, with its folder, report and resuming, as the command makes it. */
import { basename } from "node:path";
import { Effect } from "effect";
import type { BackendName, optim } from "../../index.ts";
import {
  boolean,
  callable,
  count,
  declareOptions,
  either,
  kind,
  nested,
  oneOf,
  required,
  size,
  text,
} from "../../options/index.ts";
import { decodeConfig } from "../config/decode.ts";
import { type Display, openDisplay } from "../display/progress.ts";
import type { ConfigInput, TaskFields } from "../schema.ts";
import { listRuns, openRun as openFolder } from "../runs/open.ts";
import type { Params, Task } from "../tasks/task.ts";
import type { Hooks } from "../train/hooks.ts";
import { train as runTraining } from "../train/runner.ts";
import { openData, type OwnData } from "./data.ts";
import { type DefinedTask, loadRun, type Run, runnable, withTask } from "./openRun.ts";
import { type OwnTask, taskFrom } from "./task.ts";

/** Options of every run. */
interface Common<P> {
  /** The folder of all runs; "runs" unless given. */
  readonly root?: string;
  /** Goes on with a run: one by its folder or name, or with `true` the last one of this name, if there is any. */
  readonly resume?: string | boolean;
  /** Goes on also where config, backend or version are not those of the checkpoint. */
  readonly acceptChanges?: boolean;
  /** Functions that are called while the run goes on. */
  readonly hooks?: Hooks<P>;
  /** The display of progress; the terminal unless given, none with null. */
  readonly display?: Display | null;
  /** Interrupts the run, which saves itself first. */
  readonly signal?: AbortSignal;
}

/** Options of {@link train} for a task that is a plain object. */
export interface TrainOptions<D, P extends Params, Y extends string, State, Model>
  extends Common<P> {
  readonly task: OwnTask<D, P, Y, State, Model>;
  /** The data to train on; or an object of data to train on, to validate on and to test with. */
  readonly data: OwnData<D>;
  /** Any optimizer of `optim`. Its parameters are not in the config: say in `settings` what should be. */
  readonly optimizer: optim.GradientTransformation;
  /** Updates to make, counted from the beginning of the run. */
  readonly steps: number;
  /** Data in a batch. */
  readonly batchSize: number;
  /** Of parameters and of the order of data; 0 unless given. */
  readonly seed?: number;
  /** The backend; the fastest available one unless given. */
  readonly backend?: BackendName;
  /** The intervals of logging, scoring, drawing and saving; see docs/experiments.md. */
  readonly log?: ConfigInput["log"];
  /** JSON that is kept in the config: a run that goes on with other settings is refused. */
  readonly settings?: { readonly [name: string]: unknown };
}

/** Options of {@link train} for a task of `defineTask`, which opens its own data. */
export interface TrainTaskOptions<P extends Params, Model> extends Common<P> {
  readonly task: DefinedTask<P, Model>;
  /** The config, as in a file. */
  readonly config: ConfigInput<TaskFields & { readonly [field: string]: unknown }>;
}

/**
 * Trains, and gives the run as {@link openRun} does, with the parameters of the best checkpoint. The folder below `root`
 * has everything that the command `deno task train` leaves, and the commands that read runs read it.
 *
 * ```ts
 * import { np, optim, random, type Tensor } from "trilevel";
 * import { train } from "trilevel/experiments";
 * const run = await train({
 *   task: {
 *     name: "line",
 *     init: () => ({ slope: np.zeros([]) }),
 *     loss: ({ slope }: { slope: Tensor }, { x, y }) => np.mean(np.square(x.mul(slope).sub(y))),
 *   },
 *   data: [1, 2, 3, 4].map((x) => ({ x, y: 3 * x })),
 *   optimizer: optim.adam(0.3),
 *   steps: 60,
 *   batchSize: 4,
 *   root: await Deno.makeTempDir(),
 *   display: null,
 * });
 * console.assert(Math.abs(await run.params.slope.item() - 3) < 0.2);
 * console.assert(run.metrics.length === 60 && run.summary?.status === "finished");
 * ```
 *
 * Data is shuffled by the seed where it can be read by index, else it keeps its order; a run that goes on takes the
 * batches it would have taken. Without validation data the last checkpoint is the best one.
 *
 * @throws ConfigError, RunError, CheckpointError as the command does; NumericsError when a loss is no number;
 * ModelError and DatasetError with the error of the task, a hook, or the data as their cause.
 */
export async function train<D, P extends Params, Y extends string, State, Model = undefined>(
  options: TrainOptions<D, P, Y, State, Model>,
): Promise<Run<P, Model>>;
/** The same for a task of `defineTask` and a config. */
export async function train<P extends Params, Model>(
  options: TrainTaskOptions<P, Model>,
): Promise<Run<P, Model>>;
export async function train(
  options:
    | TrainOptions<unknown, Params, string, unknown, unknown>
    | TrainTaskOptions<Params, unknown>,
): Promise<Run> {
  if ("config" in options) checkTaskOptions(options);
  const { task, input } = "config" in options
    ? { task: runnable(options.task), input: options.config }
    : await ownRun(options);
  const { root = "runs", hooks, signal, acceptChanges = false } = options;
  const display = options.display === undefined ? openDisplay() : options.display ?? silent;
  const program = Effect.gen(function* () {
    const config = yield* decodeConfig(input, "The config of this run");
    const found = yield* runToResume(root, options.resume ?? false, config.name);
    const folder = yield* runTraining(config, {
      root,
      display,
      acceptChanges,
      ...(hooks === undefined ? {} : { hooks: hooks as Hooks }), // of this task's parameters
      ...(found === undefined ? {} : { resume: found }),
    });
    return yield* loadRun(folder, config, "best");
  });
  return await Effect.runPromise(
    program.pipe(withTask(task)),
    signal === undefined ? {} : { signal },
  );
}

/** The run to go on with; undefined for a new one. */
const runToResume = Effect.fnUntraced(function* (
  root: string,
  resume: string | boolean,
  name: string,
) {
  if (resume === false) return undefined;
  if (typeof resume === "string") return (yield* openFolder(root, resume)).folder;
  const own = (yield* listRuns(root)).filter((path) =>
    basename(path).replace(/-\d{8}-\d{6}(-\d+)?$/, "") === name
  );
  const last = own.at(-1);
  return last === undefined ? undefined : (yield* openFolder(root, last)).folder;
});

/** The task and the config of a plain object and its data. */
async function ownRun(options: TrainOptions<unknown, Params, string, unknown, unknown>) {
  checkOptions(options);
  checkTask(options.task);
  const { task, data, optimizer, steps, batchSize, seed, backend, log, settings } = options;
  const input: ConfigInput = {
    name: task.name,
    model: { task: task.name, ...(settings === undefined ? {} : { settings }) } as TaskFields,
    data: {},
    optimizer: { learningRate: 1 },
    steps,
    batchSize,
    ...(seed === undefined ? {} : { seed }),
    ...(backend === undefined ? {} : { backend }),
    ...(log === undefined ? {} : { log }),
  };
  return { task: taskFrom(task, await openData(data), optimizer) as unknown as Task, input };
}

const silent: Display = { line: () => {}, update: () => {}, end: () => {} };

const common = {
  root: text,
  resume: either(boolean, text),
  acceptChanges: boolean,
  hooks: nested("{ afterStep: ({ step }) => … }"),
  display: kind<Display | null>(
    "a display, or null",
    "null",
    (x) => x === null || (typeof x === "object" && "line" in x),
  ),
  signal: kind<AbortSignal>("an AbortSignal", "controller.signal", (x) => x instanceof AbortSignal),
} as const;

const checkOptions = declareOptions<TrainOptions<never, never, never, never, never>>("train", [], {
  ...common,
  task: required(nested('{ name: "mine", init, loss }')),
  data: required(kind("data", "[datum, datum]", (x) => x !== undefined && x !== null)),
  optimizer: required(nested("optim.adam(1e-3)")),
  steps: required(size),
  batchSize: required(size),
  seed: count,
  backend: oneOf("webgpu", "onnx", "reference"),
  log: nested("{ every: 20 }"),
  settings: nested("{ width: 32 }"),
});

const checkTask = declareOptions<OwnTask>("train's task", [], {
  name: required(text),
  init: required(callable("(key) => ({ w: random.normal(key, [3]) })")),
  loss: required(callable("(params, batch, key) => np.mean(…)")),
  initState: callable("() => ({ average: np.zeros([]) })"),
  predict: callable("(params, batch, key) => ({ y: … })"),
  scores: nested("{ error: { of: ({ datum, output }) => 0 } }"),
  pictures: callable("(seen) => ({ … })"),
  diagnose: callable("(params, batch, key) => ({ … })"),
  model: kind("a model", "nn.linear({ in: 3, out: 4 })", () => true),
  description: text,
});

const checkTaskOptions = declareOptions<TrainTaskOptions<Params, unknown>>("train", [], {
  ...common,
  task: required(nested("defineTask({ … })")),
  config: required(nested('{ name: "run", … }')),
});

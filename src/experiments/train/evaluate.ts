/** Scores and the loss on data that is not trained on; pictures and diagnostics of the first samples. */
import { Effect } from "effect";
import { collate, type Dataset, type Sample } from "../../data/index.ts";
import { dispose, jit, random, scope, type Tensor } from "../../index.ts";
import type { ExperimentConfig } from "../schema.ts";
import { modelError } from "../errors.ts";
import { toPng } from "../display/panel.ts";
import type { Png } from "../display/png.ts";
import type { HostTensor } from "../../safetensors/format.ts";
import type { Outputs, Params, Scores, Seen, System, Task } from "../tasks/task.ts";
import { placeBatch, readTree } from "./device.ts";
import { compareGradients, costOfGradient } from "./gradients.ts";
import type { Evaluated } from "./step.ts";

/** Diagnostics on the host. */
export interface Diagnostics {
  readonly numbers: Scores;
  readonly lists: { readonly [name: string]: readonly number[] };
}

/** A system, compiled to be looked at. */
export interface Evaluator {
  /** The scores over all samples of a dataset; `loss`, and terms of it as `loss/…`, are means over samples. */
  readonly score: (
    state: Evaluated,
    data: Dataset<Sample>,
  ) => Effect.Effect<Scores, ReturnType<typeof failed>>;
  /** Pictures of the first samples by name. */
  readonly draw: (
    state: Evaluated,
    data: Dataset<Sample>,
  ) => Effect.Effect<{ readonly [name: string]: Png }, ReturnType<typeof failed>>;
  /** Measurements of the first samples. */
  readonly diagnose: (
    state: Evaluated,
    data: Dataset<Sample>,
  ) => Effect.Effect<Diagnostics, ReturnType<typeof failed>>;
}

const failed = modelError("The evaluation failed.");

/** The most samples that are looked at together. */
const largestBatch = 32;

/** The evaluator of a config. Always with the same random keys. */
export function makeEvaluator(
  task: Task,
  system: System,
  config: ExperimentConfig,
): Evaluator {
  const { inputs } = task;
  const compare = config.log.compareGradients && task.unrolled !== undefined
    ? compareGradients(system, task.system({ ...config, model: task.unrolled(config.model) }))
    : undefined;
  let cost: Scores | undefined;
  const predict = jit((params: Params, batch: Outputs, key: Tensor) =>
    system.predict(params, batch, key)
  );
  // One program for both: what they share is computed once.
  const look = jit(({ params, step, loss: state }: Evaluated, batch: Outputs, key: Tensor) => {
    const [loss, outputs] = system.loss(params, batch, key, { step, state });
    const terms = Object.entries(outputs).filter(([name]) => name.startsWith("loss/"));
    return {
      seen: system.predict(params, batch, key),
      terms: { loss, ...Object.fromEntries(terms) },
    };
  });
  const measure = jit((state: Evaluated, batch: Outputs, key: Tensor) => ({
    ...system.diagnose?.(state.params, batch, key),
    ...compare?.(state, batch, key),
  }));

  const load = async (data: Dataset<Sample>, start: number, most: number) => {
    const count = Math.min(most, data.size - start);
    const samples = await Promise.all(Array.from({ length: count }, (_, i) => data.get(start + i)));
    return { samples, batch: placeBatch(inputs, collate(samples)) };
  };
  const keyOf = (start: number) => scope(() => random.foldIn(random.key(1), start));
  const see = async (params: Params, data: Dataset<Sample>): Promise<Seen[]> => {
    const { samples, batch } = await load(data, 0, config.log.panelImages);
    const key = keyOf(0);
    const result = predict(params, batch, key);
    const host = await readTree(result);
    dispose([result, batch, key]);
    return seenOf(samples, host);
  };
  const score = async (state: Evaluated, data: Dataset<Sample>): Promise<Scores> => {
    const scorer = system.scorer();
    const sums = new Map<string, number>();
    // Batches of one size where that is possible, so that one program serves them.
    const batchSize = Math.ceil(data.size / Math.ceil(data.size / largestBatch));
    for (let start = 0; start < data.size; start += batchSize) {
      const { samples, batch } = await load(data, start, batchSize);
      const key = keyOf(start);
      const result = look(evaluated(state), batch, key);
      const [host, terms] = [await readTree(result.seen), await readTree(result.terms)];
      dispose([result, batch, key]);
      for (const one of seenOf(samples, host)) scorer.add(one);
      for (const [name, { data: [value = NaN] }] of Object.entries(terms)) {
        sums.set(name, (sums.get(name) ?? 0) + value * samples.length);
      }
    }
    const means = [...sums].map(([name, sum]) => [name, sum / data.size] as const);
    return { ...scorer.result(), ...Object.fromEntries(means) };
  };
  const diagnose = async (whole: Evaluated, data: Dataset<Sample>): Promise<Diagnostics> => {
    if (system.diagnose === undefined && compare === undefined) return { numbers: {}, lists: {} };
    const state = evaluated(whole);
    const { batch } = await load(data, 0, config.log.panelImages);
    const key = keyOf(0);
    if (compare !== undefined) cost ??= costOfGradient(system, state, batch, key);
    const result = measure(state, batch, key);
    const host = Object.entries(await readTree(result));
    dispose([result, batch, key]);
    return {
      numbers: {
        ...Object.fromEntries(
          host.filter(([, { shape }]) => shape.length === 0).map(([name, x]) => [name, x.data[0]!]),
        ),
        ...cost,
      },
      lists: Object.fromEntries(
        host.filter(([, { shape }]) => shape.length > 0).map(([name, x]) => [name, [...x.data]]),
      ),
    };
  };
  const effect =
    <R>(f: (state: Evaluated, data: Dataset<Sample>) => Promise<R>) =>
    (state: Evaluated, data: Dataset<Sample>) =>
      Effect.tryPromise({ try: () => f(state, data), catch: failed });
  return {
    score: effect(score),
    draw: effect(async ({ params }, data) => {
      const pictures = Object.entries(system.draw(await see(params, data)));
      return Object.fromEntries(
        await Promise.all(pictures.map(async ([name, x]) => [name, await toPng(x)] as const)),
      );
    }),
    diagnose: effect(diagnose),
  };
}

/** The state without the rest of what training changes, such as the optimizer's. */
const evaluated = ({ params, step, loss }: Evaluated): Evaluated => ({ params, step, loss });

/** Samples with their own rows of the outputs. */
function seenOf(
  samples: readonly Sample[],
  outputs: { readonly [name: string]: HostTensor },
): Seen[] {
  const host = Object.entries(outputs);
  return samples.map((sample, n) => ({
    sample,
    output: Object.fromEntries(host.map(([name, tensor]) => [name, rowOf(tensor, n)])),
  }));
}

/** Entry n along the first axis. */
function rowOf({ data, shape }: HostTensor, n: number) {
  const size = data.length / shape[0]!;
  return { data: data.subarray(n * size, (n + 1) * size), shape: shape.slice(1) };
}

/** Scores on held-out examples; pictures and diagnostics of the first of them. */
import { Effect } from "effect";
import { collate, type Dataset, type Sample } from "../../data/index.ts";
import { dispose, jit, random, scope, type Tensor } from "../../index.ts";
import type { ExperimentConfig } from "../schema.ts";
import { modelError } from "../errors.ts";
import { type Png, toPng } from "../display/canvas.ts";
import type { HostTensor } from "../runs/safetensors.ts";
import type { Outputs, Params, Scores, Seen, System, Task } from "../tasks/task.ts";
import { placeBatch, readTree } from "./device.ts";

/** Diagnostics on the host. */
export interface Diagnostics {
  readonly numbers: Scores;
  readonly lists: { readonly [name: string]: readonly number[] };
}

/** A system, compiled to be looked at. */
export interface Evaluator {
  /** The scores over all examples. */
  readonly score: (params: Params) => Effect.Effect<Scores, ReturnType<typeof failed>>;
  /** Pictures of the first examples by name. */
  readonly draw: (
    params: Params,
  ) => Effect.Effect<{ readonly [name: string]: Png }, ReturnType<typeof failed>>;
  /** Measurements of the first examples. */
  readonly diagnose: (params: Params) => Effect.Effect<Diagnostics, ReturnType<typeof failed>>;
}

const failed = modelError("The evaluation failed.");

/** Scores of the held-out examples of a config. Always with the same random keys. */
export function makeEvaluator(
  { inputs }: Task,
  system: System,
  config: ExperimentConfig,
  heldOut: Dataset<Sample>,
): Evaluator {
  const predict = jit((params: Params, batch: Outputs, key: Tensor) =>
    system.predict(params, batch, key)
  );
  const measure = jit((params: Params, batch: Outputs, key: Tensor) =>
    system.diagnose?.(params, batch, key) ?? {}
  );
  // One size for all batches, so that one program serves them; what is short of it is filled up.
  const size = Math.min(32, heldOut.size);
  const shown = Math.min(config.log.panelImages, heldOut.size);

  const load = async (start: number, count: number) => {
    const indices = Array.from({ length: count }, (_, i) => Math.min(start + i, heldOut.size - 1));
    const samples = await Promise.all(indices.map((i) => heldOut.get(i)));
    return { samples, batch: placeBatch(inputs, collate(samples)) };
  };
  const run = async (
    f: (params: Params, batch: Outputs, key: Tensor) => Outputs,
    params: Params,
    batch: Outputs,
    start: number,
  ) => {
    const key = scope(() => random.foldIn(random.key(1), start));
    const result = f(params, batch, key);
    const host = await readTree(result);
    dispose([result, batch, key]);
    return host;
  };
  const see = async (params: Params, start: number, count: number): Promise<Seen[]> => {
    const { samples, batch } = await load(start, count);
    const host = Object.entries(await run(predict, params, batch, start));
    return samples.map((sample, n) => ({
      sample,
      output: Object.fromEntries(host.map(([name, tensor]) => [name, rowOf(tensor, n)])),
    }));
  };
  const score = async (params: Params): Promise<Scores> => {
    const scorer = system.scorer();
    for (let start = 0; start < heldOut.size; start += size) {
      const seen = await see(params, start, size);
      for (const one of seen.slice(0, heldOut.size - start)) scorer.add(one);
    }
    return scorer.result();
  };
  const diagnose = async (params: Params): Promise<Diagnostics> => {
    if (system.diagnose === undefined) return { numbers: {}, lists: {} };
    const { batch } = await load(0, shown);
    const host = Object.entries(await run(measure, params, batch, 0));
    return {
      numbers: Object.fromEntries(
        host.filter(([, { shape }]) => shape.length === 0).map(([name, x]) => [name, x.data[0]!]),
      ),
      lists: Object.fromEntries(
        host.filter(([, { shape }]) => shape.length > 0).map(([name, x]) => [name, [...x.data]]),
      ),
    };
  };
  const effect = <R>(f: (params: Params) => Promise<R>) => (params: Params) =>
    Effect.tryPromise({ try: () => f(params), catch: failed });
  return {
    score: effect(score),
    draw: effect(async (params) => {
      const pictures = system.draw(await see(params, 0, shown));
      return Object.fromEntries(Object.entries(pictures).map(([name, x]) => [name, toPng(x)]));
    }),
    diagnose: effect(diagnose),
  };
}

/** Entry n along the first axis. */
function rowOf({ data, shape }: HostTensor, n: number) {
  const size = data.length / shape[0]!;
  return { data: data.subarray(n * size, (n + 1) * size), shape: shape.slice(1) };
}

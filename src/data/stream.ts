/**
 * Batches in the order of training, read ahead.
 *
 * Which samples step `s` holds, and how they are augmented, is a pure function of the seed and `s`:
 * a stream that starts at step `s` is the tail, bit for bit, of the stream that starts at 0, whatever
 * the prefetch depth and the number of threads.
 */

import type { Dataset, Field, Json, Sample } from "./dataset.ts";
import { OptionError } from "./errors.ts";
import {
  boolean,
  callable,
  count,
  nonNegative,
  required,
  size as sizeKind,
} from "../options/index.ts";
import { dataOptions } from "./options.ts";
import { isNdArray, type NdArray, stack, type TypedArray } from "./ndarray.ts";
import { permutation, type Random, seeded } from "./seeded.ts";

/** A field of a batch: arrays have a new first axis, JSON values become a list. */
export type Stacked<F extends Field> = F extends NdArray<infer D extends TypedArray> ? NdArray<D>
  : F extends Json ? readonly F[]
  : never;

/** Samples of one step. */
export interface Batch<S extends Sample> {
  /** The stacked fields. */
  readonly fields: { readonly [K in keyof S]: Stacked<S[K]> };
  /** The indices of the samples in the dataset. */
  readonly indices: Uint32Array;
  /** The step of the whole stream, counted from 0. */
  readonly step: number;
  /** The pass over the dataset, counted from 0. */
  readonly epoch: number;
}

/** Options of {@linkcode batches}. */
export interface BatchOptions<S extends Sample, T extends Sample = S> {
  /** Samples in a batch. */
  readonly batchSize: number;
  /** Decides the orders of all epochs and all augmentations; 0 unless given. */
  readonly seed?: number;
  /** True to give each epoch an order of its own; false for the order of the dataset. */
  readonly shuffle?: boolean;
  /** Passes over the data; endless unless given. */
  readonly epochs?: number;
  /** The first step to yield; as if the stream had been running until there. */
  readonly startStep?: number;
  /** True (the default) to leave out the last, smaller batch of an epoch. */
  readonly dropRemainder?: boolean;
  /** Batches read ahead of the one in use; 2 unless given. */
  readonly prefetch?: number;
  /** Changes a sample; `random` belongs to (seed, epoch, index), so the change can be repeated. */
  readonly augment?: (sample: S, random: Random) => T | Promise<T>;
}

// Words that keep the uses of one seed apart.
const ORDER = 1;
const AUGMENT = 2;

/** The options on which the length of an epoch depends. */
export type EpochOptions = Pick<BatchOptions<Sample>, "batchSize" | "dropRemainder">;

const epochKinds = { batchSize: required(sizeKind), dropRemainder: boolean } as const;
const checkEpoch = dataOptions<EpochOptions>("stepsPerEpoch", ["size"], epochKinds);
const checkBatches = dataOptions<BatchOptions<never>>("batches", ["dataset"], {
  ...epochKinds,
  seed: count,
  shuffle: boolean,
  epochs: nonNegative,
  startStep: count,
  prefetch: count,
  augment: callable("augmentWith({ flipHorizontal: true })"),
});

/** The number of steps that make one epoch. */
export function stepsPerEpoch(
  size: number,
  options: EpochOptions,
): number {
  checkEpoch(options);
  const { batchSize, dropRemainder = true } = options;
  return dropRemainder ? Math.floor(size / batchSize) : Math.ceil(size / batchSize);
}

/**
 * The batches of a dataset; resumable at any step.
 *
 * @throws {OptionError} when the dataset does not fill one batch, or an option is out of range;
 * {@linkcode SampleShapeError} when samples cannot be stacked.
 *
 * ```ts
 * import { batches, fromArrays, ndarray } from "trilevel/data";
 * const data = fromArrays({ x: ndarray(Float32Array.from({ length: 10 }, (_, i) => i), [10]) });
 * for await (const { fields, step } of batches(data, { batchSize: 4, seed: 0, epochs: 1 })) {
 *   if (fields.x.shape[0] !== 4 || step > 1) throw new Error("two batches of four");
 * }
 * ```
 */
export async function* batches<S extends Sample, T extends Sample = S>(
  dataset: Dataset<S>,
  options: BatchOptions<S, T>,
): AsyncGenerator<Batch<T>, void, undefined> {
  checkBatches(options);
  const { batchSize, seed = 0, epochs = Infinity, startStep = 0, prefetch = 2 } = options;
  const { shuffle = true, augment } = options;
  const { dropRemainder = true } = options;
  const perEpoch = stepsPerEpoch(dataset.size, { batchSize, dropRemainder });
  if (perEpoch === 0) {
    throw new OptionError(`${dataset.size} samples do not fill one batch of ${batchSize}`, {
      hint: "Make the batch smaller, or set dropRemainder: false",
    });
  }

  let known: { readonly epoch: number; readonly order: Uint32Array } | undefined;
  const orderOf = (epoch: number): Uint32Array => {
    if (known?.epoch !== epoch) {
      const order = shuffle
        ? permutation(dataset.size, seed, ORDER, epoch)
        : Uint32Array.from({ length: dataset.size }, (_, i) => i);
      known = { epoch, order };
    }
    return known.order;
  };
  const load = async (step: number): Promise<Batch<T>> => {
    const epoch = Math.floor(step / perEpoch);
    const from = (step % perEpoch) * batchSize;
    const indices = orderOf(epoch).slice(from, from + batchSize);
    const samples = await Promise.all(
      Array.from(indices, async (index) => {
        const sample = await dataset.get(index);
        return augment === undefined
          ? sample as unknown as T // without augment, T is S
          : await augment(sample, seeded(seed, AUGMENT, epoch, index));
      }),
    );
    return { fields: collate(samples), indices, step, epoch };
  };

  const end = epochs * perEpoch;
  const ahead: Promise<Batch<T>>[] = [];
  for (let step = startStep, loading = startStep; step < end; step++) {
    for (; loading < end && loading <= step + prefetch; loading++) {
      const batch = load(loading);
      batch.catch(() => {}); // reported when its turn comes, or never if the consumer stops before
      ahead.push(batch);
    }
    yield await ahead.shift()!;
  }
}

/** Stacks samples field by field: arrays along a new first axis, JSON values into a list. */
export function collate<S extends Sample>(samples: readonly S[]): Batch<S>["fields"] {
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(names.map((name) => {
    const fields = samples.map((sample) => sample[name]!);
    return [name, fields.every(isNdArray) ? stack(fields, name) : fields];
  })) as Batch<S>["fields"];
}

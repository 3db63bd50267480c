/**
 * Data of one's own as the runner has it. What can be read at random (arrays, datasets) is shuffled by the seed in every
 * epoch; what can only be gone through, again and again, keeps its order. Either way the batch of a step follows from
 * the seed and the step, so that a run goes on where it was.
 */
import { type Batch, collate, type Dataset, makeDataset, type Sample } from "../../data/index.ts";
import { RunError } from "../errors.ts";
import type { BatchSource, Examples } from "../tasks/task.ts";
import { sampleOf, type Structure, structureOf } from "./trees.ts";

/** Data that is gone through from its beginning whenever it is asked for. */
export type Repeatable<D> =
  | Iterable<D>
  | AsyncIterable<D>
  | (() => Iterable<D> | AsyncIterable<D>);

/** Data, or its parts: what is trained on, what chooses the best checkpoint, what is scored once at the end. */
export type OwnData<D> = DataPart<D> | {
  readonly train: DataPart<D>;
  readonly validation?: DataPart<D> | undefined;
  readonly test?: DataPart<D> | undefined;
};

/** Data that is read by index, such as an array or a dataset of `trilevel/data`, or that is gone through. */
export type DataPart<D> =
  | readonly D[]
  | Repeatable<D>
  | (D extends Sample ? Dataset<D> : never);

/** Data that was opened, and what its batches look like. */
export interface OpenData {
  readonly examples: Examples;
  readonly structure: Structure;
}

/** Opens data. Validation and test data is gone through once and kept in memory, unless it is read by index. */
export async function openData<D>(data: OwnData<D>): Promise<OpenData> {
  const { train, validation, test } = partsOf(data);
  for (const [name, part] of Object.entries({ train, validation, test })) {
    if (part !== undefined) checkPart(name, part);
  }
  const structure = structureOf(await firstOf(train));
  const whole = async (part: DataPart<D> | undefined) =>
    part === undefined ? undefined : indexed(await listed(part), structure);
  const [forValidation, forTest] = [await whole(validation), await whole(test)];
  return {
    structure,
    examples: {
      train: isIndexed(train) ? indexed(train, structure) : inOrder(train, structure),
      ...(forValidation === undefined ? {} : { validation: forValidation }),
      ...(forTest === undefined ? {} : { test: forTest }),
    },
  };
}

type Indexed = readonly unknown[] | Dataset<Sample>;

const isIndexed = (part: unknown): part is Indexed =>
  Array.isArray(part) ||
  (typeof part === "object" && part !== null && "get" in part && "size" in part &&
    typeof part.get === "function" && typeof part.size === "number" && "schema" in part);

const isIterable = (part: unknown): part is Iterable<unknown> | AsyncIterable<unknown> =>
  typeof part === "object" && part !== null &&
  (Symbol.iterator in part || Symbol.asyncIterator in part);

function partsOf<D>(data: OwnData<D>) {
  const parts = typeof data === "object" && "train" in data && !isIterable(data) && !isIndexed(data)
    ? data
    : { train: data as DataPart<D> }; // all that has no part of this name
  return { validation: undefined, test: undefined, ...parts };
}

function checkPart(name: string, part: unknown): void {
  if (isIndexed(part) || typeof part === "function") return;
  if (!isIterable(part)) {
    throw new RunError(
      `data.${name}: expected an array, a dataset, something iterable, or a function that gives it; ` +
        `got ${part === null ? "null" : typeof part}.`,
      "Give data: [datum, datum], or data: () => generate().",
    );
  }
  // A generator is its own iterator: it is at its end after one epoch.
  const iterator: unknown = Symbol.asyncIterator in part
    ? part[Symbol.asyncIterator]()
    : part[Symbol.iterator]();
  if (iterator === part) {
    throw new RunError(
      `data.${name} can be iterated only once.`,
      "Give a function that makes it instead: data: () => generate().",
    );
  }
}

/** Goes through a part from its beginning. */
async function* through(part: unknown): AsyncGenerator<unknown> {
  if (isIndexed(part)) {
    if (!("get" in part)) return yield* part;
    for (let i = 0; i < part.size; i++) yield await part.get(i);
    return;
  }
  const made: unknown = typeof part === "function" ? part() : part;
  if (!isIterable(made)) {
    throw new RunError(
      `The function of the data returns a value of type ${typeof made}, which is not iterable.`,
      "Give a generator function, such as function* () { … }.",
    );
  }
  yield* made;
}

async function firstOf(part: unknown): Promise<unknown> {
  for await (const datum of through(part)) return datum;
  throw new RunError(
    "There is no data to train on.",
    "Give at least one datum, from a source that can be iterated again.",
  );
}

async function listed(part: unknown): Promise<Indexed> {
  if (isIndexed(part)) return part;
  const all: unknown[] = [];
  for await (const datum of through(part)) all.push(datum);
  return all;
}

function indexed(part: Indexed, structure: Structure): Dataset<Sample> {
  const at = "get" in part ? (i: number) => part.get(i) : (i: number) => part[i];
  return makeDataset<Sample>({
    size: "get" in part ? part.size : part.length,
    schema: {}, // nobody asks: samples are looked at one by one
    get: async (i) => await sampleOf(await at(i), structure, i),
  });
}

/** Batches in the order of the data. An epoch's last ones that do not fill a batch are left out. */
function inOrder(part: unknown, structure: Structure): BatchSource {
  return {
    async *batches({ batchSize, startStep }): AsyncGenerator<Batch<Sample>> {
      for (let step = 0, epoch = 0;; epoch++) {
        const before = step;
        let held: unknown[] = [];
        let n = 0;
        for await (const datum of through(part)) {
          held.push(datum);
          n++;
          if (held.length < batchSize) continue;
          if (step >= startStep) {
            const first = n - batchSize;
            const samples = await Promise.all(
              held.map((one, i) => sampleOf(one, structure, first + i)),
            );
            const indices = Uint32Array.from(held, (_, i) => first + i);
            yield { fields: collate(samples), indices, step, epoch };
          }
          step++;
          held = [];
        }
        if (step === before) {
          throw new RunError(
            `An epoch has ${n} data, fewer than the ${batchSize} of one batch.`,
            "Give more data, or a smaller batchSize; a generator must start again every time.",
          );
        }
      }
    },
  };
}

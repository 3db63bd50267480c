/**
 * Datasets: a dataset has a size, a schema, and samples by index.
 *
 * Readers make datasets; `select`, `map`, `shuffle` and `split` (in `split.ts`) make views of them; `batches` (in
 * `stream.ts`) reads them in the order of training; `cached` (in `cache.ts`) writes them down in a form
 * that is fast to read. A view shares its source: closing either closes both, and closing twice is
 * harmless.
 */

import { ClosedError, IndexError, SampleShapeError } from "./errors.ts";
import { type DType, dtypeOf, elements, isNdArray, type NdArray } from "./ndarray.ts";
import { permutation } from "./seeded.ts";

/** Anything JSON can say: names, lists of objects. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** One field of a sample. */
export type Field = NdArray | Json;

/**
 * A sample: named fields.
 *
 * By convention `image` is `[height, width, channels]`; `mask` has one picture for every entity,
 * `[entities, height, width, 1]`; `masks` is a label map `[height, width]`, 0 for background.
 */
export type Sample = { readonly [name: string]: Field };

/** Shape and element type of a field, known before it is read; `null` stands for a length that varies. */
export interface FieldSpec {
  /** The lengths of the axes; `[]` for JSON. */
  readonly shape: readonly (number | null)[];
  /** The element type, or `"json"` for anything that is no array. */
  readonly dtype: DType | "json";
}

/** The fields of a dataset's samples, by name. */
export type Schema<S extends Sample = Sample> = { readonly [K in keyof S]: FieldSpec };

/** Samples by index, from wherever they come. */
export interface Dataset<S extends Sample = Sample> extends AsyncDisposable {
  /** The number of samples. */
  readonly size: number;
  /** Shape and dtype of every field. */
  readonly schema: Schema<S>;
  /**
   * The sample at `index`; its arrays belong to the caller.
   *
   * @throws {IndexError} outside 0 … size−1, {@linkcode ClosedError} after `close()`, and whatever the
   * reader finds wrong with the file.
   */
  get(index: number): Promise<S>;
  /** Releases files and workers. */
  close(): Promise<void>;
}

/** The parts of a reader from which {@linkcode makeDataset} makes a {@linkcode Dataset}. */
export interface Source<S extends Sample> {
  /** The number of samples. */
  readonly size: number;
  /** Shape and dtype of every field. */
  readonly schema: Schema<S>;
  /** The sample at an index that is known to be in range. */
  get(index: number): S | Promise<S>;
  /** Releases what the source holds; called at most once. */
  close?(): void | Promise<void>;
}

/**
 * A dataset from its bare parts; checks indices and refuses to read after closing.
 *
 * ```ts
 * import { makeDataset, ndarray } from "trilevel/data";
 * const squares = makeDataset({
 *   size: 10,
 *   schema: { x: { shape: [], dtype: "float32" } },
 *   get: (i) => ({ x: ndarray(Float32Array.of(i * i), []) }),
 * });
 * const { x } = await squares.get(3);
 * if (x.data[0] !== 9) throw new Error("expected 9");
 * ```
 */
export function makeDataset<S extends Sample>(source: Source<S>): Dataset<S> {
  const { size, schema } = source;
  let closing: Promise<void> | undefined;
  const close = () => closing ??= Promise.resolve(source.close?.());
  return {
    size,
    schema,
    async get(index) {
      if (closing !== undefined) {
        throw new ClosedError(`sample ${index} was asked for after close()`, {
          hint: "Close the dataset, or any view of it, last",
        });
      }
      if (!Number.isInteger(index) || index < 0 || index >= size) {
        throw new IndexError(`there is no sample ${index}`, {
          hint: size === 0 ? "The dataset is empty" : `Indices run from 0 to ${size - 1}`,
        });
      }
      return await source.get(index);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * A dataset whose sample `i` is row `i` of every array.
 *
 * @throws {SampleShapeError} when the arrays have different numbers of rows.
 *
 * ```ts
 * import { fromArrays, ndarray } from "trilevel/data";
 * const data = fromArrays({ x: ndarray(Float32Array.of(1, 2, 3, 4), [2, 2]) });
 * const { x } = await data.get(1);
 * if (x.shape.length !== 1 || x.data[0] !== 3) throw new Error("expected row [3, 4]");
 * ```
 */
export function fromArrays<A extends { readonly [name: string]: NdArray }>(arrays: A): Dataset<A> {
  const names = Object.keys(arrays) as (keyof A & string)[];
  const sizes = new Set(names.map((name) => arrays[name]!.shape[0]));
  const [size] = sizes;
  if (sizes.size !== 1 || size === undefined) {
    throw new SampleShapeError(`arrays have ${[...sizes].join(" and ")} rows`, {
      hint: "Give at least one array, all with the same first length",
    });
  }
  return makeDataset<A>({
    size,
    schema: mapFields(arrays, ({ data, shape }): FieldSpec => ({
      shape: shape.slice(1),
      dtype: dtypeOf(data),
    })) as Schema<A>,
    get: (i) =>
      mapFields(arrays, ({ data, shape }) => {
        const rowShape = shape.slice(1);
        const length = elements(rowShape);
        return { data: data.slice(i * length, (i + 1) * length), shape: rowShape };
      }) as unknown as A, // rows have the arrays' own types, which mapping by name forgets
  });
}

/** The schema of one sample, each shape taken as fixed. */
export function schemaOf<S extends Sample>(sample: S): Schema<S> {
  return mapFields(
    sample,
    (field): FieldSpec =>
      isNdArray(field)
        ? { shape: field.shape, dtype: dtypeOf(field.data) }
        : { shape: [], dtype: "json" },
  ) as Schema<S>;
}

/** The samples at `indices`, in that order; an index may come more than once. */
export function select<S extends Sample>(
  dataset: Dataset<S>,
  indices: ArrayLike<number>,
): Dataset<S> {
  const chosen = Array.from(indices);
  const bad = chosen.find((i) => !Number.isInteger(i) || i < 0 || i >= dataset.size);
  if (bad !== undefined) {
    throw new IndexError(`there is no sample ${bad} to select`, {
      hint: `The dataset has ${dataset.size} samples, counted from 0`,
    });
  }
  return makeDataset<S>({
    size: chosen.length,
    schema: dataset.schema,
    get: (i) => dataset.get(chosen[i]!),
    close: () => dataset.close(),
  });
}

/**
 * Applies `f` to every sample as it is read.
 *
 * @param schema of the results; {@linkcode schemaOf} makes one from an example.
 */
export function map<S extends Sample, T extends Sample>(
  dataset: Dataset<S>,
  f: (sample: S, index: number) => T | Promise<T>,
  schema: Schema<T>,
): Dataset<T> {
  return makeDataset<T>({
    size: dataset.size,
    schema,
    get: async (i) => await f(await dataset.get(i), i),
    close: () => dataset.close(),
  });
}

/** All samples in the order that belongs to `seed`. */
export function shuffle<S extends Sample>(dataset: Dataset<S>, seed: number): Dataset<S> {
  return select(dataset, permutation(dataset.size, seed));
}

/** Applies `f` to every field, keeping names. */
export function mapFields<V, W>(
  fields: { readonly [name: string]: V },
  f: (field: V, name: string) => W,
): { readonly [name: string]: W } {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, f(field, name)]));
}

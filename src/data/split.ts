/**
 * Disjoint parts of a dataset to train, validate and test with.
 *
 * Samples that show one thing, such as the frames of a video or what several cameras see of one scene, belong in one
 * part: a model that was trained on one of them has seen the others. Their `groups` say which these are.
 */

import { type Dataset, type Sample, select } from "./dataset.ts";
import { OptionError } from "./errors.ts";
import {
  boolean,
  count,
  either,
  kind,
  listOf,
  nonNegative,
  number,
  text,
} from "../options/index.ts";
import { dataOptions } from "./options.ts";
import { permutation } from "./seeded.ts";

/** Three disjoint parts that together hold every sample once. */
export interface Split<S extends Sample> {
  /** 70 % unless given. */
  readonly train: Dataset<S>;
  /** 15 % unless given. */
  readonly validation: Dataset<S>;
  /** The rest. */
  readonly test: Dataset<S>;
}

/** Options of {@linkcode split}. */
export interface SplitOptions {
  /** Another seed is another split; 0 unless given. */
  readonly seed?: number;
  /** The fraction of the whole that each part gets. Default 0.7, 0.15 and 0.15. */
  readonly fractions?: readonly [train: number, validation: number, test: number];
  /** The group of every sample, by its index: samples of one group stay in one part. */
  readonly groups?: readonly (string | number)[];
  /** If false, samples, or groups by their first sample, keep their order, and the seed decides nothing. Default true. */
  readonly shuffle?: boolean;
}

const checkSplit = dataOptions<SplitOptions>("split", ["dataset"], {
  seed: count,
  fractions: kind("three numbers, 0 or more", "[0.7, 0.15, 0.15]", listOf(nonNegative, 3).accepts),
  groups: listOf(either(text, number)),
  shuffle: boolean,
});

/**
 * Splits by seed, 70 : 15 : 15 unless given. Part sizes are the rounded cumulative fractions; with groups, the
 * ends of groups that are nearest to these, and at least one group to train on.
 *
 * @throws {OptionError} when the fractions are negative or do not add up to 1, or there is not one group a sample.
 *
 * ```ts
 * import { fromArrays, ndarray, split } from "trilevel/data";
 * const data = fromArrays({ x: ndarray(new Float32Array(20), [20]) });
 * const { train, validation, test } = split(data, { seed: 0 });
 * if (`${[train.size, validation.size, test.size]}` !== "14,3,3") throw new Error("70-15-15");
 *
 * // Five videos of four frames: each video is in one part.
 * const videos = Array.from({ length: 20 }, (_, i) => Math.floor(i / 4));
 * const parts = split(data, { seed: 0, groups: videos, fractions: [0.6, 0.2, 0.2] });
 * if (`${[parts.train.size, parts.validation.size, parts.test.size]}` !== "12,4,4") throw new Error("3-1-1");
 * ```
 */
export function split<S extends Sample>(
  dataset: Dataset<S>,
  options: SplitOptions = {},
): Split<S> {
  checkSplit(options);
  const { seed = 0, fractions = [0.7, 0.15, 0.15], groups, shuffle = true } = options;
  const { size } = dataset;
  const [first, second, third] = fractions;
  if (!(Math.min(...fractions) >= 0 && Math.abs(first + second + third - 1) < 1e-9)) {
    throw new OptionError(`split: fractions [${fractions}] do not add up to 1`, {
      hint: "Give three numbers ≥ 0 that add up to 1",
    });
  }
  if (groups !== undefined && groups.length !== size) {
    throw new OptionError(`split: ${groups.length} groups were given for ${size} samples`, {
      hint: "Give the group of every sample, in the order of the dataset",
    });
  }
  const members = groups === undefined ? undefined : membersOf(groups);
  const units = members?.length ?? size;
  const order = shuffle
    ? permutation(units, seed)
    : Uint32Array.from({ length: units }, (_, i) => i);
  const indices = members === undefined
    ? order
    : Uint32Array.from(Array.from(order).flatMap((unit) => members[unit]!));
  // The first sample of every group, and the end: where parts may begin.
  const starts = [0];
  if (members !== undefined) {
    for (const unit of order) starts.push(starts.at(-1)! + members[unit]!.length);
  }
  const cut = (fraction: number) => {
    const target = Math.round(size * fraction);
    return members === undefined ? target : nearest(starts, target);
  };
  // The training part is not rounded to nothing: a dataset of one group is all in it.
  const end = members === undefined || first === 0
    ? cut(first)
    : Math.max(cut(first), starts[1] ?? 0);
  const middle = Math.max(end, cut(first + second));
  return {
    train: select(dataset, indices.subarray(0, end)),
    validation: select(dataset, indices.subarray(end, middle)),
    test: select(dataset, indices.subarray(middle)),
  };
}

/** The samples of each group, groups in the order of their first samples. */
function membersOf(groups: readonly (string | number)[]): readonly (readonly number[])[] {
  const members = new Map<string | number, number[]>();
  groups.forEach((group, i) => {
    const known = members.get(group);
    if (known === undefined) members.set(group, [i]);
    else known.push(i);
  });
  return [...members.values()];
}

/** The entry of an ascending list that is nearest to a number; of two as near, the higher. */
function nearest(sorted: readonly number[], target: number): number {
  return sorted.reduce((best, x) => Math.abs(x - target) <= Math.abs(best - target) ? x : best);
}

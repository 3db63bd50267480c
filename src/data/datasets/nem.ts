/**
 * The sequences of N-EM and R-NEM: static shapes, flying shapes, flying MNIST, bouncing balls.
 *
 * One HDF5 file holds the groups `training`, `validation` and `test`, each with `features` and `groups`
 * of shape `[time, samples, height, width, channels]`; R-NEM adds `collisions`, `events` and `actions`.
 * A sample is one sequence, so the second axis is the index.
 */

import { type Dataset, type FieldSpec, makeDataset, type Schema } from "../dataset.ts";
import { UnsupportedError, WrongKindError } from "../errors.ts";
import { oneOf } from "../../options/index.ts";
import { dataOptions, limitsKind, prepareKinds } from "../options.ts";
import { type Hdf5Array, openHdf5 } from "../formats/hdf5.ts";
import { type Prepare, preparedShape, prepareGeometry, prepareImage } from "../image.ts";
import type { Limits } from "../limits.ts";
import { elements, type NdArray } from "../ndarray.ts";

/** One sequence; further arrays of the file appear under their own names. */
export type NemSample = {
  /** `[time, height, width, channels]` */
  readonly features: NdArray;
  /** The object that each pixel belongs to, 0 for background: `[time, height, width, 1]`. */
  readonly groups: NdArray;
  readonly [name: string]: NdArray;
};

/** Options of {@linkcode openNem}. */
export interface NemOptions {
  /** The group of the file; `"training"` unless given. */
  readonly split?: "training" | "validation" | "test";
  /** Bounds of the sizes that a file may claim. */
  readonly limits?: Partial<Limits>;
}

const checkOpenNem = dataOptions<NemOptions>("openNem", ["path"], {
  split: oneOf("training", "validation", "test"),
  limits: limitsKind,
});

/**
 * Opens one split of an N-EM or R-NEM file.
 *
 * @throws {WrongKindError} when the layout is another; otherwise as all HDF5 readers.
 */
export async function openNem(
  path: string,
  options: NemOptions = {},
): Promise<Dataset<NemSample>> {
  checkOpenNem(options);
  const { split = "training", limits } = options;
  const file = await openHdf5(path, limits);
  try {
    const arrays = new Map<string, Hdf5Array>();
    for (const name of new Set(["features", "groups", ...file.keys(split)])) {
      arrays.set(name, await file.array(`${split}/${name}`));
    }
    const [time, size] = arrays.get("features")!.shape;
    for (const { name, shape } of arrays.values()) {
      const pictures = !/features|groups/.test(name) || shape.length === 5;
      if (!pictures || shape[0] !== time || shape[1] !== size || size === undefined) {
        throw new WrongKindError(
          `"${name}" has shape [${shape}], not [time ${time ?? ""}, samples ${size ?? ""}, …]`,
          { path, offset: 0, hint: "Check that the file is a dataset of N-EM or R-NEM" },
        );
      }
    }
    const schema: Record<string, FieldSpec> = {};
    for (const [name, { shape: [length, _, ...rest], dtype }] of arrays) {
      schema[name] = { shape: [length!, ...rest], dtype };
    }
    return makeDataset<NemSample>({
      size: size!,
      schema: schema as Schema<NemSample>,
      get: (i) =>
        Object.fromEntries(
          [...arrays].map(([name, array]) => [name, array.take(i, 1)]),
        ) as NemSample, // features and groups are always among them
      close: () => file.close(),
    });
  } catch (error) {
    file.close();
    throw error;
  }
}

/** One frame of a sequence. */
export type NemFrame = {
  /** `[height, width, 3]`, or as prepared; features 0 … 1 have become 0 … 255, uint8 are as they are. */
  readonly image: NdArray<Uint8Array>;
  /** The object that each pixel belongs to, 0 for background, `[height, width]` or as prepared. */
  readonly masks: NdArray<Uint8Array>;
  /** The number of the sequence, counted from 0. */
  readonly sequence: number;
};

function label(x: number): number {
  if (Number.isInteger(x) && x >= 0 && x <= 255) return x;
  throw new UnsupportedError(`a pixel of "groups" belongs to ${x}`, {
    hint: "Number the objects from 1 to 255, with 0 for background",
  });
}

const checkFrames = dataOptions<Prepare>("nemFrames", ["sequences"], prepareKinds);

/**
 * All frames of all sequences as single pictures: frame `t` of sequence `n` is picture `n · time + t`.
 * Each reads its whole sequence, so wrap them in `cached` for training.
 */
export function nemFrames(
  sequences: Dataset<NemSample>,
  prepare: Prepare = {},
): Dataset<NemFrame> {
  checkFrames(prepare);
  const [time, height, width] = sequences.schema["features"]!.shape as readonly number[];
  const { dtype } = sequences.schema["features"]!;
  if (!["uint8", "float32", "float64"].includes(dtype)) {
    throw new UnsupportedError(`frames of ${dtype} have no known range`, {
      hint: "Save features as uint8 from 0 to 255, or as floats from 0 to 1",
    });
  }
  const shape = preparedShape({ size: [height!, width!], ...prepare });
  return makeDataset<NemFrame>({
    size: sequences.size * time!,
    schema: {
      image: { shape, dtype: "uint8" },
      masks: { shape: shape.slice(0, 2), dtype: "uint8" },
      sequence: { shape: [], dtype: "json" },
    },
    async get(i) {
      const { features, groups } = await sequences.get(Math.floor(i / time!));
      const frame = ({ data, shape }: NdArray, toByte: (x: number) => number) => {
        const rest = shape.slice(1);
        const start = elements(rest) * (i % time!);
        const values = data.subarray(start, start + elements(rest));
        return { data: Uint8Array.from(values, toByte), shape: rest };
      };
      // Integers are pixels already; what is measured in floats runs from 0 to 1.
      const pixel = features.data instanceof Uint8Array
        ? (x: number) => x
        : (x: number) => Math.round(255 * Math.min(1, Math.max(0, x)));
      const labels = prepareGeometry(frame(groups, label), prepare, "nearest");
      return {
        image: prepareImage(
          frame(features, pixel),
          prepare,
        ),
        masks: { data: labels.data, shape: labels.shape.slice(0, 2) },
        sequence: Math.floor(i / time!),
      };
    },
    close: () => sequences.close(),
  });
}

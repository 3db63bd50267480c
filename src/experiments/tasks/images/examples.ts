/**
 * From a config to examples: images in [-1, 1] of one size, with label maps where the source has them, split into those
 * to train on, to validate on and to test with. Datasets close with the scope that opened them.
 */
import { Effect } from "effect";
import {
  augmentWith,
  batches,
  type Dataset,
  describeSchema,
  type Field,
  type FieldSpec,
  type Json,
  map,
  MissingFileError,
  type NdArray,
  prepareGeometry,
  type Sample,
  toFloat,
  withChannels,
} from "../../../data/index.ts";
import { type DatasetError, datasetError } from "../../errors.ts";
import { blank, colored, type Picture } from "../../display/canvas.ts";
import type { Panel } from "../../display/panel.ts";
import type { BatchSource, BrokenFile, Examples, OnProgress } from "../task.ts";
import { warningsOf } from "./inspect.ts";
import { describeSource, type ImageConfig, imageSize, takenOf } from "./config.ts";
import { closeParts, describeSplit, openParts } from "./parts.ts";
import { readerOf, readers } from "./readers.ts";
import { describeContents, recognize } from "./recognize.ts";
import { dataPath } from "../../dataPath.ts";
import { labelsOf } from "./sources.ts";

/** An image to learn from. A type, not an interface: samples are records of fields. */
export type Example = {
  /** `[height, width, 3]`, black −1, white 1. */
  readonly image: NdArray<Float32Array>;
  /** The object of each pixel, `[height, width]`: 0 for the background; null where it is unknown. */
  readonly labels: NdArray<Uint8Array> | null;
  /** The objects with their properties; null where they are unknown. */
  readonly objects: Json;
};

/** A further field of examples, made of a sample of the source. */
export interface ExtraField<F extends Field> {
  readonly spec: FieldSpec;
  /** The field of the source that it is made of, and its use in words. */
  readonly from: string;
  readonly use: string;
  readonly make: (sample: Sample) => F;
}

/** Opens the images of a config, with further fields where a task needs them. */
export const openImages = Effect.fnUntraced(
  function* <X extends { readonly [name: string]: Field }>(
    config: ImageConfig,
    onProgress: OnProgress,
    extra: { readonly [name in keyof X]: ExtraField<X[name]> },
  ) {
    const data = takenOf(config);
    // Not acquireRelease, which cannot be interrupted: scenes may take hours to make.
    let broken: readonly BrokenFile[] = [];
    const parts = yield* Effect.tryPromise(() =>
      openParts(data, onProgress, (files) => void (broken = [...broken, ...files]))
    ).pipe(
      Effect.catch(({ cause }) =>
        Effect.flatMap(Effect.promise(() => openingError(data, cause)), Effect.fail)
      ),
    );
    yield* Effect.addFinalizer(() => Effect.promise(() => closeParts(parts)));
    const { train, validation, test } = parts;
    const problems = Object.entries({ train, validation, test }).flatMap(([name, part]) =>
      Object.values<ExtraField<Field>>(extra)
        .filter(({ from }) => part !== undefined && !(from in part.schema))
        .map(({ use }) =>
          data.split === "official" && name !== "train"
            ? `data.split: the official ${name} part has no ${use}${
              name === "test" ? "; data.test=0 leaves it out" : ""
            }`
            : `data.path: "${data.path}" has no ${use}`
        )
    );
    const examples = examplesOf(data, extra);
    const segmented = "masks" in train.schema || "mask" in train.schema;
    return {
      broken,
      warnings: yield* Effect.promise(() => warningsOf(data)),
      problems: [...new Set(problems)],
      train: examples.plain(train),
      ...(data.augment === undefined ? {} : { augmented: examples.augmented(train) }),
      ...(validation === undefined ? {} : { validation: examples.plain(validation) }),
      ...(test === undefined ? {} : { test: examples.plain(test) }),
      facts: [
        ["source", describeSource(data)],
        ["fields", describeSchema(train.schema)],
        ["segmented", segmented ? "yes" : "no, so that FG-ARI cannot be computed"],
        ["split", describeSplit(data, train)],
        ...(data.augment === undefined
          ? []
          : [["augmented", `${JSON.stringify(data.augment)}, in training alone`] as const]),
      ],
    } satisfies Examples<Example & X>;
  },
);

/** The error of a source that cannot be opened: what was expected at its path, and what is there. */
async function openingError(data: ImageConfig, cause: unknown): Promise<DatasetError> {
  const { source, path } = data;
  const reader = readerOf(source);
  if (reader === undefined || path === undefined) {
    return datasetError(`The ${source} scenes cannot be made.`)(cause);
  }
  const place = dataPath(path);
  const found = await recognize(place);
  if (found !== undefined && found.source !== source && source !== "folder") {
    return datasetError(
      `The data "${path}" is another dataset: expected ${reader.contents}; found ${found.sign}, as in ` +
        `${
          readers[found.source].contents
        }. Give its path, or take this one: --set data.source=${found.source}`,
    )(cause);
  }
  // Missing fields need not be left out.
  const advice = reader.filePerImage && data.onBroken === "stop" &&
      !(cause instanceof MissingFileError)
    ? " (--set data.onBroken=skip leaves files out that cannot be read, and names them.)"
    : "";
  const expected = found === undefined && source !== "folder"
    ? ` Expected ${reader.contents}; found ${await describeContents(place)}.`
    : "";
  return datasetError(`The data "${path}" cannot be read as ${source}.${expected}${advice}`)(cause);
}

/** A sample at the size of a config, still of bytes, with its labels: what is changed at random before training. */
type Prepared = {
  readonly image: NdArray<Uint8Array>;
  readonly labels: NdArray<Uint8Array> | null;
};

function prepared(sample: Sample, data: ImageConfig): Prepared {
  const size = imageSize(data);
  const picture = prepareGeometry(sample["image"] as NdArray<Uint8Array>, { size }, "bilinear"); // all have it
  const labels = labelsOf(sample, data);
  return {
    image: withChannels(picture, 3),
    labels: labels === null ? null : atSize(labels, size),
  };
}

/** Makes examples of the samples of a source, which were or were not changed at random. */
function examplesOf<X extends { readonly [name: string]: Field }>(
  data: ImageConfig,
  extra: { readonly [name in keyof X]: ExtraField<X[name]> },
) {
  const size = imageSize(data);
  const each = <R>(f: (field: ExtraField<Field>) => R) =>
    Object.fromEntries(
      Object.entries<ExtraField<Field>>(extra).map(([name, field]) => [name, f(field)]),
    );
  const schema = {
    image: { shape: [...size, 3], dtype: "float32" },
    labels: { shape: size, dtype: "uint8" },
    objects: { shape: [], dtype: "json" },
    ...each(({ spec }) => spec) as { readonly [name in keyof X]: FieldSpec }, // by the names of X
  } as const;
  const convert = (sample: Sample, { image, labels }: Prepared): Example & X => ({
    image: toFloat(image, [-1, 1]),
    labels,
    objects: sample["objects"] as Json | undefined ?? null, // by convention
    ...each(({ make }) => make(sample)) as X, // by the names of X
  });
  return {
    plain: (source: Dataset<Sample>): Dataset<Example & X> =>
      map(
        source,
        (sample) => convert(sample, prepared(sample, data)),
        schema as { readonly [name in keyof (Example & X)]: FieldSpec },
      ),
    /** Batches whose images were changed as the config says, each in another way in every epoch. */
    augmented(source: Dataset<Sample>): BatchSource<Example & X> {
      const { crop, ...options } = data.augment ?? {};
      const geometry = crop === undefined ? {} : { crop, size };
      const [labelled, bare] = [["labels"], []].map((masks) =>
        augmentWith({ ...options, ...geometry, masks })
      ) as [Augment, Augment];
      return {
        batches: (order) =>
          batches(source, {
            ...order,
            augment: (sample, random) => {
              const whole = prepared(sample, data);
              return convert(sample, (whole.labels === null ? bare : labelled)(whole, random));
            },
          }),
      };
    },
  };
}

type Augment = ReturnType<typeof augmentWith>;

function atSize(
  { data, shape }: NdArray<Uint8Array>,
  size: readonly [number, number],
): NdArray<Uint8Array> {
  const picture = { data, shape: [...shape, 1] };
  return { data: prepareGeometry(picture, { size }, "nearest").data, shape: size };
}

/** A row of images and, where they are known, one of their objects below. */
export function previewImages(samples: readonly Example[]): Panel {
  const labelled = samples.some(({ labels }) => labels !== null);
  return {
    heads: samples.map((_, n) => String(n + 1)),
    rows: [samples.map(imagePicture), ...(labelled ? [samples.map(labelPicture)] : [])],
  };
}

/** An image in [-1, 1]. */
export function imagePicture({ image }: Example): Picture {
  return pictureOf(image);
}

/** Pixels in [-1, 1], `[height, width, 3]`, as a picture. */
export function pictureOf(
  { data, shape }: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
): Picture {
  const picture = blank(shape[1]!, shape[0]!);
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = (data[i]! + 1) / 2;
  return picture;
}

/** The true objects of an image in colours; white where they are unknown. */
export function labelPicture({ image: { shape }, labels }: Example): Picture {
  const [height, width] = shape as readonly [number, number, number];
  return labels === null ? blank(width, height) : colored(labels.data, width, height, 0);
}

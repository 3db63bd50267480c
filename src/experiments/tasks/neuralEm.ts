/** N-EM and RNN-EM (Greff et al., 2017): components explain binary images, and pixels are grouped by the component that explains them. */
import { Effect, Schema } from "effect";
import { join } from "node:path";
import {
  binaryShapes,
  type Dataset,
  fromArrays,
  type Json,
  map,
  type NdArray,
  ndarray,
  openNem,
  select,
} from "../../data/index.ts";
import { argmaxMasks, foregroundAmi } from "../../metrics/index.ts";
import { np, type Tensor } from "../../index.ts";
import { neuralEm, type NeuralEmParams } from "../../models/index.ts";
import { blank, colored, type Picture } from "../display/canvas.ts";
import { datasetError } from "../errors.ts";
import { Count, CountOrZero, defaultsTo, Fraction, NonNegative } from "../schema.ts";
import { matchedLabels } from "./images/matching.ts";
import { entry, slotHeads, slotsOf } from "./images/panels.ts";
import { probeObjects } from "./images/readout.ts";
import { dataPath } from "../dataPath.ts";
import { adjointOf, inferenceFields, unrolledModel } from "./inference.ts";
import { averaged } from "./scores.ts";
import { defineTask, type Examples, type HostArray, type Seen } from "./task.ts";

const { iterations, adjoint, adjointTerms, linear } = inferenceFields;

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("neuralEm"),
  cell: Schema.Literals(["rnn", "gradient"]).pipe(defaultsTo("rnn")),
  /** The number of components. */
  slots: Count,
  /** Numbers that a component has as parameters. */
  hidden: Count.pipe(defaultsTo(250)),
  iterations,
  adjoint,
  adjointTerms,
  linear,
  assignmentGradient: Schema.Boolean.pipe(defaultsTo(true)),
  lossOn: Schema.Literals(["last", "all"]).pipe(defaultsTo("last")),
  priorWeight: NonNegative.pipe(defaultsTo(1)),
  /** The probability that noise flips a pixel of the input in training. */
  noise: Fraction.pipe(defaultsTo(0.1)),
});

/** The fields of `data`. */
const DataConfig = Schema.Struct({
  /** An HDF5 file of N-EM; relative to TRILEVEL_DATA where that is set. Without, shapes are generated. */
  path: Schema.optionalKey(Schema.String),
  /** Generated images to train on. */
  images: Count.pipe(defaultsTo(20_000)),
  /** The side of images in pixels. */
  resolution: Count.pipe(defaultsTo(24)),
  /** Shapes in a generated image. */
  objects: Count.pipe(defaultsTo(3)),
  seed: CountOrZero.pipe(defaultsTo(0)),
  /** Images to validate on, and to test with at the end. */
  evaluate: Count.pipe(defaultsTo(256)),
});
type DataConfig = typeof DataConfig.Type;

/** A binary image as one axis, and the object of each pixel. */
type Example = {
  readonly image: NdArray<Float32Array>;
  readonly labels: NdArray<Uint8Array>;
  /** The shapes and their places; null in a file, which does not say them. */
  readonly objects: Json;
};

/** The paper's static shapes with images small enough for minutes on two cores. */
const quick = {
  name: "nem-quick",
  model: {
    task: "neuralEm",
    slots: 4,
    hidden: 100,
    iterations: 8,
    adjoint: "oneStep",
    assignmentGradient: false,
  },
  data: { evaluate: 256 },
  optimizer: { learningRate: 2e-3 },
  log: { every: 20, evaluateEvery: 100, panelEvery: 200, checkpointEvery: 100, keep: 3 },
  steps: 1200,
  batchSize: 32,
} as const;

/** The task. */
export const neuralEmTask = defineTask({
  name: "neuralEm",
  samples: "images",
  model: ModelConfig,
  data: DataConfig,
  presets: {
    /** RNN-EM on generated 24×24 shapes with the derivative of one step: minutes on two cores. */
    "nem-quick": quick,
    /** The same, with N-EM's gradient step instead of a recurrent network, differentiated through all steps. */
    "nem-gradient-quick": {
      ...quick,
      name: "nem-gradient-quick",
      model: {
        ...quick.model,
        cell: "gradient",
        adjoint: "unrolled",
        assignmentGradient: true,
      },
    },
    /** The paper's static shapes; `data.path` names their file. */
    "nem-shapes": {
      ...quick,
      name: "nem-shapes",
      model: { task: "neuralEm", slots: 4, iterations: 15, adjoint: "unrolled" },
      data: { resolution: 28, evaluate: 1000 },
      optimizer: { learningRate: 1e-3 },
      log: { ...quick.log, evaluateEvery: 780, panelEvery: 780, checkpointEvery: 780 },
      steps: 391_000,
      batchSize: 64,
    },
  },
  contradictions({ model, data, batchSize }) {
    const problems: string[] = [];
    if (model.lossOn === "all" && model.adjoint !== "unrolled") {
      problems.push(
        `model.lossOn: "all" needs every iterate, and model.adjoint "${model.adjoint}" differentiates the last; ` +
          'take "last", or "unrolled"',
      );
    }
    if (data.path === undefined && data.resolution < 13) {
      problems.push(`data.resolution: ${data.resolution}, but generated shapes are 13 pixels wide`);
    }
    if (data.path === undefined && batchSize > data.images) {
      problems.push(`batchSize: ${batchSize} is more than data.images, ${data.images}`);
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `${
      model.cell === "rnn" ? "RNN-EM" : "N-EM"
    } with ${model.slots} components and ${model.iterations} steps on ` +
    (data.path === undefined ? "generated shapes." : `"${data.path}".`),
  open: ({ data }) =>
    Effect.acquireRelease(
      Effect.tryPromise({
        try: () => open(data),
        catch: datasetError(`The data "${data.path}" cannot be read as a file of N-EM.`),
      }),
      ({ close }) => Effect.promise(close),
    ),
  inputs: ["image"],
  preview: (samples) => ({
    heads: ["image", "true shapes"],
    rows: samples.map(({ image, labels }) => [grey(image), labelled(labels)]),
    headColumns: 2,
  }),
  scores: [{ key: "ami", name: "AMI", digits: 3 }],
  main: ["ami"],
  pictures: {
    groups: {
      title: "Groups",
      caption:
        "Each row is a validation image: the image, the true shapes (overlaps are black), the component that has each pixel, " +
        "in the colour of the shape that it matches, and what each component draws.",
    },
  },
  exports: {
    masks: { description: "Masks of slots, [slots, height, width]", picture: "labels" },
    slots: { description: "Slots, [slots, size]" },
    components: { description: "Pictures of slots, [slots, height, width]", picture: "maps" },
  },
  probe: {
    output: "slots",
    objects: ({ objects }) => Array.isArray(objects) ? objects : null,
    fit: probeObjects,
  },
  curves: [{ title: "Validation AMI", series: [{ key: "validation/ami", name: "AMI" }] }],
  unrolled: unrolledModel({ finalStep: true }),
  system({ model: config, data }) {
    const model = neuralEm({
      pixels: data.resolution ** 2,
      slots: config.slots,
      hidden: config.hidden,
      steps: config.iterations,
      cell: config.cell,
      adjoint: adjointOf(config),
      assignmentGradient: config.assignmentGradient,
      lossOn: config.lossOn,
      priorWeight: config.priorWeight,
      noise: config.noise,
      // The noise of an image is one draw: what an iteration ends in is then a fixed point.
      redraw: false,
    });
    return {
      model,
      init: (key) => model.init(key),
      loss(params: NeuralEmParams, { image }, key) {
        const [loss, { stats }] = model.loss(params, image, key);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict(params, { image }, key) {
        const { assignment, picture } = model.apply(params, image, key).value;
        return { assignment, picture };
      },
      represent(params, { image }, key) {
        const { theta, assignment, picture } = model.apply(params, image, key).value;
        const map = (pixels: Tensor) =>
          pixels.reshape([image.shape[0]!, config.slots, data.resolution, data.resolution]);
        return { slots: theta, masks: map(assignment), components: map(picture) };
      },
      scorer: () =>
        averaged(({ sample, output: { assignment } }: Seen<Example, "assignment" | "picture">) => ({
          ami: foregroundAmi(sample.labels.data, groupsOf(assignment)),
        })),
      draw: (seen) => ({
        groups: {
          heads: ["image", "true shapes", "groups", ...slotHeads(seen[0]?.output.picture)],
          rows: seen.map(({ sample, output: { assignment, picture } }) => {
            const [height, width] = sample.labels.shape as readonly [number, number];
            const groups = matchedLabels(sample.labels.data, groupsOf(assignment));
            return [
              grey(sample.image, width),
              labelled(sample.labels),
              colored(groups, width, height),
              ...slotsOf(picture).map((k) => grey(entry(picture, k), width)),
            ];
          }),
          headColumns: 3,
        },
      }),
    };
  },
});

/** The component of each pixel. */
const groupsOf = ({ data, shape }: HostArray) => argmaxMasks(data, shape[0]!);

function grey({ data }: HostArray, width = Math.sqrt(data.length)): Picture {
  const picture = blank(width, data.length / width);
  for (let p = 0; p < data.length; p++) picture.data.fill(data[p]!, 3 * p, 3 * p + 3);
  return picture;
}

const labelled = ({ data, shape }: NdArray<Uint8Array>) => colored(data, shape[1]!, shape[0]!, 0);

async function open(data: DataConfig): Promise<Examples<Example> & { close(): Promise<void> }> {
  const { seed, images, evaluate } = data;
  if (data.path !== undefined) return await openFile(join(dataPath(data.path)), data);
  const all = generated(data, images + 2 * evaluate);
  const range = (from: number, to: number) =>
    select(all, Array.from({ length: to - from }, (_, i) => from + i));
  return {
    test: range(0, evaluate),
    validation: range(evaluate, 2 * evaluate),
    train: range(2 * evaluate, images + 2 * evaluate),
    facts: [["source", `generated shapes, seed ${seed}`]],
    close: () => all.close(),
  };
}

function generated({ resolution: size, objects: count, seed }: DataConfig, n: number) {
  const images = new Float32Array(n * size * size);
  const labels = new Uint8Array(n * size * size);
  const objects: Json[] = [];
  for (let i = 0; i < n; i++) {
    const made = binaryShapes({ size, count }, seed, i);
    images.set(made.image.data, i * size * size);
    labels.set(made.labels.data, i * size * size);
    objects.push(made.objects);
  }
  const arrays = fromArrays({
    image: ndarray(images, [n, size * size]),
    labels: ndarray(labels, [n, size, size]),
  });
  const schema = { ...arrays.schema, objects: { shape: [], dtype: "json" } } as const;
  return map(arrays, (sample, i): Example => ({ ...sample, objects: objects[i]! }), schema);
}

/** The first frames of a published file, in its own splits. */
async function openFile(
  path: string,
  { resolution, evaluate }: DataConfig,
): Promise<Examples<Example> & { close(): Promise<void> }> {
  const opened: Dataset<Example>[] = [];
  const problems: string[] = [];
  const part = async (split: "training" | "validation" | "test", most = Infinity) => {
    const sequences = await openNem(path, { split });
    const [, height, width] = sequences.schema.features.shape;
    if (height !== resolution || width !== resolution) {
      problems.push(
        `data.resolution: ${resolution}, but the images of the file are ${height}×${width}`,
      );
    }
    const pixels = height! * width!;
    const frames = map(sequences, ({ features, groups }): Example => ({
      image: ndarray(Float32Array.from(features.data.subarray(0, pixels), (x) => x > 0.5 ? 1 : 0), [
        pixels,
      ]),
      labels: ndarray(Uint8Array.from(groups.data.subarray(0, pixels)), [height!, width!]),
      objects: null,
    }), {
      image: { shape: [pixels], dtype: "float32" },
      labels: { shape: [height!, width!], dtype: "uint8" },
      objects: { shape: [], dtype: "json" },
    });
    opened.push(frames);
    return frames.size <= most ? frames : select(frames, Array.from({ length: most }, (_, i) => i));
  };
  try {
    return {
      train: await part("training"),
      validation: await part("validation", evaluate),
      test: await part("test"),
      problems: [...new Set(problems)],
      close: async () => void await Promise.all(opened.map((dataset) => dataset.close())),
    };
  } catch (error) {
    await Promise.all(opened.map((dataset) => dataset.close()));
    throw error;
  }
}

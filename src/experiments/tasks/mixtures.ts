/** Mixtures fitted by EM, and soft k-means: a prior and a temperature are learned so that clusters explain other points. */
import { Effect, Schema } from "effect";
import { fromArrays, type NdArray, ndarray, seeded, select } from "../../data/index.ts";
import { argmaxMasks, ari } from "../../metrics/index.ts";
import { np } from "../../index.ts";
import { bernoulliMixture, gaussianMixture, type Mixture, softKMeans } from "../../models/index.ts";
import { blank, colored, scatter } from "../display/canvas.ts";
import { Count, CountOrZero, defaultsTo, NonNegative, Positive } from "../schema.ts";
import { matchedLabels } from "./images/matching.ts";
import { adjointOf, inferenceFields, solverOf, unrolledModel } from "./inference.ts";
import { averaged } from "./scores.ts";
import { defineTask, type Params, type Seen } from "./task.ts";

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("mixtures"),
  kind: Schema.Literals(["gaussian", "bernoulli", "softKMeans"]),
  clusters: Count,
  /** Imaginary points of each cluster at first. */
  strength: NonNegative.pipe(defaultsTo(1)),
  /** The inverse temperature of soft k-means at first. */
  inverseTemperature: Positive.pipe(defaultsTo(1)),
  ...inferenceFields,
});

/** The fields of `data`: generated sets of points around centers, each with the number of its center as label. */
const DataConfig = Schema.Struct({
  sets: Count.pipe(defaultsTo(512)),
  /** Points of a set that are seen, and as many that are to be explained. */
  points: Count.pipe(defaultsTo(48)),
  /** Coordinates of a point. */
  size: Count.pipe(defaultsTo(2)),
  clusters: Count.pipe(defaultsTo(3)),
  /** The standard deviation of points around their center; centers have 1. Of Bernoulli vectors, how often a coordinate flips. */
  noise: Positive.pipe(defaultsTo(0.25)),
  seed: CountOrZero.pipe(defaultsTo(0)),
  /** Sets to validate on, and to test with at the end. */
  evaluate: Count.pipe(defaultsTo(64)),
});
type DataConfig = typeof DataConfig.Type;

/** A set of points, and other points of the same clusters. */
type Example = {
  readonly points: NdArray<Float32Array>;
  readonly others: NdArray<Float32Array>;
  readonly labels: NdArray<Uint8Array>;
};

const quick = {
  name: "mixture-quick",
  model: { task: "mixtures", kind: "gaussian", clusters: 3, iterations: 40, adjoint: "implicit" },
  data: {},
  optimizer: { learningRate: 3e-2 },
  log: { every: 20, evaluateEvery: 50, panelEvery: 100, checkpointEvery: 100 },
  steps: 200,
  batchSize: 32,
} as const;

/** The task. */
export const mixturesTask = defineTask({
  name: "mixtures",
  samples: "sets",
  model: ModelConfig,
  data: DataConfig,
  presets: {
    /** A Gaussian mixture on points of the plane, whose prior is learned through the fixed point. */
    "mixture-quick": quick,
    /** A Bernoulli mixture on binary vectors. */
    "bernoulli-mixture-quick": {
      ...quick,
      name: "bernoulli-mixture-quick",
      model: { ...quick.model, kind: "bernoulli" },
      data: { size: 16, noise: 0.1 },
    },
    /** Soft k-means, whose temperature is learned. */
    "soft-k-means-quick": {
      ...quick,
      name: "soft-k-means-quick",
      model: { ...quick.model, kind: "softKMeans", strength: 0.1 },
    },
  },
  contradictions({ model, data, batchSize }) {
    const problems: string[] = [];
    if (model.clusters > data.points) {
      problems.push(
        `model.clusters: ${model.clusters}, but a set has ${data.points} points, one for each to begin at`,
      );
    }
    if (model.kind === "bernoulli" && data.noise > 0.5) {
      problems.push(
        `data.noise: ${data.noise} is above 0.5: coordinates would flip more often than not; take 0.5 at most`,
      );
    }
    if (batchSize > data.sets) {
      problems.push(`batchSize: ${batchSize} is more than data.sets, ${data.sets}`);
    }
    return problems;
  },
  describe: ({ model: { kind, clusters, iterations } }) =>
    `${
      names[kind]
    } with ${clusters} clusters and ${iterations} steps, on generated sets of points.`,
  open({ model, data }) {
    const all = generated(data, model.kind === "bernoulli");
    const range = (from: number, to: number) =>
      select(all, Array.from({ length: to - from }, (_, i) => from + i));
    const { evaluate, sets } = data;
    return Effect.succeed({
      test: range(0, evaluate),
      validation: range(evaluate, 2 * evaluate),
      train: range(2 * evaluate, sets + 2 * evaluate),
      facts: [["source", `generated points, seed ${data.seed}`]] as const,
    });
  },
  inputs: ["points", "others"],
  scores: [
    { key: "ari", name: "ARI", digits: 3 },
    { key: "likelihood", name: "log-likelihood of other points", digits: 3 },
  ],
  main: ["likelihood"],
  pictures: {
    clusters: {
      title: "Clusters",
      caption:
        "Sets that were not trained on: the true clusters, and the clusters found, in the colours of those that they match.",
    },
  },
  curves: [{ title: "Validation ARI", series: [{ key: "validation/ari", name: "ARI" }] }],
  unrolled: unrolledModel({ finalStep: false }),
  system({ model: config, data }) {
    const { kind, clusters, iterations, strength, inverseTemperature } = config;
    const options = {
      size: data.size,
      clusters,
      steps: iterations,
      strength,
      solver: solverOf(config),
      adjoint: adjointOf(config),
    };
    const made = kind === "gaussian"
      ? gaussianMixture(options)
      : kind === "bernoulli"
      ? bernoulliMixture(options)
      : softKMeans({ ...options, inverseTemperature });
    // Each kind has weights and clusters of its own, which are only handed from one of its functions to another.
    const model = made as unknown as Mixture<Params, Params>;
    return {
      model: made,
      init: (key) => model.init(key),
      loss(params, { points, others }, key) {
        const [loss, { stats }] = model.loss(params, points, others, key);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict(params, { points, others }, key) {
        const { value, ys } = model.apply(params, points, key);
        return {
          assignment: np.swapaxes(ys, 1, 2),
          likelihood: np.mean(model.logLikelihood(params, value, others), { axis: 1 }),
        };
      },
      scorer: () =>
        averaged((seen: Seen<Example, "assignment" | "likelihood">) => ({
          ari: ari(seen.sample.labels.data, found(seen)),
          likelihood: seen.output.likelihood.data[0]!,
        })),
      draw: (seen) => ({
        clusters: {
          heads: ["true clusters", "clusters found"],
          rows: seen.map((one) => {
            const labels = [...one.sample.labels.data].map((label) => label + 1);
            return [
              drawn(one.sample, labels),
              drawn(one.sample, matchedLabels(labels, found(one))),
            ];
          }),
          headColumns: 1,
        },
      }),
    };
  },
});

const names = {
  gaussian: "A mixture of Gaussians",
  bernoulli: "A mixture of Bernoulli vectors",
  softKMeans: "Soft k-means",
};

/** The cluster of each point. */
const found = ({ output: { assignment } }: Seen<Example, "assignment">) =>
  argmaxMasks(assignment.data, assignment.shape[0]!);

/** The first two coordinates of points in the plane; longer points as rows of a table, in the order of their clusters. */
function drawn({ points: { data, shape } }: Example, labels: readonly number[]) {
  const [count, size] = shape as readonly [number, number];
  if (size <= 2) {
    const flat = size === 2
      ? data
      : Float32Array.from({ length: 2 * count }, (_, i) => i % 2 === 0 ? data[i / 2]! : 0);
    const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    return scatter(blank(160, 160), flat, {
      domain: [-largest, largest],
      label: (n) => labels[n]!,
      size: 2,
    });
  }
  const order = labels.map((_, n) => n).sort((a, b) => labels[a]! - labels[b]!);
  const table = order.flatMap((n) =>
    Array.from({ length: size }, (_, d) => data[n * size + d]! > 0.5 ? labels[n]! : 0)
  );
  return colored(table, size, count, 0);
}

function generated(
  { sets, evaluate, points, size, clusters, noise, seed }: DataConfig,
  binary: boolean,
) {
  const random = seeded(seed);
  const n = sets + 2 * evaluate;
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const place = (centers: readonly Float64Array[], label: number, d: number) => {
    const center = centers[label]![d]!;
    if (!binary) return center + noise * normal();
    return Number((center > 0) !== (random.uniform() < noise));
  };
  const seen = new Float32Array(n * points * size);
  const others = new Float32Array(n * points * size);
  const labels = new Uint8Array(n * points);
  for (let i = 0; i < n; i++) {
    const centers = Array.from(
      { length: clusters },
      () => Float64Array.from({ length: size }, () => normal()),
    );
    for (let p = i * points; p < (i + 1) * points; p++) {
      labels[p] = Math.floor(random.uniform() * clusters);
      const other = Math.floor(random.uniform() * clusters);
      for (let d = 0; d < size; d++) {
        seen[p * size + d] = place(centers, labels[p]!, d);
        others[p * size + d] = place(centers, other, d);
      }
    }
  }
  return fromArrays({
    points: ndarray(seen, [n, points, size]),
    others: ndarray(others, [n, points, size]),
    labels: ndarray(labels, [n, points]),
  });
}

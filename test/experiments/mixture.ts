/** A system that is not about images, written as docs/howto/system.md says: a model, and a task. */
import { Effect, Schema } from "effect";
import { infer, type Level, np, random, type Tensor, unrolled } from "trilevel";
import { fromArrays, ndarray, seeded, select } from "trilevel/data";
import { averaged, blank, Count, defineTask, scatter, type Seen } from "trilevel/experiments";
import { ari } from "trilevel/metrics";

// The model: a mixture of Gaussians with one variance for all, fitted to every set of points by EM from a learned start.

type Weights = { readonly start: Tensor; readonly logVariance: Tensor };

/** −‖x − z‖² / 2σ² for all points and means, `[batch, points, components]`. */
const logits = ({ logVariance }: Weights, z: Tensor, x: Tensor) => {
  const squares = np.sum(np.square(np.expandDims(x, 2).sub(np.expandDims(z, 1))), { axis: -1 });
  return squares.div(np.exp(logVariance)).mul(-0.5);
};

const mixtureLevel: Level<Weights, Tensor, Tensor> = {
  init: ({ start }, x) => np.zeros([x.shape[0]!, 1, 1]).add(start),
  step(w, z, x) {
    const r = np.softmax(logits(w, z, x), { axis: -1 });
    return np.matmul(np.swapaxes(r, 1, 2), x).div(np.expandDims(np.sum(r, { axis: 1 }), -1));
  },
  objective: (w, z, x) =>
    np.mean(np.logsumexp(logits(w, z, x), { axis: -1 }), { axis: 1 }).sub(w.logVariance)
      .sub(Math.log(2 * Math.PI * z.shape[1]!)),
};

// The task.

type Points = {
  readonly points: ReturnType<typeof ndarray<Float32Array>>;
  readonly labels: ReturnType<typeof ndarray<Uint8Array>>;
};

/** Sets of 24 points around three corners of a triangle. */
function pointSets(sets: number) {
  const random = seeded(3);
  const corners = [[0, 1], [-1, -0.7], [1, -0.7]] as const;
  const labels = Uint8Array.from({ length: 24 * sets }, (_, i) => i % 3);
  const points = new Float32Array(48 * sets);
  labels.forEach((label, i) => {
    for (const c of [0, 1] as const) {
      points[2 * i + c] = corners[label]![c] + 0.6 * (random.uniform() + random.uniform() - 1);
    }
  });
  return fromArrays({
    points: ndarray(points, [sets, 24, 2]),
    labels: ndarray(labels, [sets, 24]),
  });
}

const drawing = ({ points: { data } }: Points, label: (n: number) => number) =>
  scatter(blank(96, 96), data, { domain: [-2, 2], label });

const fitted =
  ({ output: { assignments: { data, shape: [, k = 0] } } }: Seen<Points, "assignments">) =>
  (n: number) => {
    const row = Array.from({ length: k }, (_, i) => data[n * k + i]!);
    return row.indexOf(Math.max(...row));
  };

/** The task. */
export const mixture = defineTask({
  name: "mixture",
  samples: "sets",
  model: Schema.Struct({ task: Schema.Literal("mixture"), components: Count, iterations: Count }),
  data: Schema.Struct({ sets: Count }),
  presets: {
    mixture: {
      name: "mixture",
      model: { task: "mixture", components: 3, iterations: 3 },
      data: { sets: 20 },
      optimizer: { learningRate: 0.1 },
      log: { every: 1, evaluateEvery: 4, panelEvery: 4, firstPanel: 4, checkpointEvery: 4 },
      steps: 8,
      batchSize: 4,
      backend: "reference",
    },
  },
  describe: ({ model }) => `A mixture of ${model.components} Gaussians, fitted by EM.`,
  inputs: ["points"],
  open({ data: { sets } }) {
    const all = pointSets(sets);
    const part = (from: number, to: number) =>
      select(all, Array.from({ length: to - from }, (_, i) => from + i));
    return Effect.succeed({ train: part(4, sets), validation: part(0, 4) });
  },
  preview: ([first]) => drawing(first!, (n) => first!.labels.data[n]!),
  scores: [{ key: "ari", name: "ARI", digits: 3 }],
  main: ["ari"],
  curves: [{ title: "Validation ARI", series: [{ key: "validation/ari", name: "ARI" }] }],
  pictures: { fit: { title: "Fit", caption: "The points by component." } },
  system({ model: { components, iterations } }) {
    const fit = infer(mixtureLevel, { steps: iterations, adjoint: unrolled() });
    const at = (key: Tensor) => ({ t: np.array(0), key });
    return {
      init: (key): Weights => ({
        start: random.normal(key, [components, 2]),
        logVariance: np.zeros([]),
      }),
      loss(w: Weights, { points }, key) {
        const { value } = fit(w, points, key);
        return [np.mean(mixtureLevel.objective!(w, value, points, at(key))).neg(), {}];
      },
      predict(w, { points }, key) {
        return { assignments: logits(w, fit(w, points, key).value, points) };
      },
      scorer: () =>
        averaged((seen: Seen<Points, "assignments">) => ({
          ari: ari(seen.sample.labels.data, Array.from({ length: 24 }, (_, n) => fitted(seen)(n))),
        })),
      draw: ([first]) => ({ fit: drawing(first!.sample, fitted(first!)) }),
    };
  },
});

/**
 * A task of one's own in the runner: an autoencoder of small images with one bright square each. It trains, writes a run's
 * folder with its report, and goes on with a run when it is started again with more steps:
 *
 * ```sh
 * deno run -A examples/ownTask.ts 200
 * deno run -A examples/ownTask.ts 400   # goes on from step 200
 * ```
 */
import process from "node:process";
import { np, optim, random, type Tensor } from "trilevel";
import { type NdArray, ndarray } from "trilevel/data";
import { type Display, openRun, type OwnTask, type Picture, train } from "trilevel/experiments";

/** One datum: an image [8, 8], and in words where its square is. */
export interface Datum {
  readonly image: NdArray<Float32Array>;
  readonly name: string;
}

/** An image with a square of 3×3 pixels. */
export function square(row: number, column: number): Datum {
  const pixels = Float32Array.from({ length: 64 }, (_, i) => {
    const [y, x] = [Math.floor(i / 8) - row, i % 8 - column];
    return y >= 0 && y < 3 && x >= 0 && x < 3 ? 1 : 0;
  });
  return { image: ndarray(pixels, [8, 8]), name: `row ${row}, column ${column}` };
}

type Params = { readonly encoder: Tensor; readonly decoder: Tensor };

const gray = (data: ArrayLike<number>): Picture => ({
  width: 8,
  height: 8,
  data: Float32Array.from({ length: 192 }, (_, i) => data[Math.floor(i / 3)]!),
});

/** Linear codes of 12 numbers: x ≈ sigmoid(decoder · encoder · x). */
export const squares: OwnTask<Datum, Params, "image"> = {
  name: "squares",
  init: (key) => ({
    encoder: random.normal(random.foldIn(key, 0), [64, 12]).mul(0.1),
    decoder: random.normal(random.foldIn(key, 1), [12, 64]).mul(0.1),
  }),
  loss(params, { image }) {
    return np.mean(np.square(reconstruct(params, image).sub(image)));
  },
  predict: (params, { image }) => ({ image: reconstruct(params, image) }),
  scores: {
    pixels: {
      name: "right pixels",
      of: ({ datum, output }) =>
        datum.image.data.filter((x, i) => x === Math.round(output.image.data[i]!)).length / 64,
    },
  },
  pictures: (seen) => ({
    squares: {
      heads: ["image", "prediction"],
      rows: seen.map(({ datum, output }) => [gray(datum.image.data), gray(output.image.data)]),
    },
  }),
};

function reconstruct({ encoder, decoder }: Params, image: Tensor): Tensor {
  const codes = np.matmul(image.reshape([-1, 64]), encoder);
  return np.sigmoid(np.matmul(codes, decoder)).reshape(image.shape);
}

/** Trains in a folder of runs until there are so many steps, and goes on with a run that is there. */
export function trainSquares(steps: number, root = "runs", display?: Display) {
  const all = Array.from({ length: 36 }, (_, i) => square(Math.floor(i / 6), i % 6));
  // Every sixth one, in another column for every row.
  const part = (i: number) => (i + Math.floor(i / 6)) % 6;
  return train({
    task: squares,
    data: {
      train: all.filter((_, i) => part(i) > 1),
      validation: all.filter((_, i) => part(i) === 0),
      test: all.filter((_, i) => part(i) === 1),
    },
    optimizer: optim.adam(0.02),
    steps,
    batchSize: 12,
    log: { every: 20, evaluateEvery: 100, panelEvery: 100, firstPanel: 20, checkpointEvery: 100 },
    root,
    resume: true,
    ...(display === undefined ? {} : { display }),
  });
}

if (import.meta.main) {
  const { path } = await trainSquares(Number(process.argv[2] ?? 200));
  // Later, or in another program:
  const { config, metrics, params } = await openRun(path, { task: squares });
  console.log(config.steps, metrics.length, params.encoder.shape, `${path}/report.html`);
}

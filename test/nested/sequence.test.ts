/** `sequence` against a loop over frames. */
import { describe, expect, test } from "vitest";
import {
  backend,
  grad,
  infer,
  jit,
  type Level,
  np,
  random,
  sequence,
  setBackend,
  stopGradient,
  type Tensor,
  truncated,
  unrolled,
  vmap,
} from "trilevel";
import { backends } from "../support/backends.ts";
import { loose } from "../support/mistakes.ts";
import { someOf } from "../support/tier.ts";

type State = { readonly mean: Tensor; readonly cell: Tensor };
type W = { readonly gain: Tensor; readonly drift: Tensor };
type Frame = { readonly image: Tensor; readonly mask: Tensor };

const level: Level<W, Frame, State, Tensor> = {
  init: (w, x) => ({ mean: np.zerosLike(x.image), cell: w.drift }),
  step: (w, { mean, cell }, { image, mask }, { key }) => {
    const error = image.sub(mean).mul(mask).add(random.normal(key, image.shape).mul(0.01));
    return [{ mean: mean.add(np.tanh(error).mul(w.gain)), cell: cell.mul(0.9) }, error] as const;
  },
};
const predict = (w: W, { mean, cell }: State, { t }: { t: Tensor }): State => ({
  mean: mean.add(w.drift.mul(cell)),
  cell: cell.add(t.astype("float32").mul(0.1)),
});
const w = (): W => ({ gain: np.array([0.5, 0.3]), drift: np.array([0.1, -0.2]) });
const frames = (): Frame => ({
  image: random.normal(random.key(1), [7, 2]),
  mask: np.array([[1, 1], [1, 0], [0, 1], [1, 1], [1, 1], [0, 0], [1, 1]]),
});

/** The same by hand. */
function written(w: W, frames: Frame, steps: number, adjoint = unrolled(), truncate?: number) {
  const [startKey, stepKey] = random.split(random.key(5));
  const frame = (t: number) => ({
    image: np.slice(frames.image, t),
    mask: np.slice(frames.mask, t),
  });
  let z = level.init(w, frame(0), startKey);
  const corrected: Tensor[] = [], predicted: Tensor[] = [];
  for (let t = 0; t < 7; t++) {
    const [inferKey, predictKey] = random.split(random.foldIn(stepKey, t));
    const from = z;
    const found = infer({ ...level, init: () => from }, { steps, adjoint })(w, frame(t), inferKey);
    z = predict(w, found.value, { t: np.array(t, { dtype: "int32" }), key: predictKey } as never);
    corrected.push(found.value.mean);
    predicted.push(z.mean);
    if (truncate !== undefined && (t + 1) % truncate === 0) {
      z = { mean: stopGradient(z.mean), cell: stopGradient(z.cell) };
    }
  }
  return { corrected: np.stack(corrected), predicted: np.stack(predicted) };
}

async function same(actual: Tensor, expected: Tensor): Promise<void> {
  const [a, b] = [await actual.data(), await expected.data()];
  expect(a.length).toBe(b.length);
  a.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, backend() === "reference" ? 12 : 5));
}

for (const [i, name] of (["reference", ...backends.map((b) => b.name)] as const).entries()) {
  describe(name, () => {
    test.each(someOf(
      [
        ["one step, unrolled", 1, unrolled(), undefined],
        ["three steps, cut every 3 frames", 3, unrolled(), 3],
        ["two steps, the first of them cut", 2, truncated({ steps: 1 }), undefined],
      ] as const,
      i,
    ))("%s: values and gradients", async (_, steps, adjoint, truncate) => {
      await setBackend(name);
      const options = { steps, adjoint, ...truncate !== undefined && { truncate } };
      const track = jit(sequence(level, predict, options));
      const key = random.key(5);
      const expected = written(w(), frames(), steps, adjoint, truncate);
      const found = track(w(), frames(), key);
      await same(found.corrected.mean, expected.corrected);
      await same(found.predicted.mean, expected.predicted);
      expect(found.ys.shape).toEqual([7, 2]);
      const outer = (of: { corrected: Tensor; predicted: Tensor }) =>
        np.sum(np.square(of.corrected)).add(np.sum(np.sin(of.predicted)));
      const slope = grad((w: W) => {
        const { corrected, predicted } = track(w, frames(), key);
        return outer({ corrected: corrected.mean, predicted: predicted.mean });
      })(w());
      const right = grad((w: W) => outer(written(w, frames(), steps, adjoint, truncate)))(w());
      await same(slope.gain, right.gain);
      await same(slope.drift, right.drift);
    });
  });
}

test("a long video goes on from what was predicted for its next frame", async () => {
  await setBackend("reference");
  const still: Level<W, Frame, State> = {
    ...level,
    step: (w, { mean, cell }, { image }) => ({ mean: mean.add(image.sub(mean).mul(w.gain)), cell }),
  };
  const from = (z: State) => ({ ...still, init: () => z });
  const stay = (_: W, z: State) => z;
  const all = sequence(still, stay, { steps: 2 })(w(), frames(), random.key(0));
  const part = (a: number, b: number) => ({
    image: np.slice(frames().image, [a, b]),
    mask: np.slice(frames().mask, [a, b]),
  });
  const first = sequence(still, stay, { steps: 2 })(w(), part(0, 3), random.key(0));
  const last = {
    mean: np.slice(first.predicted.mean, -1),
    cell: np.slice(first.predicted.cell, -1),
  };
  const rest = sequence(from(last), stay, { steps: 2 })(w(), part(3, 7), random.key(0));
  await same(np.concatenate([first.corrected.mean, rest.corrected.mean]), all.corrected.mean);
});

test("vmap over videos is one by one", async () => {
  await setBackend("reference");
  const track = sequence(level, predict, { steps: 2 });
  const images = random.normal(random.key(8), [3, 7, 2]);
  const run = (image: Tensor) => track(w(), { image, mask: np.onesLike(image) }, random.key(0));
  const together = vmap(run)(images);
  for (const i of [0, 1, 2]) {
    await same(np.slice(together.corrected.mean, i), run(np.slice(images, i)).corrected.mean);
  }
});

test("what has no meaning is refused in words", async () => {
  await setBackend("reference");
  expect(() => sequence(level, predict, loose({ steps: 1, truncate: 0 }))).toThrow(/`truncate`/);
  expect(() => sequence(level, predict, loose({ steps: 1, collect: "all" }))).toThrow(/collect/);
  const wrong = sequence(level, loose((_: W, z: State) => z.mean), { steps: 1 });
  expect(() => wrong(w(), frames(), random.key(0))).toThrow(/trees differ/);
});

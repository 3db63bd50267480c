/** `sequence`: the same level in every frame of a video, carried from frame to frame by a prediction. */
import { scan } from "../control/index.ts";
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, size } from "../options/index.ts";
import * as random from "../random/index.ts";
import { infer, type InferOptions, inferOptions } from "./infer.ts";
import { type At, cutWhere, type Level, mapLeaves } from "./level.ts";

/** Options of {@link sequence}: those of `infer` for each frame, and where the derivative through time is cut. */
export interface SequenceOptions extends Omit<InferOptions<"last">, "collect"> {
  /** The number of frames after which the derivative through time is cut, again and again. Default: never. */
  readonly truncate?: number;
}

/** The result of {@link sequence}; every leaf has time as its first axis. */
export interface Tracked<Z, Y> {
  /** λ of each frame after it was seen. */
  readonly corrected: Z;
  /** λ that is predicted for the frame after each; the last one starts the next part of a long video. */
  readonly predicted: Z;
  /** The step's output y at the corrected λ of each frame. */
  readonly ys: Y;
}

const { collect: _, ...shared } = inferOptions; // each frame gives its last iterate
const checkOptions = declareOptions<SequenceOptions>("sequence", ["level", "predict"], {
  ...shared,
  truncate: size,
});

/**
 * The function `(w, frames, key) => { corrected, predicted, ys }` that tracks λ through time:
 *
 *     λ̂_1 = init(w, x_1),   λ_t = infer from λ̂_t on frame x_t,   λ̂_{t+1} = predict(w, λ_t)
 *
 * as SAVi, R-NEM and PARTS do. `frames` is a tree whose leaves have time as their first axis. To begin with a λ at hand,
 * give a level whose `init` returns it: `{ ...level, init: () => λ }`.
 *
 * ```ts
 * import { type Level, np, random, sequence, type Tensor, unrolled } from "trilevel";
 * // A filter that moves half way to each measurement, and predicts that nothing changes.
 * const level: Level<null, Tensor, Tensor> = {
 *   init: (_, x) => np.zerosLike(x),
 *   step: (_, z, x) => z.add(x.sub(z).mul(0.5)),
 * };
 * const track = sequence(level, (_, z) => z, { steps: 1, adjoint: unrolled(), truncate: 6 });
 * const { corrected } = track(null, np.array([4, 4, 4]), random.key(0));
 * console.assert(String(await corrected.data()) === "2,3,3.5");
 * ```
 *
 * @throws ArgumentError for bad options; TreeError, ShapeError or DTypeError when `predict` changes the tree of λ.
 */
export function sequence<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  predict: (w: W, z: Z, at: At) => Z,
  options: SequenceOptions,
): (w: W, frames: X, key: Tensor) => Tracked<Z, Y> {
  checkOptions(options);
  const { truncate, ...own } = options;
  return (w, frames, key) => {
    const first = mapLeaves((x) => np.slice(x, 0), frames);
    const [startKey, stepKey] = random.split(key);
    const frame = ([z, t]: readonly [Z, Tensor], x: X) => {
      const at = random.foldIn(stepKey, t);
      const [inferKey, predictKey] = random.split(at);
      const { value, ys } = infer({ ...level, init: () => z }, own)(w, x, inferKey);
      const next = predict(w, value, { t, key: predictKey });
      const carried = truncate === undefined
        ? next
        : cutWhere(np.equal(np.mod(t.add(1), truncate), 0), next);
      return [[carried, t.add(1)], [value, next, ys]] as const;
    };
    const start = [level.init(w, first, startKey), np.array(0, { dtype: "int32" })] as const;
    const [, [corrected, predicted, ys]] = scan(frame, start, frames);
    return { corrected, predicted, ys };
  };
}

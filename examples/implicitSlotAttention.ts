/**
 * Implicit slot attention by hand: the paper's one line is a custom derivative around the pure step.
 *
 * Slots are iterated to a fixed point z = step(w, z, x) without derivatives. Backward, the solution z is constant, and one
 * step from it is differentiated: w̄, x̄ = vjp(step at z)(z̄). That is all that `oneStep()` does, too.
 *
 *     deno run -A examples/implicitSlotAttention.ts
 */
import {
  customVjp,
  fixedPointIteration,
  forward,
  grad,
  infer,
  type Level,
  np,
  oneStep,
  random,
  type Tensor,
  unrolled,
  vjp,
} from "trilevel";

/** Weights: projections of slots and pixels, and of what slots gather. */
export type Weights = { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor };

/** One step of slot attention, z [slots, size], x [pixels, size]: pixels choose slots, slots move to their pixels. */
export function step(w: Weights, z: Tensor, x: Tensor): Tensor {
  const attention = np.softmax(np.matmul(np.matmul(x, w.k), np.matmul(z, w.q).T), { axis: 1 });
  const weights = attention.add(1e-8).div(np.sum(attention.add(1e-8), { axis: 0 }));
  return np.tanh(np.matmul(weights.T, np.matmul(x, w.v)));
}

const options = { maxSteps: 7, solver: forward(), adjoint: unrolled(), atol: 0, rtol: 0 };

/** Implicit slot attention as a user writes it. */
export const byHand: (w: Weights, z0: Tensor, x: Tensor) => Tensor = customVjp(
  (w: Weights, z0: Tensor, x: Tensor) =>
    fixedPointIteration((z: Tensor) => step(w, z, x), options)(z0).value,
  (w, z0, x) => {
    const z = byHand(w, z0, x); // itself, so that second derivatives see the solution move
    return [z, { w, z, x }];
  },
  ({ w, z, x }, cotangent) => {
    const [, pullback] = vjp((w: Weights, x: Tensor) => step(w, z, x), w, x);
    const [dw, dx] = pullback(cotangent);
    return [dw, null, dx];
  },
);

const level: Level<Weights, { z0: Tensor; x: Tensor }, Tensor> = {
  init: (_, { z0 }) => z0,
  step: (w, z, { x }) => step(w, z, x),
};
const solve = infer(level, { steps: 7, adjoint: oneStep() });

/** The same from the library. */
export const byInfer = (w: Weights, z0: Tensor, x: Tensor): Tensor =>
  solve(w, { z0, x }, random.key(0)).value;

if (import.meta.main) {
  const [a, b, c, d, e] = random.split(random.key(0), 5);
  const matrix = (key: Tensor) => random.normal(key, [4, 4]);
  const w = { q: matrix(a), k: matrix(b), v: matrix(c) };
  const [z0, x] = [random.normal(d, [3, 4]), random.normal(e, [50, 4])];
  for (const f of [byHand, byInfer]) {
    const slope = grad((w: Weights) => np.sum(np.square(f(w, z0, x))))(w);
    console.log(slope.q);
  }
}

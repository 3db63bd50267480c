/**
 * Two levels: the weights of ridge regression minimize a training loss, and the strength of the penalty, which they depend
 * on, minimizes a validation loss. `argmin` is the inner level, and its derivative is implicit: no step of the inner
 * optimizer is kept. `deno run -A examples/hyperparameter.ts` prints the strengths on the way.
 */
import { argmin, grad, implicit, jit, np, optim, random, type Tensor } from "trilevel";

/** Samples [n, d] and their values [n]. */
export type Samples = { readonly x: Tensor; readonly y: Tensor };

const meanError = (w: Tensor, { x, y }: Samples) => np.mean(np.square(np.matmul(x, w).sub(y)));

/** The training loss, with a penalty of strength exp(s). */
export const penalized = (w: Tensor, s: Tensor, train: Samples): Tensor =>
  meanError(w, train).add(np.exp(s).mul(np.sum(np.square(w))));

/** The weights that minimize it, by gradient descent. */
export const fit = argmin(penalized, {
  optimizer: optim.sgd(0.1),
  steps: 300,
  adjoint: implicit(),
});

/** The validation loss of the weights that belong to a strength. */
export const validation = (s: Tensor, train: Samples, held: Samples): Tensor =>
  meanError(fit(np.zeros([train.x.shape[1]!]), s, train).value, held);

/** Noisy values of a linear function of which only the first coordinate counts. */
export function samples(key: Tensor, n: number): Samples {
  const [a, b] = random.split(key);
  const x = random.normal(a!, [n, 5]);
  const truth = np.array([1, 0, 0, 0, 0]);
  return { x, y: np.matmul(x, truth).add(random.normal(b!, [n])) };
}

if (import.meta.main) {
  const [train, held] = [samples(random.key(0), 6), samples(random.key(1), 100)];
  const slope = jit(grad(validation));
  let s = np.array(-4);
  for (let i = 0; i < 7; i++) {
    if (i % 2 === 0) {
      const [strength, loss] = [np.exp(s), validation(s, train, held)];
      console.log(`exp(s) ${await strength.item()}, validation loss ${await loss.item()}`);
    }
    s = s.sub(slope(s, train, held).mul(4));
  }
}

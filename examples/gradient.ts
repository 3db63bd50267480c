/**
 * The first steps: a loss is a function, its gradient is another, and `jit` makes one program of a whole training step.
 * Logistic regression learns to tell two clouds of points apart. `deno run -A examples/gradient.ts` prints the loss.
 */
import { jit, nn, np, optim, random, type Tensor, valueAndGrad } from "trilevel";

/** The slope for each of two coordinates, [2], and the offset. */
export type Params = { readonly w: Tensor; readonly b: Tensor };

/** Points [n, 2] around (1, 1) and (−1, −1), and the clouds that they are of: 1 or 0, [n]. */
export function clouds(key: Tensor, n: number): { points: Tensor; labels: Tensor } {
  const labels = np.arange(n).mod(2);
  const centers = labels.mul(2).sub(1).reshape([n, 1]);
  return { points: random.normal(key, [n, 2]).mul(0.5).add(centers), labels };
}

/** The cross-entropy of labels, given the points: the mean of −log p(label). */
export function loss({ w, b }: Params, points: Tensor, labels: Tensor): Tensor {
  const logits = np.matmul(points, w).add(b);
  return np.mean(nn.softplus(logits).sub(labels.mul(logits)));
}

/** Learns parameters. */
export async function train(steps: number): Promise<{ params: Params; losses: number[] }> {
  const { points, labels } = clouds(random.key(0), 64);
  const optimizer = optim.adam(0.1);
  const step = jit((params: Params, state: ReturnType<typeof optimizer.init>) => {
    const [value, gradient] = valueAndGrad(loss)(params, points, labels);
    const [updates, next] = optimizer.update(gradient, state, params);
    return [optim.applyUpdates(params, updates), next, value] as const;
  });
  let params: Params = { w: np.zeros([2]), b: np.array(0) };
  let state = optimizer.init(params);
  const losses: Tensor[] = [];
  for (let i = 0; i < steps; i++) {
    const [nextParams, nextState, value] = step(params, state);
    [params, state] = [nextParams, nextState];
    losses.push(value);
  }
  return { params, losses: await Promise.all(losses.map(async (x) => Number(await x.item()))) };
}

if (import.meta.main) {
  const { params, losses } = await train(50);
  console.log(`the loss fell from ${losses[0]!.toFixed(3)} to ${losses.at(-1)!.toFixed(3)}`);
  await params.w.print();
}

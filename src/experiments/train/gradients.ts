/**
 * The gradient that a config's adjoint gives, compared with the one through all iterations, and its cost. A study asks for
 * it with `log.compareGradients`.
 */
import { explain, grad, np, type Tensor, tree } from "../../index.ts";
import type { Outputs, Params, Scores, System } from "../tasks/task.ts";
import type { Evaluated } from "./step.ts";

type GradientOf = (state: Evaluated, batch: Outputs, key: Tensor) => Params;

const gradientOf = (system: System): GradientOf => ({ params, step, loss: state }, batch, key) =>
  grad((p: Params) => system.loss(p, batch, key, { step, state })[0])(params);

/**
 * For the gradients g of a system and e of the same system unrolled: the cosine of the angle between them, of all
 * parameters and the least one of a part of them (an encoder, a decoder), and ‖g‖ / ‖e‖. Two gradients of 0 agree.
 */
export function compareGradients(system: System, unrolled: System) {
  const [own, exact] = [gradientOf(system), gradientOf(unrolled)];
  return (state: Evaluated, batch: Outputs, key: Tensor): Outputs => {
    const [g, e] = [own(state, batch, key), exact(state, batch, key)];
    const parts = Object.keys(g).map((name) => cosine(g[name], e[name]));
    return {
      gradientCosine: cosine(g, e),
      gradientCosineLeast: np.min(np.stack(parts)),
      gradientRatio: length(g).div(length(e)),
    };
  };
}

/** The multiply-adds of a gradient, and the most MiB of intermediate values that are alive at one time, by its program. */
export function costOfGradient(
  system: System,
  state: Evaluated,
  batch: Outputs,
  key: Tensor,
): Scores {
  const { cost, peakBytes } = explain(gradientOf(system), state, batch, key);
  return { gradientMultiplyAdds: cost.multiplyAdds, gradientMiB: peakBytes / 2 ** 20 };
}

function cosine(a: unknown, b: unknown): Tensor {
  const product = total(tree.map((x: Tensor, y: Tensor) => np.sum(x.mul(y)), a, b));
  const lengths = length(a).mul(length(b));
  const none = np.logicalAnd(np.equal(length(a), 0), np.equal(length(b), 0));
  return np.where(none, 1, product.div(np.where(np.equal(lengths, 0), 1, lengths)));
}

const length = (a: unknown) => np.sqrt(total(tree.map((x: Tensor) => np.sum(np.square(x)), a)));

const total = (sums: unknown) => np.sum(np.stack(tree.leaves(sums) as Tensor[])); // a tree of scalars

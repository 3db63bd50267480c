/**
 * A pixel as a mixture of slots: slot k has it with probability m_k, a softmax of logits, and gives it a likelihood p_k.
 * Slots are axis 1 everywhere: [batch, slots, height, width].
 */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { type Drawn, mixed } from "./slotDrawing.ts";

/** ln Σ_k m_k p_k, of logits of m and of ln p: [batch, height, width]. */
export function logMixture(logits: Tensor, logP: Tensor): Tensor {
  return np.logsumexp(np.logSoftmax(logits, { axis: 1 }).add(logP), { axis: 1 });
}

/** The same without slot k, whose share the others divide, for each k: [batch, slots, height, width]. */
export function logMixtureWithout(logits: Tensor, logP: Tensor): Tensor {
  const slots = logits.shape[1]!;
  const own = np.eye(slots).greater(0).reshape([1, slots, slots, 1, 1]);
  const ofOthers = (x: Tensor) =>
    np.logsumexp(np.where(own, -Infinity, np.expandDims(x, 1)), { axis: 2 });
  return ofOthers(logits.add(logP)).sub(ofOthers(logits));
}

/** p_k / (Σ p + 1e-6): the share of each slot if all had the pixel equally likely, as IODINE's network sees it. */
export function likelihoodShares(logP: Tensor): Tensor {
  const p = np.exp(logP);
  return p.div(np.sum(p, { axis: 1, keepdims: true }).add(1e-6));
}

/** ln Logistic(x; μ, s) = −u − ln s − 2 ln(1 + e⁻ᵘ), u = (x − μ) / s. */
export function logLogistic(x: Tensor, mean: Tensor, scale: number): Tensor {
  const u = x.sub(mean).div(scale);
  return u.add(np.softplus(u.neg()).mul(2)).add(Math.log(scale)).neg();
}

/** ln N(x; μ, σ²) without ½ ln 2π, of every channel. */
const logNormal = (x: Tensor, mean: Tensor, deviation: number) =>
  np.square(x.sub(mean).div(deviation)).mul(0.5).add(Math.log(deviation)).neg();

/** −Σ_pixels Σ_channels ln Σ_k m_k N(x; c_k, σ²), each channel a mixture of its own, without its terms of 2π: [batch]. */
export function mixtureError({ colors, logits }: Drawn, x: Tensor, deviation: number): Tensor {
  const logMasks = np.expandDims(np.logSoftmax(logits, { axis: 1 }), -1);
  const logP = logNormal(np.expandDims(x, 1), colors, deviation);
  return np.sum(np.logsumexp(logMasks.add(logP), { axis: 1 }), { axis: [1, 2, 3] }).neg();
}

/** −Σ_pixels Σ_channels ln N(x; Σ_k m_k c_k, σ²), without its terms of 2π: [batch]. */
export function gaussianError(drawn: Drawn, x: Tensor, deviation: number): Tensor {
  return np.sum(logNormal(x, mixed(drawn).reconstruction, deviation), { axis: [1, 2, 3] }).neg();
}

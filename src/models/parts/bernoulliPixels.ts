/** Binary pixels that components explain by pictures of probabilities: likelihoods, assignments and energies of N-EM. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";

/** Keeps densities from 0, so that a pixel that no component explains belongs to all. */
const floor = 1e-6;

/** p(x; ψ) of binary pixels x [batch, pixels] under pictures ψ [batch, slots, pixels]. */
export function densityOf(picture: Tensor, image: Tensor): Tensor {
  const x = np.expandDims(image, 1);
  return x.mul(picture).add(np.subtract(1, x).mul(np.subtract(1, picture)));
}

/** γ, the share of each component in each pixel: [batch, slots, pixels], which sums to 1 over slots. */
export function assignmentOf(picture: Tensor, image: Tensor): Tensor {
  const density = densityOf(picture, image).add(floor);
  return density.div(np.sum(density, { axis: 1, keepdims: true }));
}

/** Assignments from |N(0, 1)|, which break the symmetry of components. */
export function randomAssignment(key: Tensor, shape: readonly number[]): Tensor {
  const weights = np.abs(random.normal(key, shape));
  return weights.div(np.sum(weights, { axis: 1, keepdims: true }));
}

/** Binary images some of whose pixels are flipped, each with a probability. */
export function flipped(key: Tensor, image: Tensor, probability: Tensor): Tensor {
  return np.abs(image.sub(random.bernoulli(key, probability, image.shape).astype("float32")));
}

/** log Σ_k p(x; ψ_k) / K of each image, [batch]. */
export const mixtureLikelihood = (picture: Tensor, image: Tensor): Tensor =>
  np.sum(np.log(np.mean(densityOf(picture, image), { axis: 1 })), { axis: -1 });

/** γ BCE(ψ, x) + w (1 − γ)(−log(1 − ψ)) of each pixel and component. */
export function energyOf(
  picture: Tensor,
  assignment: Tensor,
  x: Tensor,
  priorWeight: number,
): Tensor {
  const on = np.clip(picture, floor, 1 - floor);
  const off = np.log1p(on.neg()).neg();
  const explained = x.mul(np.log(on).neg()).add(np.subtract(1, x).mul(off));
  return assignment.mul(explained).add(np.subtract(1, assignment).mul(off).mul(priorWeight));
}

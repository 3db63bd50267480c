/**
 * Transformations compose: `vmap` of `grad` gives the gradient of each sample, and `hessian` the curvature of all. One
 * Newton step solves least squares exactly. `deno run -A examples/perSample.ts` prints it.
 */
import { grad, hessian, np, type Tensor, vmap } from "trilevel";

/** Half the squared error of one sample: w and x are [d], y is a number. */
export const errorOf = (w: Tensor, x: Tensor, y: Tensor): Tensor =>
  np.square(np.dot(w, x).sub(y)).mul(0.5);

/** The gradient in w of each sample: [n, d] for samples [n, d] and [n]. */
export function perSample(w: Tensor, x: Tensor, y: Tensor): Tensor {
  const gradient = (w: Tensor, x: Tensor, y: Tensor): Tensor => grad(errorOf)(w, x, y);
  return vmap(gradient, { inAxes: [null, 0, 0] })(w, x, y);
}

/** The mean error of all samples. */
export const error = (w: Tensor, x: Tensor, y: Tensor): Tensor =>
  np.mean(vmap(errorOf, { inAxes: [null, 0, 0] })(w, x, y));

/** One step of Newton's method: w − H⁻¹ g. */
export function newtonStep(w: Tensor, x: Tensor, y: Tensor): Tensor {
  const gradient = np.mean(perSample(w, x, y), { axis: 0 });
  return w.sub(np.linalg.solve(hessian(error)(w, x, y), gradient));
}

if (import.meta.main) {
  const x = np.array([[1, 0], [1, 1], [1, 2], [1, 3]]);
  const y = np.array([1, 3, 5, 7]); // 1 + 2 x
  await perSample(np.zeros([2]), x, y).print();
  await newtonStep(np.zeros([2]), x, y).print(); // [1, 2]
}

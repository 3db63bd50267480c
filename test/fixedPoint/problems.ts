/** Fixed-point problems with one parameter tree each; every solver and adjoint is tried on all of them. */
import { np, random, type Tensor } from "trilevel";

/** z = step(z, θ), contractive at the given θ. */
export interface Problem {
  readonly name: string;
  // Trees differ between problems, and the tests only hand them on.
  // deno-lint-ignore no-explicit-any
  readonly step: (z: any, theta: any) => any;
  readonly z0: () => unknown;
  readonly theta: () => unknown;
  /** A scalar of the solution, so that gradients can be compared. */
  readonly loss: (z: never) => Tensor;
}

const f64 = (x: number | number[] | number[][]) => np.array(x, { dtype: "float64" });
const weights = (seed: number, shape: readonly number[], scale: number) =>
  random.normal(random.key(seed), shape, { dtype: "float64" }).mul(scale);

export const problems: readonly Problem[] = [
  {
    name: "cos of a scalar",
    step: (z: Tensor, a: Tensor) => np.cos(z).mul(a),
    z0: () => f64(0.3),
    theta: () => f64(0.8),
    loss: (z: Tensor) => np.square(z),
  },
  {
    name: "tanh of a nonsymmetric matrix",
    step: (z: Tensor, { w, b }: { w: Tensor; b: Tensor }) => np.tanh(np.matmul(w, z).add(b)),
    z0: () => np.zeros([6], { dtype: "float64" }),
    theta: () => ({ w: weights(1, [6, 6], 0.25), b: weights(2, [6], 1) }),
    loss: (z: Tensor) => np.sum(np.sin(z)),
  },
  {
    name: "a tree of two coupled leaves",
    step: (
      { x, pair: [y] }: { x: Tensor; pair: [Tensor] },
      { c, d }: { c: Tensor; d: Tensor },
    ) => ({
      x: np.sin(y).mul(c).add(0.2),
      pair: [np.tanh(np.sum(x).add(y).mul(d))] as [Tensor],
    }),
    z0: () => ({
      x: np.zeros([3], { dtype: "float64" }),
      pair: [np.zeros([3], { dtype: "float64" })],
    }),
    theta: () => ({ c: f64(0.4), d: f64([0.2, -0.3, 0.1]) }),
    loss: ({ x, pair: [y] }: { x: Tensor; pair: [Tensor] }) => np.sum(x.mul(y)),
  },
];

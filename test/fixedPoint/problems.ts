/** Fixed-point problems with one parameter tree each; every solver and adjoint is tried on all of them. */
import { np, random, type Tensor, type Tree, tree } from "trilevel";

type Float = "float32" | "float64";

/** z = step(z, θ), contractive at the given θ. */
export interface Problem {
  readonly name: string;
  // Trees differ between problems, and the tests only hand them on.
  // deno-lint-ignore no-explicit-any
  readonly step: (z: any, theta: any) => any;
  readonly z0: (dtype?: Float) => Tree<Tensor>;
  readonly theta: (dtype?: Float) => Tree<Tensor>;
  /** A scalar of the solution, so that gradients can be compared. */
  // deno-lint-ignore no-explicit-any
  readonly loss: (z: any) => Tensor;
}

const weights = (seed: number, shape: readonly number[], scale: number, dtype: Float) =>
  random.normal(random.key(seed), shape, { dtype }).mul(scale);

export const problems: readonly Problem[] = [
  {
    name: "cos of a scalar",
    step: (z: Tensor, a: Tensor) => np.cos(z).mul(a),
    z0: (dtype = "float64") => np.array(0.3, { dtype }),
    theta: (dtype = "float64") => np.array(0.8, { dtype }),
    loss: (z: Tensor) => np.square(z),
  },
  {
    name: "tanh of a nonsymmetric matrix",
    step: (z: Tensor, { w, b }: { w: Tensor; b: Tensor }) => np.tanh(np.matmul(w, z).add(b)),
    z0: (dtype = "float64") => np.zeros([6], { dtype }),
    theta: (dtype = "float64") => ({
      w: weights(1, [6, 6], 0.25, dtype),
      b: weights(2, [6], 1, dtype),
    }),
    loss: (z: Tensor) => np.sum(np.sin(z)),
  },
  {
    name: "a tree of two coupled leaves",
    step: (
      { x, pair: [y] }: { x: Tensor; pair: [Tensor] },
      { c, d }: { c: Tensor; d: Tensor },
    ) => ({
      x: np.sin(y).mul(c).add(0.2),
      pair: [np.tanh(np.sum(x).add(y).mul(d))],
    }),
    z0: (dtype = "float64") => ({ x: np.zeros([3], { dtype }), pair: [np.zeros([3], { dtype })] }),
    theta: (dtype = "float64") => ({
      c: np.array(0.4, { dtype }),
      d: np.array([0.2, -0.3, 0.1], { dtype }),
    }),
    loss: ({ x, pair: [y] }: { x: Tensor; pair: [Tensor] }) => np.sum(x.mul(y)),
  },
];

/** The tree with a function applied to every leaf. */
export function mapLeaves(f: (x: Tensor, i: number) => Tensor, of: Tree<Tensor>): Tree<Tensor> {
  return tree.unflatten<Tree<Tensor>>(tree.structure(of), tree.leaves(of).map(f));
}

/** θ moved along a fixed direction by t. */
export function moved(theta: Tree<Tensor>, t: Tensor): Tree<Tensor> {
  const direction = (x: Tensor, i: number) => np.cos(np.arange(x.size).add(i)).reshape(x.shape);
  return mapLeaves((x, i) => x.add(direction(x, i).mul(t)), theta);
}

/** A tree as one vector, and back. */
export function vectorOf(like: Tree<Tensor>) {
  const leaves = tree.leaves(like);
  return {
    pack: (z: Tree<Tensor>) => np.concatenate(tree.leaves(z).map((x) => x.reshape([x.size]))),
    unpack(v: Tensor) {
      let at = 0;
      const parts = leaves.map((x) => np.slice(v, [at, at += x.size]).reshape(x.shape));
      return tree.unflatten<Tree<Tensor>>(tree.structure(like), parts);
    },
  };
}

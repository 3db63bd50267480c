/**
 * A level of nested optimization: the weights w are shared by all data, and each datum x has a variable λ of its own, found
 * by an iteration
 *
 *     λ₀ = init(w, x),   λ_{t+1} = step(w, λ_t, x)
 *
 * while an outer objective J(w, λ, x) trains w. Systems of the field differ in `step`, in the objective that the
 * iteration climbs, in the iterates that J sees, and in how the iteration is differentiated. The first two are a `Level`;
 * the last two are options of `infer`, one line to change for every system.
 *
 * `infer` solves a level for one datum (or a batch), `sequence` for every frame of a video, and `minimise` makes a level
 * of an objective and an optimizer. They are built on what every user can import: `fixedPointIteration`, `argmin`, `scan`.
 */
import type { Tensor } from "../public.ts";
import { difference, flatten, structure, unflatten } from "../tree.ts";
import * as np from "../numpy/index.ts";
import { stopGradient } from "../transforms/index.ts";

/** The place of a step in its iteration. */
export interface At {
  /** The number of steps taken before this one, int32; 0 in every step with `noise: "fixed"`. */
  readonly t: Tensor;
  /** The random key of this step; the same in every step with `noise: "fixed"`. */
  readonly key: Tensor;
}

/**
 * One inner optimization: how λ begins, how it moves, and what it climbs. λ may be any tree, and may carry the state of an
 * LSTM or of an optimizer; its leaves keep their shapes and types from step to step.
 *
 * Four shapes of `step` cover the field: a closed form (EM, soft k-means), a descent (stochastic variational inference),
 * a learned cell (slot attention, neural EM), and a learned cell fed with gradients of the objective (iterative
 * amortized inference, IODINE).
 */
export interface Level<W, X, Z, Y = null> {
  /** The first λ, from weights, datum and a random key. */
  init(w: W, x: X, key: Tensor): Z;
  /** The next λ, a pure function; or `[λ, y]` with an output y of the step. */
  step(w: W, z: Z, x: X, at: At): Z | readonly [Z, Y];
  /** The inner objective L, for each sample or as a number: to be watched, climbed, or fed back as gradients. */
  objective?(w: W, z: Z, x: X, at: At): Tensor;
}

/** The result of a step as λ and y: a pair is `[λ, y]`, unless λ itself is such a pair. */
export function splitStep<Z, Y>(z: Z, result: Z | readonly [Z, Y]): readonly [Z, Y | null] {
  const isPair = Array.isArray(result) && result.length === 2 &&
    difference(structure(z), structure(result)) !== undefined;
  return isPair ? result as readonly [Z, Y] : [result as Z, null]; // the two members of the union
}

/** A tree of tensors with a function applied to each leaf. */
export function mapLeaves<Z>(f: (leaf: Tensor) => Tensor, tree: Z): Z {
  const [leaves, structure] = flatten(tree);
  return unflatten<Z>(structure, (leaves as Tensor[]).map(f)); // λ and x are trees of tensors
}

/** λ, constant to what follows where a condition holds. */
export function cutWhere<Z>(condition: Tensor, z: Z): Z {
  return mapLeaves((leaf) => np.where(condition, stopGradient(leaf), leaf), z);
}

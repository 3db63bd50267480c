/** Descent: an optimizer as a fixed-point solver. */
import type { Tensor } from "../core/tensor.ts";
import { flatten, leaves, type Structure, type Tree, unflatten } from "../core/tree.ts";
import * as np from "../numpy/index.ts";
import { type Kind, madeBy } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { vmap } from "../transforms/vmap.ts";
import type { Extra, GradientTransformation } from "./optimizer.ts";
import type { Packing } from "./packing.ts";
import { like } from "./rows.ts";
import type { FixedPointSolver } from "./solver.ts";

type State = Tree<Tensor>;

/** The kind of options that hold an optimizer. */
export const optimizerKind: Kind<GradientTransformation> = madeBy(
  "an optimizer",
  { sgd: "optim.sgd(0.1)", adam: "optim.adam(0.1)", rmsprop: "optim.rmsprop(0.1)" },
  ({ init, update }) => typeof init === "function" && typeof update === "function",
);

/** Options that say how an optimizer sees the rows. */
export interface DescentOptions {
  /** The user's tree, in which leaves that are not float are absent. */
  readonly structure: Structure;
  readonly packing: Packing;
  /** α in f(z) = z - α∇h(z). */
  readonly stepSize: number;
  /** Further values that updates may use, at a point. */
  extra(params: unknown): Extra;
}

/**
 * The solver of z = z - α∇h(z) that moves by an optimizer's updates, with ∇h = -(f(z) - z) / α. The optimizer sees the
 * tree that the user gave; where there are samples it sees one at a time, so that norms, counts and whatever else it
 * keeps belong to that sample alone.
 */
export function descent(
  optimizer: GradientTransformation,
  { structure, packing, stepSize, extra }: DescentOptions,
): FixedPointSolver<State> {
  const treeOf = (rows: Tensor) =>
    unflatten(structure, packing.unpack<Tensor | null>(rows, packing.axes.map(() => null)));
  const axes = unflatten(structure, packing.axes.map((axis) => axis ?? null));
  const samples = packing.axes.some((axis) => axis !== undefined);
  // An optimizer's state is a tree of tensors: that is what lets it be carried through a loop.
  const init = (params: unknown) => optimizer.init(params) as State;
  const update = (gradients: unknown, state: State, params: unknown): [unknown, State] => {
    const [updates, next] = optimizer.update(gradients, state, params, extra(params));
    return [moved(params, updates), next as State];
  };
  const each = { inAxes: [axes, 0, axes], outAxes: [axes, 0] } as never; // axes by leaf, in z's own structure
  const [start, step] = samples
    ? [vmap(init, { inAxes: [axes as never] }), vmap(update, each)]
    : [init, update];
  return {
    kind: "fixedPoint",
    name: "descent",
    returns: "last",
    init: (z0) => start(treeOf(z0)),
    next(z, f, state, _map, change = lax.sub(f, z)) {
      const gradient = stepSize === 1
        ? lax.neg(change)
        : lax.mul(change, like(change, -1 / stepSize));
      const [params, next] = step(treeOf(gradient), state, treeOf(z));
      return { z: packing.pack(leaves(params as State)), state: next };
    },
  };
}

/** The parameters with updates added, each in its element type. */
function moved(params: unknown, updates: unknown): unknown {
  const [before, structure] = flatten(params);
  const added = flatten(updates)[0].map((u, i) => {
    const p = before[i] as Tensor; // trees of tensors, by what optimizers are
    return np.astype(np.add(p, u as Tensor), p.dtype);
  });
  return unflatten(structure, added);
}

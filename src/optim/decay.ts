/** Weight decay. */
import { Tensor } from "../public.ts";
import {
  declareOptions,
  finite,
  type Kind,
  kind,
  requireArgument,
  scalarOf,
} from "../options/index.ts";
import { requireUpdates } from "./checks.ts";
import { mapLeaves, required } from "./leaves.ts";
import { byLabel, type Labels } from "./labels.ts";
import { type GradientTransformation, type Scalar, stateless } from "./transformation.ts";

/** A choice of parameters: a tree of booleans that follows the containers of the parameters, or a function. */
export type Mask = Labels<boolean>;

/** The kind of options that hold a mask. */
export const maskKind: Kind<Mask> = kind(
  "a tree of booleans, or a function that makes one",
  "(params) => tree.map((p) => p.ndim > 1, params)",
  function accepts(x): boolean {
    if (typeof x === "boolean" || typeof x === "function") return true;
    return typeof x === "object" && x !== null && !(x instanceof Tensor) &&
      Object.values(x).every((part) => typeof part !== "function" && accepts(part));
  },
);

const checkOptions = declareOptions<{ readonly mask?: Mask }>(
  "optim.addDecayedWeights",
  ["1e-4"],
  { mask: maskKind },
);

/**
 * Adds `weightDecay · p` to the update of every parameter `p` in the mask. Before Adam's scaling this
 * is an L2 penalty, after it decoupled decay (see `adamw`).
 *
 * ```ts
 * import { np, optim, tree } from "trilevel";
 * // Matrices decay, vectors (biases, scales) do not.
 * const decay = optim.addDecayedWeights(0.1, {
 *   mask: (params) => tree.map((p: { ndim: number }) => p.ndim > 1, params),
 * });
 * const params = { w: np.ones([1, 1]), b: np.ones([1]) };
 * const [u] = decay.update({ w: np.zeros([1, 1]), b: np.zeros([1]) }, null, params);
 * console.assert(Math.abs(await u.w.item() - 0.1) < 1e-6 && await u.b.item() === 0);
 * ```
 *
 * @throws ArgumentError when `update` is not given the parameters.
 */
export function addDecayedWeights(
  weightDecay: Scalar,
  options: { readonly mask?: Mask } = {},
): GradientTransformation<null> {
  requireArgument("optim.addDecayedWeights", "weightDecay", scalarOf(finite), weightDecay);
  checkOptions(options);
  const { mask = true } = options;
  const decayed = (u: Tensor, p: Tensor) => u.add(p.mul(weightDecay));
  return stateless((updates, given) => {
    const params = required(given, "addDecayedWeights");
    requireUpdates("addDecayedWeights", updates, params);
    const kept = byLabel(mask, params, "addDecayedWeights: the mask");
    let next = 0;
    return mapLeaves((u, p) => kept[next++] ? decayed(u, p) : u, updates, params);
  });
}

/** Options of optimizers with decoupled weight decay. */
export interface DecayOptions {
  /** The fraction of a weight taken off, times the learning rate. */
  readonly weightDecay?: Scalar;
  /** The parameters that decay; all by default. */
  readonly mask?: Mask;
}

/** The kinds of {@link DecayOptions}. */
export const decayKinds = { weightDecay: scalarOf(finite), mask: maskKind } as const;

/** {@link addDecayedWeights} of an optimizer's options. */
export function decayOf(
  { weightDecay, mask }: DecayOptions,
  unlessGiven: number,
): GradientTransformation<null> {
  return addDecayedWeights(weightDecay ?? unlessGiven, mask === undefined ? {} : { mask });
}

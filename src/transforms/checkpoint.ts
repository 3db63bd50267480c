/** `checkpoint`: less memory for the reverse derivative, at the price of computing twice. */
import { currentTrace } from "../core/trace.ts";
import { type MapTree, unflatten } from "../core/tree.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  checkpointCall,
  checkpointName as withName,
  type SavePolicy,
} from "../primitives/index.ts";
import { refuseEscaped, tensorLeaves, traceFunction } from "../core/function.ts";
import { callable, declareOptions } from "../options/index.ts";

export type { SavePolicy };

/** Options of `checkpoint`. */
export interface CheckpointOptions {
  /** The instructions whose results are kept, by name: see `savePolicies`. Default: none. */
  policy?: SavePolicy;
}

const isProduct = (primitive: string) => primitive === "dot" || primitive === "conv";

/** The name that `checkpointName` gave. */
const nameOf = (primitive: string, params: object): string | undefined =>
  primitive === "checkpointName" && "name" in params ? String(params.name) : undefined;

/**
 * Policies by their names in JAX. Those that take names are functions that give a policy.
 *
 * ```ts
 * import { checkpoint, checkpointName, grad, np, savePolicies, type Tensor } from "trilevel";
 * const f = checkpoint(
 *   (x: Tensor) => np.sin(checkpointName(np.exp(x), "hidden")),
 *   { policy: savePolicies.saveOnlyTheseNames("hidden") },
 * );
 * console.assert(await grad(f)(np.array(0)).item() === Math.fround(Math.cos(1)));
 * ```
 */
export const savePolicies = {
  /** Keep nothing. */
  nothingSaveable: () => false,
  /** Keep everything, as if there were no checkpoint. */
  everythingSaveable: () => true,
  /** Keep products: cheap things are computed again, dear ones are not. */
  dotsSaveable: isProduct,
  /** Keep products without batch axes, such as those of layers with their weights. */
  dotsWithNoBatchDimsSaveable: (primitive: string, params: object) =>
    primitive === "dot" && "lhsBatch" in params && Array.isArray(params.lhsBatch) &&
    params.lhsBatch.length === 0,
  /** Keep what has one of these names. */
  saveOnlyTheseNames: (...names: string[]): SavePolicy => (primitive, params) =>
    names.includes(nameOf(primitive, params) ?? ""),
  /** Keep all that has a name but these. */
  saveAnyNamesButThese: (...names: string[]): SavePolicy => (primitive, params) => {
    const name = nameOf(primitive, params);
    return name !== undefined && !names.includes(name);
  },
  /** Keep everything, named or not, but what has one of these names. The value from which it was named is kept. */
  saveAnythingExceptTheseNames: (...names: string[]): SavePolicy => (primitive, params) =>
    !names.includes(nameOf(primitive, params) ?? ""),
  /** Keep what either policy keeps. */
  saveFromBothPolicies: (a: SavePolicy, b: SavePolicy): SavePolicy => (primitive, params) =>
    a(primitive, params) || b(primitive, params),
} as const;

const checkOptions = declareOptions<CheckpointOptions>("checkpoint", ["f"], {
  policy: callable("savePolicies.dotsSaveable"),
});

/**
 * The function `f`, which under reverse mode keeps only its inputs (and what the policy names), and
 * computes the rest again on the way back (Chen et al., 2016, "Training deep nets with sublinear memory
 * cost"). Values and derivatives are those of `f`.
 *
 * ```ts
 * import { checkpoint, grad, np, type Tensor } from "trilevel";
 * const f = checkpoint((x: Tensor) => np.sin(np.sin(x)));
 * console.assert(await grad(f)(np.array(0)).item() === 1);
 * ```
 */
export function checkpoint<A extends unknown[], R>(
  f: (...args: A) => R,
  options: CheckpointOptions = {},
): (...args: A) => R {
  checkOptions(options);
  return (...args) => {
    refuseEscaped(args);
    if (!currentTrace()) return f(...args);
    const { program, captured, leaves, output } = traceFunction(f, args, "checkpoint");
    const results = checkpointCall([...captured, ...leaves], { program, policy: options.policy });
    return unflatten(output, results);
  };
}

/**
 * The same tree, whose values have a name, by which policies of {@link checkpoint} such as
 * `savePolicies.saveOnlyTheseNames` find them. Elsewhere it does nothing.
 *
 * ```ts
 * import { checkpointName, np } from "trilevel";
 * console.assert(await checkpointName(np.array(3), "hidden").item() === 3);
 * ```
 */
export function checkpointName<T>(
  x: T,
  name: string,
): MapTree<T, Tensor | number | boolean, Tensor> {
  const [leaves, structure] = tensorLeaves(x, "checkpointName: argument 0");
  return unflatten(structure, currentTrace() ? leaves.map((leaf) => withName(leaf, name)) : leaves);
}

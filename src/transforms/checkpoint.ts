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

/** Policies by their names in JAX; policies that take names are functions, such as `saveOnlyTheseNames`. */
export const savePolicies = {
  /** Keep nothing. */
  nothingSaveable: () => false,
  /** Keep everything, as if there were no checkpoint. */
  everythingSaveable: () => true,
  /** Keep products: cheap operations are computed again, expensive ones are not. */
  dotsSaveable: (primitive: string) => primitive === "dot" || primitive === "conv",
  /** Keep products without batch axes, such as those of layers with their weights. */
  dotsWithNoBatchDimsSaveable: (primitive: string, params: object) =>
    primitive === "dot" && "lhsBatch" in params && Array.isArray(params.lhsBatch) &&
    params.lhsBatch.length === 0,
} as const satisfies Record<string, SavePolicy>;

/**
 * The policy that keeps what `checkpointName` gave one of these names, and computes all else again.
 *
 * ```ts
 * import { checkpoint, checkpointName, grad, np, saveOnlyTheseNames, type Tensor } from "trilevel";
 * const f = checkpoint(
 *   (x: Tensor) => np.sin(checkpointName(np.exp(x), "hidden")),
 *   { policy: saveOnlyTheseNames("hidden") },
 * );
 * console.assert(await grad(f)(np.array(0)).item() === Math.fround(Math.cos(1)));
 * ```
 */
export function saveOnlyTheseNames(...names: string[]): SavePolicy {
  return (primitive, params) => names.includes(nameOf(primitive, params) ?? "");
}

/**
 * The policy that keeps all that has a name but these.
 *
 * ```ts
 * import { checkpoint, np, saveAnyNamesButThese, type Tensor } from "trilevel";
 * const f = checkpoint((x: Tensor) => np.sin(x), { policy: saveAnyNamesButThese("attention") });
 * console.assert(await f(np.array(0)).item() === 0);
 * ```
 */
export function saveAnyNamesButThese(...names: string[]): SavePolicy {
  return (primitive, params) => {
    const name = nameOf(primitive, params);
    return name !== undefined && !names.includes(name);
  };
}

/**
 * The policy that keeps everything, named or not, but what has one of these names. The value from which it was named is
 * kept, unless it has such a name too.
 *
 * ```ts
 * import { checkpoint, np, saveAnythingExceptTheseNames, type Tensor } from "trilevel";
 * const policy = saveAnythingExceptTheseNames("attention");
 * const f = checkpoint((x: Tensor) => np.sin(x), { policy });
 * console.assert(await f(np.array(0)).item() === 0);
 * ```
 */
export function saveAnythingExceptTheseNames(...names: string[]): SavePolicy {
  return (primitive, params) => !names.includes(nameOf(primitive, params) ?? "");
}

/**
 * The policy that keeps what either of two keeps.
 *
 * ```ts
 * import { checkpoint, np, saveFromBothPolicies, saveOnlyTheseNames, savePolicies, type Tensor } from "trilevel";
 * const policy = saveFromBothPolicies(savePolicies.dotsSaveable, saveOnlyTheseNames("hidden"));
 * const f = checkpoint((x: Tensor) => np.sin(x), { policy });
 * console.assert(await f(np.array(0)).item() === 0);
 * ```
 */
export function saveFromBothPolicies(a: SavePolicy, b: SavePolicy): SavePolicy {
  return (primitive, params) => a(primitive, params) || b(primitive, params);
}

/** The name that `checkpointName` gave. */
function nameOf(primitive: string, params: object): string | undefined {
  return primitive === "checkpointName" && "name" in params ? String(params.name) : undefined;
}

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
 * `saveOnlyTheseNames` find them. Elsewhere it does nothing.
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

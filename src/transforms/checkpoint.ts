/** `checkpoint`: less memory for the reverse derivative, at the price of computing twice. */
import { currentTrace } from "../core/trace.ts";
import { unflatten } from "../core/tree.ts";
import { checkpointCall, type SavePolicy } from "../primitives/index.ts";
import { refuseEscaped, traceFunction } from "../core/function.ts";
import { callable, declareOptions } from "../options/index.ts";

export type { SavePolicy };

/** Options of `checkpoint`. */
export interface CheckpointOptions {
  /** The instructions whose results are kept, by name: see `savePolicies`. Default: none. */
  policy?: SavePolicy;
}

/** Policies by their names in JAX. */
export const savePolicies = {
  /** Keep nothing. */
  nothingSaveable: () => false,
  /** Keep everything, as if there were no checkpoint. */
  everythingSaveable: () => true,
  /** Keep products: cheap things are computed again, dear ones are not. */
  dotsSaveable: (primitive: string) => primitive === "dot" || primitive === "conv",
} as const satisfies Record<string, SavePolicy>;

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

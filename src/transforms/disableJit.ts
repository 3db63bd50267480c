/** `disableJit`: running functions operation by operation, to look into them. */
import { withoutJit } from "../core/jitSwitch.ts";

/**
 * Calls `f` with `jit` turned off: functions that it would compile run as they stand, one operation after the other, and
 * `scan`, `map` and `foriLoop` one step after the other. So tensors inside have values, which can be kept and read. What
 * is being transformed (`grad`, `vmap`, …) is still traced, and so are `cond` and `whileLoop`, which decide by values
 * that are not there yet. It lasts until `f` returns: what `f` does after an `await` is compiled again.
 *
 * ```ts
 * import { disableJit, jit, np, type Tensor } from "trilevel";
 * const seen: Tensor[] = [];
 * const f = jit((x: Tensor) => {
 *   const y = x.mul(2);
 *   seen.push(y);
 *   return y.add(1);
 * });
 * disableJit(() => f(np.array(3)));
 * console.assert(await seen[0]!.item() === 6);
 * ```
 */
export function disableJit<R>(f: () => R): R {
  return withoutJit(f);
}

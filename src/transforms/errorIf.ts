/** Errors that depend on values: what a compiled function finds out only while it runs. */
import { BackendError } from "../core/errors.ts";
import type { HostCallback } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { declareOperands } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { jit } from "./jit.ts";

// One function for each message, so that equal programs stay equal.
const known = new Map<string, (x: Tensor, wrong: Tensor) => Tensor>();

const checkOperands = declareOperands("errorIf", ["x", "predicate", "message", "hint"]);

/**
 * x itself, unless an element of `predicate` is true: then reading any result of the compiled function that it is called
 * in (without `jit`, of x itself) rejects with the message and the hint. It is for what types and shapes do not say, such
 * as an index that is out of range. JAX users know it as `error_if` of Equinox.
 *
 * ```ts
 * import { errorIf, jit, np, type Tensor } from "trilevel";
 * const root = jit((x: Tensor) =>
 *   np.sqrt(errorIf(x, np.less(x, 0), "root: x is negative", "give np.abs(x)"))
 * );
 * console.assert(await root(np.array(4)).item() === 2);
 * const error = await root(np.array(-4)).item().catch((error) => error);
 * console.assert(String(error).includes("x is negative"));
 * ```
 */
export function errorIf(x: Tensor, predicate: Tensor, message: string, hint: string): Tensor {
  checkOperands(arguments[4]);
  const name = JSON.stringify([message, hint]);
  let refuse = known.get(name);
  if (refuse === undefined) {
    const see: HostCallback = ([values]) => {
      // More than one under vmap.
      if (Array.from(values!).some(Boolean)) throw new BackendError(message, hint);
    };
    refuse = jit((given: Tensor, wrong: Tensor) => {
      const any = lax.reduceOr(wrong, wrong.shape.map((_, axis) => axis));
      lax.callback([any], see, true);
      // A result of the program and not its input, so that reading it waits for the look.
      return lax.select(lax.broadcast(any, given.shape, []), lax.fullLike(given, 0), given);
    });
    known.set(name, refuse);
  }
  return refuse(x, predicate);
}

/** `map`: a function applied to one slice after the other. */
import { scan } from "./scan.ts";

/**
 * `f` of each slice of `xs` along axis 0, stacked; one after the other, so that it needs the memory
 * of one at a time. `vmap` does all at once, and is faster where memory allows.
 *
 * ```ts
 * import { map, np, type Tensor } from "trilevel";
 * const sums = map((row: Tensor) => row.sum(), np.array([[1, 2], [3, 4]]));
 * console.assert(String(await sums.data()) === "3,7");
 * ```
 *
 * @throws as {@link scan}.
 */
export function map<X, Y>(f: (x: X) => Y, xs: X): Y {
  return scan<null, X, Y>((_, x) => [null, f(x)], null, xs)[1];
}

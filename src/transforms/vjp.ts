/** `vjp`: reverse mode, from cotangents of the outputs to cotangents of the arguments. */
import { isFloat } from "../core/dtype.ts";
import { evaluate } from "../core/evaluate.ts";
import { owning } from "../runtime/memory.ts";
import type { Tensor } from "../core/tensor.ts";
import { type MapTree, unflatten } from "../core/tree.ts";
import { linearizeProgram } from "../primitives/interpreters/linearize.ts";
import { transposeProgram } from "../primitives/interpreters/transpose.ts";
import { traceFunction, unflattenAll } from "../core/function.ts";
import { companionLeaves } from "./companions.ts";

/**
 * The value of `f` and its pullback v ↦ Jᵀv, which takes a cotangent like the value (`null` anywhere in
 * it is zero) and gives a list of cotangents, one for each argument; integer and boolean leaves have
 * `null`. The pullback may be called any number of times, also inside other transformations. It owns what it
 * remembers of the values: `using` or `dispose(pullback)` frees that at once, else the garbage collector does.
 *
 * ```ts
 * import { np, type Tensor, vjp } from "trilevel";
 * const [y, pullback] = vjp((a: Tensor, b: Tensor) => a.mul(b), np.array([1, 2]), np.array([3, 4]));
 * const [da, db] = pullback(np.array([1, 10]));
 * console.assert((await da.data())[1] === 40 && (await db.data())[1] === 20, y);
 * ```
 */
export function vjp<A extends unknown[], R>(
  f: (...args: A) => R,
  ...args: A
): [value: R, pullback: ((cotangent: MapTree<R, Tensor, Tensor | null>) => A) & Disposable] {
  const { program, captured, leaves, structures, output } = traceFunction(
    f,
    args,
    "vjp",
    () => true,
  );
  const active = leaves.map((x) => isFloat(x.dtype));
  const split = linearizeProgram(program, [...captured.map(() => false), ...active]);
  const results = evaluate(split.primal, [...captured, ...leaves]);
  const values = results.slice(0, program.outputs.length);
  const residuals = results.slice(values.length);
  const linear = split.linear.inputs.map((_, i) => i >= residuals.length);
  const pullback = (cotangent: unknown): A => {
    const cts = companionLeaves(output, cotangent, values, "vjp: the cotangent")
      .filter((_, i) => split.active[i]);
    const program = transposeProgram(split.linear, linear, cts.map((ct) => ct !== null));
    const present = cts.filter((ct): ct is Tensor => ct !== null);
    const found = evaluate(program, [...residuals, ...present]);
    let next = 0;
    // Leaves are cotangents in the places of the arguments' leaves.
    return unflattenAll(structures, active.map((a) => a ? found[next++]! : null)) as A;
  };
  return [unflatten(output, values), owning(pullback, residuals)];
}

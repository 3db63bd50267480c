/** `linearize` and `linearTranspose`: derivatives as linear functions, to be applied many times. */
import { isFloat } from "../core/dtype.ts";
import { evaluate } from "../core/evaluate.ts";
import { owning } from "../runtime/memory.ts";
import type { Tensor } from "../core/tensor.ts";
import { type MapTree, unflatten } from "../core/tree.ts";
import { linearizeProgram } from "../primitives/interpreters/linearize.ts";
import { transposeProgram } from "../primitives/interpreters/transpose.ts";
import { fullLike, instantiate } from "../primitives/index.ts";
import { traceFunction, unflattenAll } from "../core/function.ts";
import { companionLeaves } from "./companions.ts";
import type { Optional } from "./jvp.ts";

/**
 * The value of `f` and its derivative as a function of tangents: `jvp` with everything that does not
 * depend on the tangent computed once. The function owns that: `using` or `dispose(lin)` frees it at once.
 *
 * ```ts
 * import { linearize, np, type Tensor } from "trilevel";
 * const [y, lin] = linearize((x: Tensor) => np.sin(x), np.array(0));
 * console.assert(await lin(np.array(2)).item() === 2, y);
 * ```
 */
export function linearize<A extends unknown[], R>(
  f: (...args: A) => R,
  ...args: A
): [value: R, lin: ((...tangents: Optional<A>) => R) & Disposable] {
  const { program, captured, leaves, structures, output } = traceFunction(
    f,
    args,
    "linearize",
    () => true,
  );
  const active = leaves.map((x) => isFloat(x.dtype));
  const split = linearizeProgram(program, [...captured.map(() => false), ...active]);
  const results = evaluate(split.primal, [...captured, ...leaves]);
  const values = results.slice(0, program.outputs.length);
  const residuals = results.slice(values.length);
  const all = { kind: "array", children: structures } as const;
  const lin = (...tangents: Optional<A>): R => {
    const directions = companionLeaves(all, tangents, leaves, "linearize: tangents")
      .map((t, i) => active[i] ? instantiate(t, leaves[i]!) : null)
      .filter((t): t is Tensor => t !== null);
    const moved = evaluate(split.linear, [...residuals, ...directions]);
    let next = 0;
    const tangent = values.map((y, i) =>
      split.active[i] ? moved[next++]! : isFloat(y.dtype) ? fullLike(y, 0) : null
    );
    return unflatten(output, tangent);
  };
  return [unflatten(output, values), owning(lin, residuals)];
}

/**
 * The transpose of a linear function: a function from cotangents of its result to a list of cotangents
 * of its arguments. `examples` give the arguments' shapes and types only.
 *
 * ```ts
 * import { linearTranspose, np, type Tensor } from "trilevel";
 * const transposed = linearTranspose((x: Tensor) => x.mul(3).sum(), np.zeros([2]));
 * console.assert((await transposed(np.array(1))[0].data())[1] === 3);
 * ```
 *
 * @throws NotDifferentiableError when the function is not linear, naming the operation.
 */
export function linearTranspose<A extends unknown[], R>(
  f: (...args: A) => R,
  ...examples: A
): (cotangent: MapTree<R, Tensor, Tensor | null>) => A {
  const traced = traceFunction(f, examples, "linearTranspose", () => true);
  const { program, captured, leaves, structures, output } = traced;
  const linear = [...captured.map(() => false), ...leaves.map(() => true)];
  return (cotangent) => {
    const of = program.outputs;
    const cts = companionLeaves(output, cotangent, of, "linearTranspose: the cotangent");
    const transposed = transposeProgram(program, linear, cts.map((ct) => ct !== null));
    const present = cts.filter((ct): ct is Tensor => ct !== null);
    // Leaves are cotangents in the places of the arguments' leaves.
    return unflattenAll(structures, evaluate(transposed, [...captured, ...present])) as A;
  };
}

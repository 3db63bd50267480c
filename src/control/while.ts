/** `whileLoop`: a loop that ends when a condition no longer holds. */
import { ArgumentError, DTypeError, TreeError } from "../core/errors.ts";
import { tensorLeaves, traceLeaves } from "../core/function.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { assertSameStructure, unflatten } from "../core/tree.ts";
import { count, declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { traceStep, withTypes } from "./carry.ts";

/** Options of {@link whileLoop}. */
export interface WhileOptions {
  /**
   * The most steps it may take; it stops there even if the condition still holds. Needed for reverse-mode
   * derivatives, and on `webgpu`, which cannot branch on a value of its own.
   */
  readonly maxSteps?: number | undefined;
}

const checkOptions = declareOptions<WhileOptions>("whileLoop", ["condition", "body", "init"], {
  maxSteps: count,
});

/**
 * Repeats `carry = body(carry)` while `condition(carry)` holds, and gives the last carry, a tree. With
 * `maxSteps` it ends after at most that many steps, and can be differentiated in reverse (each
 * step's residuals are kept); without, it has forward derivatives only. Under `vmap` an element that
 * has ended stays what it is; the step runs on what it carried into its last one, so that a step may be undefined
 * for a carry that ends the loop.
 *
 * ```ts
 * import { np, type Tensor, whileLoop } from "trilevel";
 * // Newton's method for √2.
 * const root = whileLoop(
 *   (x: Tensor) => np.abs(x.mul(x).sub(2)).greater(1e-6),
 *   (x: Tensor) => x.add(np.divide(2, x)).mul(0.5),
 *   np.array(1),
 *   { maxSteps: 20 },
 * );
 * console.assert(Math.abs(await root.item() - Math.SQRT2) < 1e-6);
 * ```
 *
 * @throws TreeError, ShapeError or DTypeError when the carry changes its structure, shape or type,
 * naming the path; DTypeError when the condition is no boolean scalar.
 */
export function whileLoop<C>(
  condition: (carry: C) => Tensor | boolean,
  body: (carry: C) => C,
  init: C,
  options: WhileOptions = {},
): C {
  checkOptions(options);
  const { maxSteps } = options;
  if (maxSteps !== undefined && !(Number.isInteger(maxSteps) && maxSteps >= 0)) {
    throw new ArgumentError(`whileLoop: maxSteps is ${maxSteps}`, "give a whole number ≥ 0");
  }
  const [leaves, structure] = tensorLeaves(init, "whileLoop: init");
  const step = traceStep(
    body,
    { structure, init: leaves, name: "whileLoop" },
    { structures: [], avals: [] },
    (output) => assertSameStructure(structure, output, "whileLoop: the carry"),
  );
  const test = traceLeaves(condition, [structure], step.carry, "whileLoop");
  if (test.output.kind !== "leaf") {
    throw new TreeError(
      "whileLoop: the condition returns a tree",
      "it must return one boolean scalar",
    );
  }
  const holds = test.program.outputs[0]!.aval;
  if (holds.dtype !== "bool" || holds.shape.length !== 0) {
    throw new DTypeError(
      `whileLoop: the condition returns ${formatAval(holds)}`,
      "it must return one boolean scalar: compare, and reduce with np.any or np.all",
    );
  }
  const results = withTypes(
    leaves,
    step.carry,
    (carry) =>
      lax.whileLoop([...test.captured, ...step.captured, ...carry], {
        condition: test.program,
        body: step.program,
        conditionConsts: test.captured.length,
        bodyConsts: step.captured.length,
        maxSteps,
      }),
  );
  return unflatten<C>(structure, results);
}

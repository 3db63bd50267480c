/** `whileLoop`: a loop that ends when its condition says so. */
import { ArgumentError, DTypeError } from "../core/errors.ts";
import { traceLeaves } from "../core/function.ts";
import { formatAval } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { traceBody } from "./carry.ts";

/** Options of `whileLoop`. */
export interface WhileOptions {
  /**
   * The most steps it may take; it stops there even if the condition still holds. Needed for reverse-mode
   * derivatives, and on `webgpu`, which cannot branch on a value of its own.
   */
  maxSteps?: number | undefined;
}

/**
 * `while (condition(carry)) carry = body(carry)`. The carry is a tree; the condition gives one boolean
 * scalar. Forward derivatives always exist; reverse ones with `maxSteps`, by a loop of that many steps. Under
 * `vmap` it runs until every element has ended, and elements that have ended keep their carry.
 *
 * ```ts
 * import { np, type Tensor, whileLoop } from "trilevel";
 * const x = whileLoop((x: Tensor) => x.less(100), (x: Tensor) => x.mul(3), np.array(1));
 * console.assert(await x.item() === 243);
 * ```
 *
 * @throws DTypeError when the condition is no boolean scalar; ShapeError or TreeError when the body gives
 * another carry than it takes.
 */
export function whileLoop<C>(
  condition: (carry: C) => Tensor,
  body: (carry: C) => C,
  init: C,
  options: WhileOptions = {},
): C {
  const { maxSteps } = options;
  if (maxSteps !== undefined && !(Number.isInteger(maxSteps) && maxSteps >= 0)) {
    throw new ArgumentError(`whileLoop: maxSteps ${maxSteps}`, "give a whole number ≥ 0");
  }
  const step = traceBody("whileLoop", body, init, { structures: [], avals: [] });
  const avals = step.carry.map((x) => ({ ...x.aval, weak: false }));
  const test = traceLeaves(condition, [step.structure], avals, "whileLoop: the condition");
  const found = test.program.outputs.map((a) => formatAval(a.aval));
  if (found.length !== 1 || found[0] !== "bool[]") {
    throw new DTypeError(
      `whileLoop: the condition gives ${found.join(", ")}`,
      "give one boolean scalar, such as x.less(1) or np.all(…)",
    );
  }
  const results = lax.whileLoop([...test.captured, ...step.captured, ...step.carry], {
    condition: test.program,
    body: step.program,
    conditionConsts: test.captured.length,
    bodyConsts: step.captured.length,
    maxSteps,
  });
  return unflatten<C>(step.structure, results);
}

/** `customGradient`: a function that gives its value together with its own reverse derivative. */
import { isFloat } from "../core/dtype.ts";
import { evaluate } from "../core/evaluate.ts";
import { tensorLeaves, traceLeaves } from "../core/function.ts";
import { formatAval } from "../core/aval.ts";
import type { Program } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { flatten, formatStructure, type Structure, unflatten } from "../core/tree.ts";
import { customVjp } from "./customVjp.ts";

/**
 * The function x ↦ y, where `f` gives `[y, pull]`, and `pull` takes the cotangent of y and gives those of the arguments:
 * one if there is one argument, else a list; `null` means zero. `pull` may use all values that `f` computed. JAX's
 * `custom_gradient`; `customVjp` is the same with the two halves apart.
 *
 * ```ts
 * import { customGradient, grad, np, type Tensor } from "trilevel";
 * // log(1 + eˣ), of which the derivative is written so that it does not overflow.
 * const softplus = customGradient((x: Tensor) => {
 *   const e = np.exp(x);
 *   return [np.log1p(e), (ct: Tensor) => ct.mul(np.subtract(1, np.divide(1, e.add(1))))];
 * });
 * console.assert(await grad(softplus)(np.array(100)).item() === 1);
 * ```
 *
 * @throws as {@link customVjp}.
 */
export function customGradient<A extends unknown[], R>(
  f: (...args: A) => readonly [value: R, pull: (cotangent: R) => unknown],
): (...args: A) => R {
  // For arguments of a kind, the pullback as a program: it is the same however often it is traced.
  const pullbacks = new Map<string, { readonly program: Program; readonly output: Structure }>();
  return customVjp(
    (...args: A) => f(...args)[0],
    (...args: A) => {
      const [value, pull] = f(...args);
      const [leaves, structure] = tensorLeaves(value, "customGradient: the value");
      // Whole numbers have no cotangent.
      const floats = leaves.filter((y) => isFloat(y.dtype));
      const [, cotangent] = flatten(
        unflatten(structure, leaves.map((y) => isFloat(y.dtype) ? y : null)),
      );
      const traced = traceLeaves(
        pull,
        [cotangent],
        floats.map((y) => y.aval),
        "customGradient: its result",
      );
      pullbacks.set(kindOf(args), traced);
      return [value, { captured: traced.captured, args }];
    },
    ({ captured, args }: { captured: readonly Tensor[]; args: A }, cotangent: R) => {
      const { program, output } = pullbacks.get(kindOf(args))!; // forward is traced first
      const [cotangents] = tensorLeaves(cotangent, "customGradient: the cotangent");
      const result = unflatten(output, evaluate(program, [...captured, ...cotangents]));
      return args.length === 1 ? [result] : result as readonly unknown[]; // customVjp looks at it
    },
  );
}

/** Structure and types of arguments, as text. */
function kindOf(args: readonly unknown[]): string {
  const [leaves, structure] = tensorLeaves(args, "customGradient: argument ");
  return `${formatStructure(structure)} ${leaves.map((x) => formatAval(x.aval)).join()}`;
}

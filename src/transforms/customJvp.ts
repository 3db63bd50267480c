/** `customJvp`: a function with a forward derivative of the user's own, and so a reverse one too. */
import { keepingAxisNames } from "../core/axisNames.ts";
import { isFloat } from "../core/dtype.ts";
import { ShapeError, TreeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import { outputAvals } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { currentTrace, trace, traceDeferred } from "../core/trace.ts";
import { assertSameStructure, flattenUpTo, unflatten } from "../core/tree.ts";
import { customJvpCall, instantiate, lazy } from "../primitives/index.ts";
import {
  refuseEscaped,
  shareCaptured,
  tensorLeaves,
  toTensor,
  traceFunction,
  unflattenAll,
} from "../core/function.ts";
import { adapted } from "./companions.ts";

/**
 * The function `f` with another derivative: `rule` gets lists of primals and tangents, and gives the
 * value and its tangent (`null` anywhere in it is zero), which must be linear in the tangents. Reverse
 * mode is the transpose of the rule, so one rule serves both. The rule may call the new function itself, which
 * is how higher derivatives see its own output.
 *
 * ```ts
 * import { customJvp, grad, np, type Tensor } from "trilevel";
 * // log(1 + eˣ), whose derivative is finite everywhere.
 * const softplus = customJvp(
 *   (x: Tensor) => np.log1p(np.exp(x)),
 *   ([x], [dx]) => [np.log1p(np.exp(x)), dx.mul(np.sigmoid(x))],
 * );
 * console.assert(await grad(softplus)(np.array(0)).item() === 0.5);
 * ```
 *
 * @throws TreeError or ShapeError when the rule does not give what `f` gives.
 */
export function customJvp<A extends unknown[], R>(
  f: (...args: A) => R,
  rule: (primals: A, tangents: A) => readonly [value: R, tangent: R],
): (...args: A) => R {
  let deriving = false;
  return (...args) => {
    // Without a trace nothing differentiates.
    refuseEscaped(args);
    if (!currentTrace()) return f(...args);
    const primal = traceFunction(f, args, "customJvp");
    const { leaves, structures, output } = primal;
    const floats = leaves.filter((x) => isFloat(x.dtype));
    const values = outputAvals(primal.program);
    const derive = (...inputs: Tensor[]) => {
      let next = leaves.length;
      const tangents = leaves.map((x) => isFloat(x.dtype) ? inputs[next++]! : null);
      // Trees of the arguments' own types; integers have no tangent.
      const result = rule(
        unflattenAll(structures, inputs.slice(0, leaves.length)) as A,
        unflattenAll(structures, tangents) as A,
      );
      if (!Array.isArray(result) || result.length !== 2) {
        throw new TreeError(
          "customJvp: the rule does not return a pair",
          "return [value, tangent]",
        );
      }
      const [value, structure] = tensorLeaves(result[0], "customJvp: the rule's value");
      assertSameStructure(output, structure, "customJvp: the rule's value");
      const moved = flattenUpTo(output, result[1], "customJvp: the rule's tangent")
        .map((t, i) =>
          t === null ? null : adapted(toTensor(t, "customJvp: the rule's tangent"), values[i]!)
        );
      const results = value.map((y, i) => adapted(y, values[i]!));
      results.forEach((y, i) => checkLike(y, values[i]!, "value"));
      return [
        ...results,
        ...results.flatMap((y, i) => {
          if (!isFloat(y.dtype)) return [];
          const t = instantiate(moved[i], { aval: values[i]! });
          checkLike(t, values[i]!, "tangent");
          return [t];
        }),
      ];
    };
    const avals = [...leaves, ...floats].map((x) => x.aval);
    const guarded = <T>(make: () => T): T => {
      const outer = deriving;
      deriving = true;
      try {
        return make();
      } finally {
        deriving = outer;
      }
    };
    if (deriving) {
      // The rule uses the function itself: its derivative is made when a higher order asks for it.
      const { program, captured } = primal;
      const rule = lazy(
        keepingAxisNames(() => guarded(() => traceDeferred(derive, avals, captured))),
      );
      const params = { program, rule, consts: captured.length };
      return unflatten(output, customJvpCall([...captured, ...leaves], params));
    }
    const traced = guarded(() => trace(derive, avals));
    const { consts, programs } = shareCaptured([primal, traced]);
    const [program, derivative] = programs;
    const params = { program: program!, rule: () => derivative!, consts: consts.length };
    return unflatten(output, customJvpCall([...consts, ...leaves], params));
  };
}

function checkLike(x: Tensor, expected: Tensor["aval"], what: string): void {
  if (x.dtype === expected.dtype && x.shape.join() === expected.shape.join()) return;
  throw new ShapeError(
    `customJvp: the rule's ${what} is ${formatAval(x.aval)}, the function's value ${
      formatAval(expected)
    }`,
    "value and tangent have the shape and element type of what the function returns",
  );
}

/** `customVjp`: a function with a reverse derivative of the user's own. */
import { isFloat } from "../core/dtype.ts";
import { ShapeError, TreeError } from "../core/errors.ts";
import { type Aval, formatAval, outputAvals, sameShape } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { currentTrace, trace, traceLater } from "../core/trace.ts";
import {
  assertSameStructure,
  flattenUpTo,
  paths,
  type Structure,
  unflatten,
} from "../core/tree.ts";
import { customVjpCall, instantiate, lazy } from "../primitives/index.ts";
import {
  shareCaptured,
  tensorLeaves,
  toTensor,
  traceFunction,
  unflattenAll,
} from "../core/function.ts";

/**
 * The function `f` with another reverse derivative. `forward` gives the value and residuals (any tree);
 * `backward` gets the residuals and the cotangent of the value, and gives a list of cotangents, one for
 * each argument; `null` anywhere in it means zero. Where `f` is not differentiated, `f` itself runs.
 *
 * All three may close over tensors, also traced ones; differentiating in a value that is closed over
 * is refused with an error, since `backward` has no place for its cotangent. `forward` may call the new function
 * itself, which is how higher derivatives see its own output.
 *
 * ```ts
 * import { customVjp, grad, np, type Tensor } from "trilevel";
 * // Clips the gradient, not the value.
 * const clipped = customVjp(
 *   (x: Tensor) => x,
 *   (x: Tensor) => [x, null],
 *   (_: null, ct: Tensor) => [np.clip(ct, -1, 1)],
 * );
 * const slope = grad((x: Tensor) => clipped(x).mul(10));
 * console.assert(await slope(np.array(2)).item() === 1);
 * ```
 *
 * @throws TreeError or ShapeError when `forward` does not give what `f` gives, or `backward` not what the
 * arguments are.
 */
export function customVjp<A extends unknown[], R, Residuals>(
  f: (...args: A) => R,
  forward: (...args: A) => readonly [value: R, residuals: Residuals],
  backward: (residuals: Residuals, cotangent: R) => readonly unknown[],
): (...args: A) => R {
  let deriving = false;
  const guarded = <T>(make: () => T): T => {
    const outer = deriving;
    deriving = true;
    try {
      return make();
    } finally {
      deriving = outer;
    }
  };
  return (...args) => {
    // Without a trace nothing differentiates.
    if (!currentTrace()) return f(...args);
    const primal = traceFunction(f, args, "customVjp");
    const { leaves, structures, output } = primal;
    const values = outputAvals(primal.program);
    let residualStructure: Structure | undefined;
    const runForward = (...inputs: Tensor[]) => {
      const result = forward(...unflattenAll(structures, inputs) as A);
      const [xs, structure] = tensorLeaves(result, "customVjp: the result of forward");
      residualStructure = checkForward(structure, output);
      checkValues(xs.slice(0, values.length), values);
      return xs;
    };
    const runBackward = (residuals: Structure, count: number) => (...inputs: Tensor[]) => {
      let next = count;
      const cotangents = values.map((a) => isFloat(a.dtype) ? inputs[next++]! : null);
      const result = backward(
        unflatten<Residuals>(residuals, inputs.slice(0, count)),
        unflatten<R>(output, cotangents),
      );
      return cotangentsOf(result, structures, leaves);
    };
    const avals = leaves.map((x) => x.aval);
    const floats = values.filter((a) => isFloat(a.dtype));
    if (deriving) {
      // `forward` uses the function itself: its rules are made when a higher order asks for them.
      const { program, captured } = primal;
      const fwd = lazy(() => guarded(() => traceLater(runForward, avals, captured)));
      const bwd = lazy(() => {
        const residuals = outputAvals(fwd()).slice(values.length);
        const rule = runBackward(residualStructure!, residuals.length);
        return guarded(() => traceLater(rule, [...residuals, ...floats], captured));
      });
      const params = { program, forward: fwd, backward: bwd, consts: captured.length };
      return unflatten(output, customVjpCall([...captured, ...leaves], params));
    }
    const fwd = guarded(() => trace(runForward, avals));
    const residuals = outputAvals(fwd.program).slice(values.length);
    const bwd = guarded(() =>
      trace(runBackward(residualStructure!, residuals.length), [...residuals, ...floats])
    );
    const { consts, programs } = shareCaptured([primal, fwd, bwd]);
    const [program, forwards, backwards] = programs;
    const results = customVjpCall([...consts, ...leaves], {
      program: program!,
      forward: () => forwards!,
      backward: () => backwards!,
      consts: consts.length,
    });
    return unflatten(output, results);
  };
}

function checkValues(given: readonly Tensor[], expected: readonly Aval[]): void {
  expected.forEach((a, i) => {
    const b = given[i]!.aval;
    if (a.dtype === b.dtype && sameShape(a.shape, b.shape)) return;
    throw new ShapeError(
      `customVjp: forward gives ${formatAval(b)} where the function gives ${formatAval(a)}`,
      "forward returns [value, residuals], with the value of the function itself",
    );
  });
}

function checkForward(given: Structure, output: Structure): Structure {
  if (given.kind !== "array" || given.children.length !== 2) {
    throw new TreeError(
      "customVjp: forward does not return a pair",
      "return [value, residuals]; null if there are no residuals",
    );
  }
  const [value, residuals] = given.children;
  assertSameStructure(output, value!, "customVjp: the value of forward");
  return residuals!;
}

/** Cotangents of the float arguments, zero where backward gave `null`. */
function cotangentsOf(
  result: readonly unknown[],
  structures: readonly Structure[],
  leaves: readonly Tensor[],
): Tensor[] {
  const all = { kind: "array", children: structures } as const;
  if (!Array.isArray(result) || result.length !== structures.length) {
    throw new TreeError(
      `customVjp: backward returned ${
        Array.isArray(result) ? `${result.length} cotangents` : "no list"
      } for ${structures.length} arguments`,
      "return a list with one cotangent for each argument, null for zero",
    );
  }
  const names = paths(all);
  return flattenUpTo(all, result, "customVjp: the result of backward").flatMap((leaf, i) => {
    const { aval } = leaves[i]!;
    if (!isFloat(aval.dtype)) return [];
    if (leaf === null) return [instantiate(null, leaves[i]!)];
    const ct = toTensor(leaf, `customVjp: the cotangent ${names[i]}`);
    if (ct.dtype !== aval.dtype || ct.shape.join() !== aval.shape.join()) {
      throw new ShapeError(
        `customVjp: backward gives ${formatAval(ct.aval)} for argument ${names[i]}, which is ` +
          formatAval(aval),
        "a cotangent has the shape and element type of its argument",
      );
    }
    return [ct];
  });
}

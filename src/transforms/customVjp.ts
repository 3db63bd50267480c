/** `customVjp`: a function with a reverse derivative of the user's own. */
import { keepingAxisNames } from "../core/axisNames.ts";
import { isFloat } from "../core/dtype.ts";
import { ShapeError, TreeError } from "../core/errors.ts";
import { type Aval, formatAval, sameShape } from "../core/aval.ts";
import { outputAvals, type Program } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { currentTrace, trace, traceDeferred } from "../core/trace.ts";
import {
  assertSameStructure,
  flattenUpTo,
  type MapTree,
  paths,
  type Structure,
  unflatten,
} from "../core/tree.ts";
import { customVjpCall, filled, instantiate } from "../primitives/index.ts";
import {
  refuseEscaped,
  shareCaptured,
  tensorLeaves,
  toTensor,
  traceFunction,
  unflattenAll,
} from "../core/function.ts";
import { boolean, declareOptions } from "../options/index.ts";
import { adapted } from "./companions.ts";

/** An argument's leaf as `forward` sees it with `symbolicZeros`. */
export interface PerturbedTensor {
  /** The argument itself. */
  readonly value: Tensor;
  /** True if it is being differentiated. */
  readonly perturbed: boolean;
}

/** Arguments whose leaves say whether they are being differentiated. */
export type Perturbed<A extends readonly unknown[]> = {
  [I in keyof A]: MapTree<A[I], Tensor, PerturbedTensor>;
};

const checkOptions = declareOptions<{ symbolicZeros?: boolean }>(
  "customVjp",
  ["f", "forward", "backward"],
  { symbolicZeros: boolean },
);

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
  options?: { symbolicZeros?: false },
): (...args: A) => R;
/**
 * With `symbolicZeros`, `forward` gets every leaf as `{ value, perturbed }`, where `perturbed` says whether it is being
 * differentiated, and `backward` gets `null` for cotangents that are zero: both may skip work that is not needed.
 */
export function customVjp<A extends unknown[], R, Residuals>(
  f: (...args: A) => R,
  forward: (...args: Perturbed<A>) => readonly [value: R, residuals: Residuals],
  backward: (
    residuals: Residuals,
    cotangent: MapTree<R, Tensor, Tensor | null>,
  ) => readonly unknown[],
  options: { symbolicZeros: true },
): (...args: A) => R;
export function customVjp<A extends unknown[], R, Residuals>(
  f: (...args: A) => R,
  forward: (...args: never[]) => readonly [value: R, residuals: Residuals],
  backward: (residuals: Residuals, cotangent: never) => readonly unknown[],
  options: { symbolicZeros?: boolean } = {},
): (...args: A) => R {
  checkOptions(options);
  const { symbolicZeros = false } = options;
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
    refuseEscaped(args);
    if (!currentTrace()) return f(...args);
    const primal = traceFunction(f, args, "customVjp");
    const { leaves, structures, output } = primal;
    const values = outputAvals(primal.program);
    const avals = leaves.map((x) => x.aval);
    const floats = values.filter((a) => isFloat(a.dtype));
    // The structure of the residuals is that of forward's last trace; every trace has the same.
    let residualStructure: Structure = { kind: "null" };
    const runForward = (perturbed?: readonly boolean[]) => (...inputs: Tensor[]) => {
      const seen = perturbed
        ? inputs.map((value, i) => ({ value, perturbed: perturbed[i]! }))
        : inputs;
      // Trees of the arguments' own types, with leaves as the option says.
      const result = forward(...unflattenAll(structures, seen) as never[]);
      const [xs, structure] = tensorLeaves(result, "customVjp: the result of forward");
      residualStructure = checkForward(structure, output);
      const given = xs.map((x, i) => values[i] ? adapted(x, values[i]) : x);
      checkValues(given.slice(0, values.length), values);
      return given;
    };
    const runBackward = (count: number, present?: readonly boolean[]) => (...inputs: Tensor[]) => {
      let next = count;
      let float = 0;
      const cotangents = values.map((a) =>
        isFloat(a.dtype) && (present?.[float++] ?? true) ? inputs[next++]! : null
      );
      const result = backward(
        unflatten<Residuals>(residualStructure, inputs.slice(0, count)),
        unflatten<never>(output, cotangents),
      );
      return cotangentsOf(result, structures, leaves);
    };
    const bind = (program: Program, consts: readonly Tensor[], rules: Rules): R => {
      const params = { program, ...rules, consts: consts.length };
      return unflatten(output, customVjpCall([...consts, ...leaves], params));
    };
    const { program, captured } = primal;
    if (symbolicZeros || deriving) {
      // `forward` uses the function itself, or wants to know what is differentiated: its rules are made when they
      // are needed.
      const forwardFor = remember((perturbed) => {
        const flags = symbolicZeros ? perturbed.slice(captured.length) : undefined;
        return guarded(() => traceDeferred(runForward(flags), avals, captured));
      });
      const backwardFor = remember((perturbed, present) => {
        const residuals = outputAvals(forwardFor(perturbed)).slice(values.length);
        const given = symbolicZeros ? present : undefined;
        const cotangents = floats.filter((_, i) => given?.[i] ?? true);
        const rule = runBackward(residuals.length, given);
        const made = guarded(() => traceDeferred(rule, [...residuals, ...cotangents], captured));
        return given ? made : filled(made, floats)(present);
      });
      return bind(program, captured, { forward: forwardFor, backward: backwardFor });
    }
    const fwd = guarded(() => trace(runForward(), avals));
    const residuals = outputAvals(fwd.program).slice(values.length);
    const bwd = guarded(() => trace(runBackward(residuals.length), [...residuals, ...floats]));
    const { consts, programs } = shareCaptured([primal, fwd, bwd]);
    const [own, forwards, backwards] = programs;
    return bind(own!, consts, {
      forward: () => forwards!,
      backward: (_, present) => filled(backwards!, floats)(present),
    });
  };
}

type Rules = Pick<Parameters<typeof customVjpCall>[1], "forward" | "backward">;

/** Programs made once for each pattern of flags. */
function remember(
  make: (perturbed: readonly boolean[], present: readonly boolean[]) => Program,
): (perturbed: readonly boolean[], present?: readonly boolean[]) => Program {
  const made = new Map<string, Program>();
  return keepingAxisNames((perturbed, present = []) => {
    const key = `${perturbed}|${present}`;
    let program = made.get(key);
    if (!program) made.set(key, program = make(perturbed, present));
    return program;
  });
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
    const ct = adapted(toTensor(leaf, `customVjp: the cotangent ${names[i]}`), aval);
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

/** `grad` and `valueAndGrad`: the gradient of a scalar function. */
import { isFloat } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { formatAval } from "../core/aval.ts";
import { inputAvals } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { traceClosed } from "../core/trace.ts";
import { formatStructure, paths, unflatten } from "../core/tree.ts";
import { linearizeProgram } from "../primitives/interpreters/linearize.ts";
import { backwardPass } from "../primitives/interpreters/transpose.ts";
import { fullLike, instantiate } from "../primitives/index.ts";
import { type TracedFunction, traceFunction } from "../core/function.ts";
import { boolean, count, declareOptions, either, listOf } from "../options/index.ts";

/** Options of `grad` and `valueAndGrad`. */
export interface GradOptions<Argnums extends number | readonly number[], Aux extends boolean> {
  /** The argument to differentiate in, or a list of several. Default 0. */
  argnums?: Argnums;
  /** The function returns `[value, aux]`, and aux is handed through. Default false. */
  hasAux?: Aux;
}

/** The gradients' type: that of the argument, or of a list of arguments. */
export type Gradients<A extends readonly unknown[], N extends number | readonly number[]> =
  N extends number ? A[N] : { [I in keyof N]: N[I] extends number ? A[N[I]] : never };

/** The auxiliary result of a function with `hasAux`. */
export type Aux<R> = R extends readonly [Tensor, infer X] ? X : never;

const argnums = either(count, listOf(count));
const checkBoth = declareOptions<GradOptions<number | readonly number[], boolean>>(
  "valueAndGrad",
  ["f"],
  {
    argnums,
    hasAux: boolean,
  },
);

/**
 * The function that gives `f`'s value and its gradient: `[value, gradient]`, or
 * `[[value, aux], gradient]` with `hasAux`. The gradient has the structure of the argument. All other
 * arguments, and all that `f` closes over, stay differentiable from outside.
 *
 * ```ts
 * import { np, type Tensor, valueAndGrad } from "trilevel";
 * const loss = (p: { w: Tensor }, x: Tensor) => p.w.mul(x).sum();
 * const [value, gradient] = valueAndGrad(loss)({ w: np.array([1, 2]) }, np.array([3, 4]));
 * console.assert(await value.item() === 11 && (await gradient.w.data())[1] === 4);
 * ```
 *
 * @throws ShapeError when `f` does not return a scalar; DTypeError when an argument to differentiate in
 * is not float.
 */
export function valueAndGrad<
  A extends unknown[],
  R extends Tensor | readonly [Tensor, unknown],
  const N extends number | readonly number[] = 0,
  X extends boolean = false,
>(
  f: (...args: A) => R,
  options: GradOptions<N, X> = {},
): (
  ...args: A
) => X extends true ? [[Tensor, Aux<R>], Gradients<A, N>] : [Tensor, Gradients<A, N>] {
  checkBoth(options);
  const argnums: number | readonly number[] = options.argnums ?? 0;
  return (...args) => {
    const chosen = (typeof argnums === "number" ? [argnums] : [...argnums])
      .map((n) => n < 0 ? n + args.length : n);
    const traced = traceFunction(f, args, "grad", (i) => chosen.includes(i));
    const active = activeLeaves(traced, chosen);
    checkScalar(traced, options.hasAux ?? false);
    const { program, captured, leaves } = traced;
    const split = linearizeProgram(program, [...captured.map(() => false), ...active]);
    const outputs = program.outputs.length;
    const both = traceClosed((...inputs) => {
      const results = evaluate(split.primal, inputs);
      const value = results[0]!;
      const residuals = results.slice(outputs);
      const directions = active.filter(Boolean).map(() => null);
      // Only the value has a cotangent; auxiliary outputs have none.
      const seeds = split.active.flatMap((a, i) => a ? [i === 0 ? fullLike(value, 1) : null] : []);
      const found = backwardPass(split.linear, [...residuals, ...directions], seeds);
      const inActive = inputs.slice(captured.length).filter((_, i) => active[i]);
      return [
        ...results.slice(0, outputs),
        ...inActive.map((x, i) => instantiate(found[residuals.length + i], x)),
      ];
    }, inputAvals(program));
    const results = evaluate(both, [...captured, ...leaves]);
    const gradients = chosen.map((n) => {
      const before = chosen.filter((m) => m < n).reduce((sum, m) => sum + traced.counts[m]!, 0);
      const start = outputs + before;
      return unflatten(traced.structures[n]!, results.slice(start, start + traced.counts[n]!));
    });
    const value = unflatten(traced.output, results.slice(0, outputs));
    // The pieces are those of f's own types, taken apart and put together again.
    return [value, typeof argnums === "number" ? gradients[0] : gradients] as never;
  };
}

const checkOptions = declareOptions<GradOptions<number | readonly number[], boolean>>(
  "grad",
  ["f"],
  {
    argnums,
    hasAux: boolean,
  },
);

/**
 * The gradient of a scalar function in one of its arguments (or several). Like `valueAndGrad`
 * without the value; with `hasAux`, gives `[gradient, aux]`.
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * const slope = grad((x: Tensor) => np.sin(x));
 * console.assert(Math.abs(await slope(np.array(0)).item() - 1) < 1e-6);
 * // Arguments that are not differentiated are no constants: d/dλ d/dw λw = 1.
 * const f = (w: Tensor, lam: Tensor) => w.mul(lam);
 * const mixed = grad((lam: Tensor) => grad(f)(np.array(2), lam));
 * console.assert(await mixed(np.array(3)).item() === 1);
 * ```
 */
export function grad<
  A extends unknown[],
  R extends Tensor | readonly [Tensor, unknown],
  const N extends number | readonly number[] = 0,
  X extends boolean = false,
>(
  f: (...args: A) => R,
  options: GradOptions<N, X> = {},
): (...args: A) => X extends true ? [Gradients<A, N>, Aux<R>] : Gradients<A, N> {
  checkOptions(options);
  const both = valueAndGrad<A, R, N, boolean>(f, options);
  return (...args) => {
    const [value, gradient] = both(...args);
    if (options.hasAux) return [gradient, (value as [Tensor, Aux<R>])[1]] as never;
    (value as Tensor).dispose(); // an intermediate without an owner
    return gradient as never;
  };
}

function activeLeaves(traced: TracedFunction, argnums: readonly number[]): boolean[] {
  const active = traced.counts.flatMap((count, n) =>
    Array.from({ length: count }, () => argnums.includes(n))
  );
  for (const n of argnums) {
    if (!Number.isInteger(n) || n < 0 || n >= traced.counts.length) {
      throw new ArgumentError(
        `grad: argnums names argument ${n}, but there are ${traced.counts.length}`,
        "count arguments from 0",
      );
    }
  }
  const names = traced.structures.flatMap((s, n) => paths(s).map((p) => `argument ${n}${p}`));
  traced.leaves.forEach((x, i) => {
    if (!active[i] || isFloat(x.dtype)) return;
    throw new DTypeError(
      `grad: ${names[i]} is ${formatAval(x.aval)}, and only floats can be differentiated`,
      "convert it with astype, or leave it out of argnums and pass it as another argument",
    );
  });
  return active;
}

function checkScalar({ program, output }: TracedFunction, hasAux: boolean): void {
  const value = program.outputs[0];
  const shaped = hasAux
    ? output.kind === "array" && output.children.length === 2 &&
      output.children[0]!.kind === "leaf"
    : output.kind === "leaf";
  if (shaped && value && value.aval.shape.length === 0 && isFloat(value.aval.dtype)) return;
  const result = output.kind === "leaf" ? formatAval(value!.aval) : formatStructure(output);
  throw new ShapeError(
    `grad: the function returns ${result}` + (hasAux ? ", with hasAux" : ""),
    hasAux
      ? "return [value, aux], where value is a float scalar"
      : "return one float scalar: reduce it (x.sum()), use hasAux for more, or use vjp or jacrev",
  );
}

/** `cond` and `switchCase`: branches on values. */
import { promoteTypes } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { shareCaptured, tensorLeaves, traceLeaves } from "../core/function.ts";
import { evaluate } from "../core/evaluate.ts";
import { formatAval, inputAvals, outputAvals, type Program, sameShape } from "../core/program.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { rewrite } from "../core/trace.ts";
import { assertSameStructure, unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";

/**
 * The result of one of several functions of the operands, chosen by an integer scalar (out of range, the
 * nearest one). All must give trees of one structure, of the same shapes. Only the chosen one runs, except under
 * `vmap` with an index per element, where all do and each element selects.
 *
 * ```ts
 * import { np, switchCase, type Tensor } from "trilevel";
 * const branches = [(x: Tensor) => x.add(1), (x: Tensor) => x.mul(10)];
 * console.assert(await switchCase(np.array(1, { dtype: "int32" }), branches, np.array(5)).item() === 50);
 * ```
 *
 * @throws TreeError or ShapeError when branches give different trees.
 */
export function switchCase<A extends unknown[], R>(
  index: Tensor | number,
  branches: readonly ((...operands: A) => R)[],
  ...operands: A
): R {
  if (branches.length === 0) {
    throw new ArgumentError("switchCase: no branches", "give at least one function");
  }
  const flat = operands.map((x, i) => tensorLeaves(x, `cond: operand ${i}`));
  const leaves = flat.flatMap(([xs]) => xs);
  const structures = flat.map(([, s]) => s);
  const traced = branches.map((f) =>
    traceLeaves(f, structures, leaves.map((x) => x.aval), "cond: a branch")
  );
  const [first, ...rest] = traced;
  rest.forEach((t) =>
    assertSameStructure(first!.output, t.output, "cond: results of two branches")
  );
  const { consts, programs } = shareCaptured(traced);
  const chosen = typeof index === "number" ? literal(index, "int32") : lax.convert(index, "int32");
  const results = lax.cond(chosen, [...consts, ...leaves], { branches: promoteBranches(programs) });
  return unflatten<R>(first!.output, results);
}

/** Branches with results of one element type each: bare numbers take the others'. */
function promoteBranches(programs: readonly Program[]): Program[] {
  const results = programs.map(outputAvals);
  const common = results[0]!.map((a, i) => {
    const all = results.map((r) => r[i]!);
    const type = promoteTypes(...all);
    for (const b of all) {
      if (sameShape(a.shape, b.shape) && (b.dtype === type.dtype || b.weak)) continue;
      throw new ShapeError(
        `cond: branches give ${all.map(formatAval).join(" and ")}`,
        "all branches must give the same shapes and element types: convert with astype",
      );
    }
    return type.dtype;
  });
  return programs.map((p) =>
    rewrite((...xs) => evaluate(p, xs).map((y, i) => lax.convert(y, common[i]!)), inputAvals(p))
  );
}

/**
 * `onTrue(...operands)` if the boolean scalar holds, else `onFalse(...operands)`. Only that one runs; see
 * `switchCase`. To choose element by element, use `np.where`.
 *
 * ```ts
 * import { cond, grad, np, type Tensor } from "trilevel";
 * const f = (x: Tensor) => cond(x.greater(0), (y: Tensor) => y.mul(y), (y: Tensor) => y.neg(), x);
 * console.assert(await grad(f)(np.array(3)).item() === 6);
 * console.assert(await grad(f)(np.array(-3)).item() === -1);
 * ```
 */
export function cond<A extends unknown[], R>(
  predicate: Tensor | boolean,
  onTrue: (...operands: A) => R,
  onFalse: (...operands: A) => R,
  ...operands: A
): R {
  if (typeof predicate !== "boolean" && predicate.ndim !== 0) {
    throw new ShapeError(
      `cond: a predicate of type ${formatAval(predicate.aval)}`,
      "give one boolean; to choose element by element, use np.where",
    );
  }
  const index = typeof predicate === "boolean"
    ? literal(predicate ? 1 : 0, "int32")
    : lax.convert(lax.convert(predicate, "bool"), "int32");
  return switchCase(index, [onFalse, onTrue], ...operands);
}

/** `cond` and `switchCase`: one of several functions, chosen by a value that is not known yet. */
import { isFloat, promoteTypes, type Typed } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import {
  type AnyFunction,
  shareCaptured,
  tensorLeaves,
  toTensor,
  traceLeaves,
} from "../core/function.ts";
import { formatAval, sameShape } from "../core/aval.ts";
import { outputAvals, type Program } from "../core/program.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";
import { assertSameStructure, paths, type Structure, unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { converted, where } from "./carry.ts";

/**
 * `onTrue(...operands)` if the predicate holds, else `onFalse(...operands)`. Both are traced, and give
 * trees of the same structure, shapes and types (bare numbers adapt); only one runs. Under
 * `vmap` with a predicate for each element, a branch that some element takes runs for all, and each element
 * selects. The others run it on the operands of one that takes it, so that a branch may be undefined for operands that
 * do not take it: neither values nor derivatives of any order become NaN. JAX lets them run on their own.
 *
 * ```ts
 * import { cond, grad, np, type Tensor } from "trilevel";
 * const f = (x: Tensor) => cond(x.greater(0), (y: Tensor) => y.mul(y), (y: Tensor) => y.neg(), x);
 * console.assert(await grad(f)(np.array(3)).item() === 6);
 * console.assert(await grad(f)(np.array(-3)).item() === -1);
 * ```
 *
 * @throws TreeError, ShapeError or DTypeError when the branches give different things, naming the path.
 */
export function cond<A extends readonly unknown[], R>(
  predicate: Tensor | boolean,
  onTrue: (...operands: A) => R,
  onFalse: (...operands: A) => R,
  ...operands: A
): R {
  const given = toTensor(predicate, "cond: the predicate");
  checkScalar("cond", "the predicate", given);
  const holds = lax.convert(given, "bool");
  const index = lax.convert(holds, "int32");
  const result = choose("cond", index, [onFalse, onTrue], operands);
  forget([holds, index], given);
  return result as R; // the branches' own type
}

/**
 * `branches[index](...operands)`. An index below 0 counts as 0, one above the last as the last.
 * Otherwise as {@link cond}.
 *
 * ```ts
 * import { np, switchCase, type Tensor } from "trilevel";
 * const branches = [(x: Tensor) => x, (x: Tensor) => x.mul(10), (x: Tensor) => x.neg()];
 * const y = switchCase(np.array(1, { dtype: "int32" }), branches, np.array(3));
 * console.assert(await y.item() === 30);
 * ```
 *
 * @throws TreeError, ShapeError or DTypeError when the branches give different things, naming the path;
 * DTypeError when the index is no integer.
 */
export function switchCase<A extends readonly unknown[], R>(
  index: Tensor | number,
  branches: readonly ((...operands: A) => R)[],
  ...operands: A
): R {
  if (branches.length === 0) {
    throw new ArgumentError(
      "switchCase: expected one branch or more, got none",
      "give a list of functions",
    );
  }
  const last = branches.length - 1;
  if (typeof index === "number") {
    if (!Number.isInteger(index)) {
      throw new ArgumentError(`switchCase: the index is ${index}`, "give a whole number");
    }
    const clamped = literal(Math.min(Math.max(index, 0), last), "int32");
    return choose("switchCase", clamped, branches, operands) as R; // the branches' own type
  }
  checkScalar("switchCase", "the index", index);
  if (isFloat(index.dtype) && !index.aval.whole) {
    throw new DTypeError(
      `switchCase: the index is ${formatAval(index.aval)}`,
      'give an integer: index.astype("int32")',
    );
  }
  // A uint32 above the largest int32 would turn negative.
  const bounded = index.dtype === "uint32" ? lax.min(index, literal(last, "uint32")) : index;
  const signed = lax.convert(bounded, "int32");
  const result = choose("switchCase", signed, branches, operands);
  forget([bounded, signed], index);
  return result as R; // the branches' own type
}

/** Frees what was made on the way to an index. */
function forget(made: readonly Tensor[], given: Tensor): void {
  if (!currentTrace()) made.forEach((x) => x === given || x.dispose());
}

function checkScalar(name: string, what: string, x: Tensor): void {
  if (x.ndim === 0) return;
  throw new ShapeError(
    `${name}: ${what} is ${formatAval(x.aval)}`,
    "give a scalar: reduce it (np.all, np.any), use np.where for each element, or vmap",
  );
}

function choose(
  name: string,
  index: Tensor,
  branches: readonly AnyFunction[],
  operands: readonly unknown[],
): unknown {
  const flat = operands.map((x, i) => tensorLeaves(x, `${name}: operand ${i}`));
  const leaves = flat.flatMap(([xs]) => xs);
  const structures = flat.map(([, s]) => s);
  const avals = leaves.map((x) => x.aval);
  const traced = branches.map((f) => traceLeaves(f, structures, avals, name));
  const { output } = traced[0]!;
  traced.forEach((t, k) =>
    assertSameStructure(
      output,
      t.output,
      `${name}: ${branchName(name, 0)} and ${branchName(name, k)} give different trees`,
    )
  );
  const { consts, programs } = shareCaptured(traced);
  const types = joinTypes(name, programs, output);
  const results = lax.cond(index, [...consts, ...leaves], {
    branches: programs.map((p) => converted(p, types)),
  });
  return unflatten(output, results);
}

function branchName(name: string, k: number): string {
  if (name === "cond") return k === 0 ? "onFalse" : "onTrue";
  return `branch ${k}`;
}

/** The types of the branches' results: those of the strong ones, which must agree. */
function joinTypes(name: string, programs: readonly Program[], output: Structure): Typed[] {
  const names = paths(output);
  const all = programs.map(outputAvals);
  return all[0]!.map((first, i) => {
    const type = promoteTypes(...all.map((avals) => avals[i]!));
    all.forEach((avals, k) => {
      const mine = avals[i]!;
      if (!sameShape(first.shape, mine.shape)) {
        throw new ShapeError(
          `${name}: ${branchName(name, 0)} gives ${formatAval(first)}, ${branchName(name, k)} ` +
            `${formatAval(mine)}${where(names[i]!)}`,
          "all branches must give the same shapes: broadcast them",
        );
      }
      if (mine.dtype !== type.dtype && !mine.weak) {
        throw new DTypeError(
          `${name}: ${branchName(name, k)} gives ${formatAval(mine)}, another ${type.dtype}` +
            where(names[i]!),
          "all branches must give the same types: convert with astype",
        );
      }
    });
    return type;
  });
}

/** `associativeScan`: running results of an associative function, in parallel. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { formatAval } from "../core/aval.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { assertSameStructure, paths, type Structure, unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { shareCaptured, tensorLeaves, traceLeaves } from "../core/function.ts";
import { axis, boolean, declareOptions } from "../options/index.ts";

/** Options of {@link associativeScan}. */
export interface AssociativeScanOptions {
  /** Along which axis of every leaf; 0 unless given. */
  readonly axis?: number | undefined;
  /** From the last element to the first. */
  readonly reverse?: boolean | undefined;
}

const checkOptions = declareOptions<AssociativeScanOptions>("associativeScan", ["f", "xs"], {
  axis,
  reverse: boolean,
});

/**
 * `y₀ = x₀`, `yᵢ = f(yᵢ₋₁, xᵢ)` along an axis, for an associative `f`. It is called on many pairs at once:
 * trees like `xs`, all of whose leaves have some size along the axis; it must treat each place along
 * it alone. Takes about 2 n applications of `f` in 2 log₂ n calls (Blelloch, "Prefix sums and their
 * applications", 1990).
 *
 * ```ts
 * import { associativeScan, np, type Tensor } from "trilevel";
 * const y = associativeScan((a: Tensor, b: Tensor) => a.mul(b), np.array([1, 2, 3, 4]));
 * console.assert(String(await y.data()) === "1,2,6,24");
 * ```
 *
 * @throws ShapeError when leaves differ in size along the axis, or `f` changes a shape; TreeError when it
 * changes the structure.
 */
export function associativeScan<X>(
  f: (earlier: X, later: X) => X,
  xs: X,
  options: AssociativeScanOptions = {},
): X {
  checkOptions(options);
  const { axis = 0, reverse = false } = options;
  const [leaves, structure] = tensorLeaves(xs, "associativeScan: xs");
  const axes = checkAxes(leaves, structure, axis);
  const flip = (list: readonly Tensor[]) =>
    reverse ? list.map((x, i) => lax.reverse(x, [axes[i]!])) : [...list];
  const whole = traceLeaves(
    (...inputs: Tensor[]) => {
      const combine = (a: readonly Tensor[], b: readonly Tensor[]) => {
        const result = f(unflatten(structure, a), unflatten(structure, b));
        const [next, given] = tensorLeaves(result, "associativeScan: the result");
        assertSameStructure(structure, given, "associativeScan: the result");
        return next.map((y, i) => checkLike(y, a[i]!, paths(structure)[i]!));
      };
      return flip(run(combine, flip(inputs), axes));
    },
    leaves.map(() => ({ kind: "leaf" })),
    leaves.map((x) => x.aval),
    "associativeScan",
  );
  const { consts, programs } = shareCaptured([whole]);
  return unflatten(structure, evaluate(programs[0]!, [...consts, ...leaves]));
}

type Combine = (a: readonly Tensor[], b: readonly Tensor[]) => Tensor[];

/** Pairs are combined, scanned, and give every second result; the others are one step further. */
function run(combine: Combine, xs: readonly Tensor[], axes: readonly number[]): Tensor[] {
  const size = xs[0]?.shape[axes[0]!] ?? 0;
  if (size < 2) return [...xs];
  const every = (list: readonly Tensor[], start: number, limit: number, stride: number) =>
    list.map((x, i) =>
      lax.slice(x, {
        start: x.shape.map((_, k) => k === axes[i] ? start : 0),
        limit: x.shape.map((n, k) => k === axes[i] ? limit : n),
        strides: x.shape.map((_, k) => k === axes[i] ? stride : 1),
      })
    );
  const half = Math.floor(size / 2);
  const odd = run(combine, combine(every(xs, 0, 2 * half, 2), every(xs, 1, 2 * half, 2)), axes);
  const later = Math.ceil(size / 2) - 1;
  const even = later === 0 ? [] : combine(every(odd, 0, later, 1), every(xs, 2, size, 2));
  const first = every(xs, 0, 1, 1);
  return odd.map((o, i) => {
    const axis = axes[i]!;
    const e = later === 0 ? first[i]! : lax.concatenate([first[i]!, even[i]!], axis);
    return interleave(e, o, axis, size);
  });
}

/** e₀ o₀ e₁ o₁ …; there may be one more e. */
function interleave(even: Tensor, odd: Tensor, axis: number, size: number): Tensor {
  const spread = (x: Tensor, offset: number) => {
    const n = x.shape[axis]!;
    const at = (value: number) => x.shape.map((_, k) => k === axis ? value : 0);
    const params = {
      low: at(offset),
      high: at(size - offset - (2 * n - 1)),
      interior: at(1),
    };
    return lax.pad(x, params, literal(0, x.dtype));
  };
  const [a, b] = [spread(even, 0), spread(odd, 1)];
  return a.dtype === "bool" ? lax.or(a, b) : lax.add(a, b);
}

function checkAxes(
  leaves: readonly Tensor[],
  structure: Structure,
  axis: number,
): number[] {
  const names = paths(structure);
  if (!Number.isInteger(axis)) {
    throw new ArgumentError(`associativeScan: axis is ${axis}`, "give a whole number");
  }
  const axes = leaves.map((x) => axis < 0 ? axis + x.ndim : axis);
  const size = leaves[0]?.shape[axes[0]!];
  leaves.forEach((x, i) => {
    if (x.shape[axes[i]!] !== undefined && x.shape[axes[i]!] === size) return;
    throw new ShapeError(
      `associativeScan: xs${names[i]} is ${formatAval(x.aval)}` +
        (size === undefined ? "" : `, the first leaf has size ${size}`) + ` along axis ${axis}`,
      "all leaves must have that axis, and one size along it",
    );
  });
  return axes;
}

function checkLike(y: Tensor, x: Tensor, path: string): Tensor {
  const same = y.dtype === x.dtype && y.shape.join() === x.shape.join();
  if (same) return y;
  throw new ShapeError(
    `associativeScan: the function gives ${formatAval(y.aval)} for ${formatAval(x.aval)}` +
      (path === "" ? "" : ` at ${path}`),
    "it must give what it takes",
  );
}

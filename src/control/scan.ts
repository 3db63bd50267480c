/** `scan`: a loop over the slices of tensors, which carries values along. */
import { ArgumentError, ShapeError, TreeError } from "../core/errors.ts";
import { tensorLeaves } from "../core/function.ts";
import { formatAval } from "../core/aval.ts";
import { runsAsItStands } from "../core/jitSwitch.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  assertSameStructure,
  formatStructure,
  paths,
  type Structure,
  unflatten,
} from "../core/tree.ts";
import { boolean, count, declareOptions, either } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { traceStep, withTypes } from "./carry.ts";
import { unrolledScan } from "./unroll.ts";

/** Options of {@link scan}. */
export interface ScanOptions {
  /** The number of steps, needed only if there are no `xs`. */
  readonly length?: number | undefined;
  /** From the last slice to the first; the ys keep their places. Default false. */
  readonly reverse?: boolean | undefined;
  /** Steps written out per turn of the compiled loop, or `true` for all. Default 1. */
  readonly unroll?: number | boolean | undefined;
}

const checkOptions = declareOptions<ScanOptions>("scan", ["f", "init", "xs"], {
  length: count,
  reverse: boolean,
  unroll: either(count, boolean),
});

/**
 * Runs a step for each slice of `xs` along axis 0, and carries a value along:
 *
 *     (c₁, y₀) = f(c₀, x₀),  (c₂, y₁) = f(c₁, x₁),  …
 *
 * Gives the last carry and the ys, stacked along axis 0. Carry, xs and ys are trees; xs may be `null`
 * if `length` is given. The step is traced once, for any length; it may close over anything, and
 * all is differentiable in both directions. A carry that starts as a bare number takes the type that
 * the step gives.
 *
 * ```ts
 * import { np, scan, type Tensor } from "trilevel";
 * const [sum, sums] = scan((c: Tensor, x: Tensor) => [c.add(x), c], np.array(0), np.array([1, 2, 3]));
 * console.assert(await sum.item() === 6 && String(await sums.data()) === "0,1,3");
 * ```
 *
 * @throws TreeError, ShapeError or DTypeError when the carry changes its structure, shape or type,
 * naming the path; ShapeError when xs disagree on the number of steps.
 */
export function scan<C, X, Y>(
  f: (carry: C, x: X) => readonly [carry: C, y: Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [carry: C, ys: Y] {
  checkOptions(options);
  const { reverse = false, unroll = 1 } = options;
  const [initLeaves, structure] = tensorLeaves(init, "scan: init");
  const [slices, xStructure] = tensorLeaves(xs, "scan: xs");
  const length = stepCount(slices, xStructure, options.length);
  if (length > 0 && runsAsItStands()) {
    return stepByStep(f, unflatten(structure, initLeaves), [slices, xStructure], length, reverse);
  }
  const step = traceStep(
    f,
    { structure, init: initLeaves, name: "scan" },
    {
      structures: [xStructure],
      avals: slices.map(({ aval }) => ({ ...aval, shape: aval.shape.slice(1) })),
    },
    (output) => assertSameStructure(structure, pair(output)[0], "scan: the carry"),
  );
  const params = {
    body: step.program,
    consts: step.captured.length,
    carry: initLeaves.length,
    length,
    reverse,
  };
  const group = unroll === true ? length : Number(unroll);
  if (!Number.isInteger(group) || group < 0) {
    throw new ArgumentError(`scan: unroll is ${unroll}`, "give a whole number ≥ 1, or a boolean");
  }
  const results = withTypes(initLeaves, step.carry, (carry) => {
    const operands = [...step.captured, ...carry, ...slices];
    return group > 1 ? unrolledScan(operands, params, group) : lax.scan(operands, params);
  });
  return [
    unflatten<C>(structure, results.slice(0, params.carry)),
    unflatten<Y>(pair(step.output)[1], results.slice(params.carry)),
  ];
}

/** The loop as it stands, each step on values: see `disableJit`. */
function stepByStep<C, X, Y>(
  f: (carry: C, x: X) => readonly [carry: C, y: Y],
  init: C,
  [xs, structure]: readonly [readonly Tensor[], Structure],
  length: number,
  reverse: boolean,
): [carry: C, ys: Y] {
  let carry = init;
  let output: Structure = { kind: "null" };
  const ys: Tensor[][] = [];
  for (let step = 0; step < length; step++) {
    const i = reverse ? length - 1 - step : step;
    const slices = xs.map((x) => lax.gather(x, lax.full([1], i, "int32")));
    const [next, y] = f(carry, unflatten(structure, slices));
    const [leaves, nextStructure] = tensorLeaves(next, "scan: the carry");
    carry = unflatten<C>(nextStructure, leaves);
    [ys[i], output] = tensorLeaves(y, "scan: y");
  }
  const stacked = ys[0]!.map((_, k) =>
    lax.concatenate(ys.map((row) => lax.reshape(row[k]!, [1, ...row[k]!.shape])), 0)
  );
  return [carry, unflatten(output, stacked)];
}

function pair(output: Structure): readonly [Structure, Structure] {
  if (output.kind === "array" && output.children.length === 2) {
    return [output.children[0]!, output.children[1]!];
  }
  throw new TreeError(
    `scan: the step returns ${output.kind === "leaf" ? "one tensor" : formatStructure(output)}`,
    "return a pair: [carry, y], where y may be null",
  );
}

function stepCount(
  xs: readonly Tensor[],
  structure: Structure,
  given: number | undefined,
): number {
  if (given !== undefined && !(Number.isInteger(given) && given >= 0)) {
    throw new ArgumentError(`scan: length is ${given}`, "give a whole number ≥ 0");
  }
  const names = paths(structure);
  let length = given;
  let first = "length";
  xs.forEach((x, i) => {
    const name = `xs${names[i]}`;
    const size = x.shape[0];
    if (size === undefined || (length !== undefined && size !== length)) {
      throw new ShapeError(
        `scan: ${name} is ${formatAval(x.aval)}` +
          (length === undefined ? "" : `, but ${first} says ${length} steps`),
        "axis 0 of every x counts the steps: close over values that are the same in every step",
      );
    }
    if (length === undefined) first = name;
    length = size;
  });
  if (length !== undefined) return length;
  throw new ArgumentError("scan: the number of steps is not known", "give xs, or length");
}

/** `scan`: a loop whose number of steps is known. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { tensorLeaves } from "../core/function.ts";
import { inputAvals, outputAvals, type Program } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { rewrite } from "../core/trace.ts";
import { type Structure, unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { traceBody } from "./carry.ts";

/** Options of `scan`. */
export interface ScanOptions {
  /** The number of steps; needed only when there are no xs. */
  length?: number;
  /** From the last x to the first; ys keep their places. Default false. */
  reverse?: boolean;
  /** Steps written out per iteration of the compiled loop, or `true` for all. Default 1. */
  unroll?: number | boolean | undefined;
}

/**
 * Carries a value through a loop that reads one slice of `xs` and writes one slice of `ys` per step:
 * `[carry, y] = f(carry, x)`. Carry, xs and ys are trees; axis 0 of every x counts the steps. `f` is traced
 * once, and the loop is differentiable both ways. `f` may close over tensors of outer transformations.
 *
 * ```ts
 * import { np, scan, type Tensor } from "trilevel";
 * const [sum, sums] = scan(
 *   (c: Tensor, x: Tensor) => [c.add(x), c.add(x)],
 *   np.array(0),
 *   np.array([1, 2, 3]),
 * );
 * console.assert(await sum.item() === 6 && (await sums.data())[1] === 3);
 * ```
 *
 * @throws ShapeError when xs differ in length, or the carry changes its type; TreeError when it changes its
 * structure.
 */
export function scan<C, X, Y>(
  f: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [carry: C, ys: Y] {
  const [leaves, xStructure] = tensorLeaves(xs, "scan: xs");
  const length = stepsOf(leaves, options.length);
  const slices = leaves.map((x) => ({ ...x.aval, shape: x.shape.slice(1) }));
  const others = { structures: [xStructure], avals: slices };
  const body = traceBody("scan", f, init, others, (output) => pair(output)[0]);
  const operands = [...body.captured, ...body.carry, ...leaves];
  const params = {
    body: body.program,
    consts: body.captured.length,
    carry: body.carry.length,
    length,
    reverse: options.reverse ?? false,
  };
  const unroll = options.unroll === true ? Math.max(1, length) : Number(options.unroll ?? 1);
  const results = unroll > 1 ? unrolledScan(operands, params, unroll) : lax.scan(operands, params);
  return [
    unflatten<C>(body.structure, results.slice(0, body.carry.length)),
    unflatten<Y>(pair(body.output)[1], results.slice(body.carry.length)),
  ];
}

function pair(output: Structure): readonly [Structure, Structure] {
  if (output.kind === "array" && output.children.length === 2) {
    return [output.children[0]!, output.children[1]!];
  }
  throw new ArgumentError(
    "scan: the step does not return a pair",
    "return [carry, y]; y may be null",
  );
}

function stepsOf(leaves: readonly Tensor[], given: number | undefined): number {
  let length = given;
  for (const x of leaves) {
    const n = x.shape[0];
    if (n === undefined || (length !== undefined && n !== length)) {
      throw new ShapeError(
        `scan: ${length ?? "?"} steps, but an x of shape [${x.shape.join(", ")}]`,
        "axis 0 of every x counts the steps",
      );
    }
    length = n;
  }
  if (length !== undefined && Number.isInteger(length) && length >= 0) return length;
  throw new ArgumentError(`scan: ${length} steps`, "give xs, or a whole number as length");
}

/** Several steps at a time: whole groups in a loop of longer steps, and the rest one by one. */
function unrolledScan(
  operands: readonly Tensor[],
  params: lax.ScanParams,
  group: number,
): Tensor[] {
  const { body, consts, carry, length, reverse } = params;
  const groups = Math.floor(length / group);
  const constants = operands.slice(0, consts);
  const xs = operands.slice(consts + carry);
  const whole = groups * group;
  // In reverse, the steps that fill no group are the first ones, and run last.
  const [groupStart, restStart] = reverse ? [length - whole, 0] : [0, whole];
  const cut = (x: Tensor, start: number, count: number) =>
    lax.slice(x, {
      start: x.shape.map((_, i) => i === 0 ? start : 0),
      limit: x.shape.map((n, i) => i === 0 ? start + count : n),
      strides: x.shape.map(() => 1),
    });
  const rows = xs.map((x) => {
    const part = cut(x, groupStart, whole);
    return lax.reshape(part, [groups, group, ...x.shape.slice(1)]);
  });
  const step = groupBody(params, group, body);
  const first = lax.scan([...operands.slice(0, consts + carry), ...rows], {
    ...params,
    body: step,
    length: groups,
  });
  const rest = lax.scan([
    ...constants,
    ...first.slice(0, carry),
    ...xs.map((x) => cut(x, restStart, length - whole)),
  ], { ...params, length: length - whole });
  const ys = first.slice(carry).map((y, i) => {
    const flat = lax.reshape(y, [whole, ...y.shape.slice(2)]);
    const other = rest[carry + i]!;
    return lax.concatenate(reverse ? [other, flat] : [flat, other], 0);
  });
  return [...rest.slice(0, carry), ...ys];
}

function groupBody(params: lax.ScanParams, group: number, body: Program): Program {
  const { consts, carry, reverse } = params;
  const avals = inputAvals(body);
  const xAvals = avals.slice(consts + carry).map((a) => ({ ...a, shape: [group, ...a.shape] }));
  const yCount = outputAvals(body).length - carry;
  return rewrite((...inputs) => {
    const constants = inputs.slice(0, consts);
    let carried = inputs.slice(consts, consts + carry);
    const xs = inputs.slice(consts + carry);
    const ys: Tensor[][] = Array.from({ length: yCount }, () => []);
    for (let i = 0; i < group; i++) {
      const at = reverse ? group - 1 - i : i;
      const slices = xs.map((x) =>
        lax.reshape(
          lax.slice(x, {
            start: x.shape.map((_, a) => a === 0 ? at : 0),
            limit: x.shape.map((n, a) => a === 0 ? at + 1 : n),
            strides: x.shape.map(() => 1),
          }),
          x.shape.slice(1),
        )
      );
      const results = evaluate(body, [...constants, ...carried, ...slices]);
      carried = results.slice(0, carry);
      ys.forEach((list, k) => list[at] = results[carry + k]!);
    }
    const stacked = ys.map((list) =>
      lax.concatenate(list.map((y) => lax.reshape(y, [1, ...y.shape])), 0)
    );
    return [...carried, ...stacked];
  }, [...avals.slice(0, consts + carry), ...xAvals]);
}

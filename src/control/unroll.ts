/** Loops that take several steps per turn: less to dispatch, more to fuse, the same result. */
import { evaluate } from "../core/evaluate.ts";
import { inputAvals } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { traceClosed } from "../core/trace.ts";
import * as lax from "../primitives/index.ts";

/** The loop in groups of steps; steps that fill no group run last, one by one. */
export function unrolledScan(
  operands: readonly Tensor[],
  params: lax.ScanParams,
  group: number,
): Tensor[] {
  const { consts, carry, length, reverse } = params;
  const groups = Math.floor(length / group);
  const whole = groups * group;
  // In reverse, the steps that are left over are the first ones.
  const [start, rest] = reverse ? [length - whole, 0] : [0, whole];
  const program = traceClosed((...inputs) => {
    const constants = inputs.slice(0, consts);
    const init = inputs.slice(consts, consts + carry);
    const xs = inputs.slice(consts + carry);
    const rows = xs.map((x) =>
      lax.reshape(cut(x, start, whole), [groups, group, ...x.shape.slice(1)])
    );
    const first = lax.scan([...constants, ...init, ...rows], {
      ...params,
      body: groupBody(params, group),
      length: groups,
    });
    const last = lax.scan([
      ...constants,
      ...first.slice(0, carry),
      ...xs.map((x) => cut(x, rest, length - whole)),
    ], { ...params, length: length - whole });
    const ys = first.slice(carry).map((y, i) => {
      const flat = lax.reshape(y, [whole, ...y.shape.slice(2)]);
      const other = last[carry + i]!;
      return lax.concatenate(reverse ? [other, flat] : [flat, other], 0);
    });
    return [...last.slice(0, carry), ...ys];
  }, operands.map((x) => x.aval));
  return evaluate(program, operands);
}

function cut(x: Tensor, start: number, count: number): Tensor {
  return lax.slice(x, {
    start: x.shape.map((_, i) => i === 0 ? start : 0),
    limit: x.shape.map((n, i) => i === 0 ? start + count : n),
    strides: x.shape.map(() => 1),
  });
}

/** A body that takes a group of slices of each x, one step after the other. */
function groupBody({ body, consts, carry, reverse }: lax.ScanParams, group: number) {
  const avals = inputAvals(body).map((a, i) =>
    i < consts + carry ? a : { ...a, shape: [group, ...a.shape] }
  );
  return traceClosed((...inputs) => {
    const constants = inputs.slice(0, consts);
    let carried = inputs.slice(consts, consts + carry);
    const xs = inputs.slice(consts + carry);
    const ys: Tensor[][] = body.outputs.slice(carry).map(() => []);
    for (let i = 0; i < group; i++) {
      const at = reverse ? group - 1 - i : i;
      const slices = xs.map((x) => lax.reshape(cut(x, at, 1), x.shape.slice(1)));
      const results = evaluate(body, [...constants, ...carried, ...slices]);
      carried = results.slice(0, carry);
      ys.forEach((list, k) => {
        const y = results[carry + k]!;
        list[at] = lax.reshape(y, [1, ...y.shape]);
      });
    }
    return [...carried, ...ys.map((list) => lax.concatenate(list, 0))];
  }, avals);
}

/**
 * `scan`: a loop of fixed length that carries values along, reads one slice of each `x` and writes one
 * slice of each `y` per step.
 *
 * Its derivative is two loops: the primal one, which also writes the residuals of each step, and a linear
 * one, which reads them. Reverse mode then needs nothing more than the transpose of the linear loop,
 * a loop that runs the other way.
 */
import { ShapeError } from "../../core/errors.ts";
import {
  inputAvals,
  LinearInput,
  type Params,
  type Primitive,
  type Program,
  type Stepping,
} from "../../core/program.ts";
import { aval, formatAval, sameShape } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, traceClosed } from "../../core/trace.ts";
import { batchProgram } from "../interpreters/batch.ts";
import { linearizeProgram } from "../interpreters/linearize.ts";
import { backwardPass } from "../interpreters/transpose.ts";
import { add } from "../elementwise.ts";
import { broadcastBatch, full, fullLike, instantiate, reshape } from "../broadcast.ts";
import { weakest } from "../rules.ts";
import { concatenate, slice, transpose } from "../shape.ts";

/**
 * Parameters of `scan`. The operands are the constants, the initial carry, and the `xs` (with the
 * steps as axis 0); the body takes the same, with one slice of each x, and gives the next carry and one
 * slice of each y. Outputs are the last carry and the stacked ys.
 */
export interface ScanParams extends Params {
  readonly body: Program;
  readonly consts: number;
  readonly carry: number;
  readonly length: number;
  /** From the last step to the first; ys keep their places. */
  readonly reverse: boolean;
}

/** A list cut where constants, carry, and xs meet. */
function parts<T>(list: readonly T[], { consts, carry }: ScanParams): [T[], T[], T[]] {
  return [
    list.slice(0, consts),
    list.slice(consts, consts + carry),
    list.slice(consts + carry),
  ];
}

/** Repeats `grow` on the flags of the carry until they stay. */
export function fixedFlags(
  initial: readonly boolean[],
  grow: (flags: readonly boolean[]) => readonly boolean[],
): boolean[] {
  let flags = [...initial];
  for (;;) {
    const grown = grow(flags);
    if (grown.every((g, i) => !g || flags[i])) return flags;
    flags = flags.map((f, i) => f || grown[i]!);
  }
}

const scanPrimitive: Primitive<ScanParams> = {
  name: "scan",
  stepwise: scanSteps,
  ownWeakness: true,
  loop: (params) => ({ ...params, withBody: (body) => ({ ...params, body }) }),
  abstractEval(inputs, params) {
    const { body, length } = params;
    const [, carry, xs] = parts(inputs, params);
    xs.forEach((x) => {
      if (x.shape[0] !== length) {
        throw new ShapeError(
          `scan: an x is ${formatAval(x)}, which does not have ${length} steps`,
          "axis 0 of every x counts the steps",
        );
      }
    });
    const outputs = body.outputs.map((a) => a.aval);
    carry.forEach((c, i) => {
      const next = outputs[i]!;
      if (next.dtype !== c.dtype || !sameShape(next.shape, c.shape)) {
        throw new ShapeError(
          `scan: the carry is ${formatAval(c)} before the step and ${formatAval(next)} after it`,
          "the step must give a carry of the type it takes",
        );
      }
    });
    return outputs.map((a, i) =>
      i < carry.length
        ? { ...weakest(a, body.inputs[params.consts + i]!.aval), shape: a.shape }
        : { ...a, shape: [length, ...a.shape] }
    );
  },
  jvp(primals, tangents, params) {
    const { body, carry, length, reverse } = params;
    const flags = tangents.map((t) => t !== null);
    const [activeConsts, activeInit, activeXs] = parts(flags, params);
    const activeOf = (c: readonly boolean[]) => [...activeConsts, ...c, ...activeXs];
    const activeCarry = fixedFlags(
      activeInit,
      (c) => linearizeProgram(body, activeOf(c), c).active.slice(0, carry),
    );
    const { primal, linear, residuals, active } = linearizeProgram(
      body,
      activeOf(activeCarry),
      activeCarry,
    );

    // Residuals that are inputs of the body need not be stored.
    const found = primal.outputs.slice(body.outputs.length);
    const place = found.map((a) => primal.inputs.findIndex((v) => v === a));
    const isCarry = (i: number) => i >= params.consts && i < params.consts + carry;
    const stored = place.map((i) => i < 0 || isCarry(i));
    const run = scan(primals, {
      ...params,
      body: {
        ...primal,
        outputs: [
          ...primal.outputs.slice(0, body.outputs.length),
          ...found.filter((_, r) => stored[r]),
        ],
      },
    });
    const outputs = run.slice(0, body.outputs.length);
    let next = body.outputs.length;
    const values = place.map((i, r) => stored[r] ? run[next++]! : primals[i]!);
    const constant = place.map((i) => i >= 0 && i < params.consts);

    // The linear loop: constants, carry and xs in their order again.
    const directions = tangents.map((t, i) =>
      activeOf(activeCarry)[i] ? instantiate(t, primals[i]!) : null
    );
    const [dConsts, dCarry, dXs] = parts(directions, params);
    const linearInputs = linear.inputs.slice(residuals);
    const activeInputs = activeOf(activeCarry).flatMap((a, i) => a ? [i] : []);
    const inPart = (test: (i: number) => boolean) =>
      linearInputs.filter((_, k) => test(activeInputs[k]!));
    const present = (list: readonly (Tensor | null)[]) =>
      list.filter((t): t is Tensor => t !== null);
    const moved = scan([
      ...values.filter((_, r) => constant[r]),
      ...present(dConsts),
      ...present(dCarry),
      ...values.filter((_, r) => !constant[r]),
      ...present(dXs),
    ], {
      body: {
        ...linear,
        inputs: [
          ...linear.inputs.slice(0, residuals).filter((_, r) => constant[r]),
          ...inPart((i) => i < params.consts),
          ...inPart(isCarry),
          ...linear.inputs.slice(0, residuals).filter((_, r) => !constant[r]),
          ...inPart((i) => i >= params.consts + carry),
        ],
      },
      consts: constant.filter(Boolean).length + present(dConsts).length,
      carry: present(dCarry).length,
      length,
      reverse,
    });
    let m = 0;
    return { outputs, tangents: outputs.map((_, i) => active[i] ? moved[m++]! : null) };
  },
  transpose(cotangents, inputs, params) {
    const { body, consts, carry, length, reverse } = params;
    const linear = inputs.map((x, i) =>
      x instanceof LinearInput || (i >= consts && i < consts + carry)
    );
    const avals = inputAvals(body);
    const at = (test: (i: number) => boolean) => inputs.map((_, i) => i).filter(test);
    const [knownConsts, linearConsts, knownXs, linearXs] = [
      at((i) => i < consts && !linear[i]),
      at((i) => i < consts && linear[i]!),
      at((i) => i >= consts + carry && !linear[i]),
      at((i) => i >= consts + carry && linear[i]!),
    ];
    const carried = at((i) => i >= consts && i < consts + carry);
    const ysPresent = cotangents.slice(carry).map((ct) => ct !== null);
    const ctYs = cotangents.slice(carry).filter((ct): ct is Tensor => ct !== null);
    const backwards = traceClosed((...args) => {
      let next = 0;
      const take = (indices: readonly number[]) => indices.map((i) => [i, args[next++]!] as const);
      const values = new Map(take(knownConsts));
      const sums = take(linearConsts);
      const ctCarry = take(carried).map(([, ct]) => ct);
      take(knownXs).forEach(([i, x]) => values.set(i, x));
      const ctY = ysPresent.map((p) => p ? args[next++]! : null);
      const cts = backwardPass(body, avals.map((_, i) => values.get(i) ?? null), [
        ...ctCarry,
        ...ctY,
      ]);
      return [
        ...sums.map(([i, sum]) => cts[i] ? add(sum, cts[i]) : sum),
        ...carried.map((i) => instantiate(cts[i], { aval: avals[i]! })),
        ...linearXs.map((i) => instantiate(cts[i], { aval: avals[i]! })),
      ];
    }, [
      ...[...knownConsts, ...linearConsts, ...carried, ...knownXs].map((i) => avals[i]!),
      ...ctYs.map((ct) => aval(ct.shape.slice(1), ct.dtype)),
    ]);
    const outputs = scan([
      ...knownConsts.map((i) => inputs[i] as Tensor),
      ...linearConsts.map((i) => fullLike({ aval: avals[i]! }, 0)),
      ...carried.map((i, k) => instantiate(cotangents[k], { aval: avals[i]! })),
      ...knownXs.map((i) => inputs[i] as Tensor),
      ...ctYs,
    ], {
      body: backwards,
      consts: knownConsts.length,
      carry: linearConsts.length + carry,
      length,
      reverse: !reverse,
    });
    const result: (Tensor | null)[] = inputs.map(() => null);
    [...linearConsts, ...carried, ...linearXs].forEach((i, k) => result[i] = outputs[k]!);
    return result;
  },
  batch(inputs, batched, params, axis) {
    const { body, carry } = params;
    const [consts, init, xs] = parts(batched, params);
    const flagsOf = (c: readonly boolean[]) => [...consts, ...c, ...xs];
    const carried = fixedFlags(
      init,
      (c) => batchProgram(body, flagsOf(c), axis, c).batched.slice(0, carry),
    );
    const { program, batched: outBatched } = batchProgram(body, flagsOf(carried), axis, carried);
    const operands = inputs.map((x, i) => {
      if (i < params.consts) return x;
      if (i < params.consts + carry) {
        return carried[i - params.consts] && !batched[i] ? broadcastBatch(x, axis.size) : x;
      }
      return batched[i] ? swapFirst(x) : x; // steps first, then the batch
    });
    const outputs = scan(operands, { ...params, body: program });
    return {
      outputs: outputs.map((y, i) => i >= carry && outBatched[i] ? swapFirst(y) : y),
      batched: outBatched,
    };
  },
};

function swapFirst(x: Tensor): Tensor {
  return transpose(x, x.shape.map((_, i) => i < 2 ? 1 - i : i));
}

/** Runs a loop; see {@link ScanParams}. */
export function scan(operands: readonly Tensor[], params: ScanParams): Tensor[] {
  return [...bind(scanPrimitive, operands, params)];
}

export { scanPrimitive };

/** The slice of this number along axis 0. */
function sliceAt(x: Tensor, at: number): Tensor {
  const part = slice(x, {
    start: x.shape.map((_, axis) => axis === 0 ? at : 0),
    limit: x.shape.map((n, axis) => axis === 0 ? at + 1 : n),
    strides: x.shape.map(() => 1),
  });
  return reshape(part, x.shape.slice(1));
}

/** The steps of `scan`. */
function scanSteps(
  inputs: readonly Tensor[],
  { body, consts, carry, length, reverse }: ScanParams,
  host: Stepping,
): Tensor[] {
  const constants = inputs.slice(0, consts);
  const xs = inputs.slice(consts + carry);
  let state = inputs.slice(consts, consts + carry).map((x) => x.alias());
  const rows: Tensor[][] = Array.from({ length });
  for (let i = 0; i < length; i++) {
    const at = reverse ? length - 1 - i : i;
    const results = host.run(body, [...constants, ...state, ...xs.map((x) => sliceAt(x, at))]);
    state = results.slice(0, carry);
    rows[at] = results.slice(carry).map((y) => reshape(y, [1, ...y.shape]));
  }
  const stacked = body.outputs.slice(carry).map(({ aval: { shape, dtype } }, k) =>
    length === 0 ? full([0, ...shape], 0, dtype) : concatenate(rows.map((row) => row[k]!), 0)
  );
  return [...state, ...stacked];
}

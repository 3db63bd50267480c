/**
 * `cond`: one of several programs, chosen by an index.
 *
 * Its derivative is two choices by the same index: the primal one, which also gives the residuals of the
 * branch taken, and a linear one. Only one branch is taken, so that residuals of different branches share places.
 */
import { ShapeError } from "../../core/errors.ts";
import {
  inputAvals,
  LinearInput,
  type MappedAxis,
  outputAvals,
  type Params,
  type Primitive,
  type Program,
  type Stepping,
} from "../../core/program.ts";
import { type Atom, type Aval, aval, formatAval, sameShape } from "../../core/aval.ts";
import { literal, type Tensor } from "../../core/tensor.ts";
import { bind, traceClosed } from "../../core/trace.ts";
import { evaluate } from "../../core/evaluate.ts";
import { reduceOr } from "../reduce.ts";
import { batchProgram } from "../interpreters/batch.ts";
import { type Linearized, linearizeProgram } from "../interpreters/linearize.ts";
import { transposeProgram } from "../interpreters/transpose.ts";
import { convert, eq, ge, le } from "../elementwise.ts";
import { broadcastBatch, full } from "../broadcast.ts";
import { weakest } from "../rules.ts";
import { fromLive, mayRunIdle, selectLanes } from "./lanes.ts";

/**
 * Parameters of `cond`. The first operand is an int32 scalar (below 0 counts as 0, above the last as
 * the last); the others go to the branch, all of whose outputs have the same types.
 */
export interface CondParams extends Params {
  readonly branches: readonly Program[];
}

/**
 * The branches with equally many outputs: first those that all have, then those that each has of its own, and
 * zeros in the places of the others'.
 */
function sideBySide(branches: readonly Program[], shared: number): Program[] {
  const own = branches.map((b) => outputAvals(b).slice(shared));
  return branches.map((branch, mine) =>
    traceClosed((...xs) => {
      const results = evaluate(branch, xs);
      return [
        ...results.slice(0, shared),
        ...own.flatMap((avals, k) =>
          k === mine ? results.slice(shared) : avals.map((a) => full(a.shape, 0, a.dtype))
        ),
      ];
    }, inputAvals(branch))
  );
}

/** The places of the residuals of branches. */
interface SharedResiduals {
  /** The primal programs, with as many outputs each: a residual or a zero in every slot. */
  readonly primals: Program[];
  /** The types of the results that are returned in addition to the outputs. */
  readonly slots: readonly Aval[];
  /** For each residual of each branch its place among the slots and, after them, the operands. */
  readonly places: readonly (readonly number[])[];
}

/** Residuals of different branches share a slot if they are of one type; those that are operands need none. */
function sharingResiduals(split: readonly Linearized[], shared: number): SharedResiduals {
  const slots: Aval[] = [];
  const inSlots = split.map(({ primal }) => {
    const taken = new Set<number>();
    return primal.outputs.slice(shared).map((residual) => {
      if (primal.inputs.some((v) => v === residual)) return undefined;
      const fits = slots.findIndex((a, i) =>
        !taken.has(i) && a.dtype === residual.aval.dtype && sameShape(a.shape, residual.aval.shape)
      );
      const slot = fits < 0 ? slots.push(aval(residual.aval.shape, residual.aval.dtype)) - 1 : fits;
      taken.add(slot);
      return slot;
    });
  });
  const primals = split.map(({ primal }, k) =>
    traceClosed((...xs) => {
      const results = evaluate(primal, xs);
      const filled = slots.map((a) => full(a.shape, 0, a.dtype));
      inSlots[k]!.forEach((slot, r) => slot !== undefined && (filled[slot] = results[shared + r]!));
      return [...results.slice(0, shared), ...filled];
    }, inputAvals(primal))
  );
  const places = split.map(({ primal }, k) =>
    inSlots[k]!.map((slot, r) =>
      slot ?? slots.length + primal.inputs.findIndex((v) => v === primal.outputs[shared + r])
    )
  );
  return { primals, slots, places };
}

const condPrimitive: Primitive<CondParams> = {
  name: "cond",
  stepwise: condStep,
  ownWeakness: true,
  branches: ({ branches }) => ({
    branches,
    withBranches: (more) => ({ branches: sideBySide(more, branches[0]!.outputs.length) }),
  }),
  abstractEval([index, ...operands], { branches }) {
    const [first, ...rest] = branches.map(outputAvals);
    if (index.dtype !== "int32" || index.shape.length !== 0) {
      throw new ShapeError(`cond: the index is ${formatAval(index)}`, "give an int32 scalar");
    }
    for (const other of rest) {
      const same = other.length === first!.length &&
        other.every((a, i) => a.dtype === first![i]!.dtype && sameShape(a.shape, first![i]!.shape));
      if (!same) {
        throw new ShapeError(
          `cond: one branch gives (${first!.map(formatAval).join(", ")}), another (${
            other.map(formatAval).join(", ")
          })`,
          "all branches must give the same types",
        );
      }
    }
    if (branches.some((b) => b.inputs.length !== operands.length)) {
      throw new ShapeError("cond: branches take different operands", "give all the same operands");
    }
    return first!.map((a, i) => ({ ...weakest(a, ...rest.map((r) => r[i]!)), shape: a.shape }));
  },
  jvp([index, ...primals], [, ...tangents], { branches }) {
    const active = tangents.map((t) => t !== null);
    const outputs = branches[0]!.outputs.length;
    const force = branches.map((b) => linearizeProgram(b, active).active)
      .reduce((a, b) => a.map((f, i) => f || b[i]!));
    const split = branches.map((b) => linearizeProgram(b, active, force));
    const { primals: programs, slots, places } = sharingResiduals(split, outputs);
    const run = cond(index, primals, { branches: programs });
    // Residuals that are operands of the branch are at hand: they need not come out of it.
    const available = [...run.slice(outputs), ...primals];
    const read = [...new Set(places.flat())];
    const directions = tangents.filter((t): t is Tensor => t !== null);
    const moved = cond(index, [...read.map((i) => available[i]!), ...directions], {
      branches: split.map((s, k) =>
        traceClosed(
          (...xs) =>
            evaluate(s.linear, [
              ...places[k]!.map((i) => xs[read.indexOf(i)]!),
              ...xs.slice(read.length),
            ]),
          [
            ...read.map((i) => slots[i] ?? available[i]!.aval),
            ...directions.map((t) => aval(t.shape, t.dtype)),
          ],
        )
      ),
    });
    let m = 0;
    return {
      outputs: run.slice(0, outputs),
      tangents: force.map((f) => f ? moved[m++]! : null),
    };
  },
  transpose(cotangents, [index, ...operands], { branches }) {
    const linear = operands.map((x) => x instanceof LinearInput);
    const present = cotangents.map((ct) => ct !== null);
    const cts = cond(
      index as Tensor, // an integer is never linear
      [
        ...operands.filter((x): x is Tensor => !(x instanceof LinearInput)),
        ...cotangents.filter((ct): ct is Tensor => ct !== null),
      ],
      { branches: branches.map((b) => transposeProgram(b, linear, present)) },
    );
    let next = 0;
    return [null, ...linear.map((l) => l ? cts[next++]! : null)];
  },
  batch([index, ...operands], [indexBatched, ...batched], { branches }, axis) {
    const last = branches.length - 1;
    if (!indexBatched || last === 0) {
      const chosen = indexBatched ? literal(0, "int32") : index;
      const force = branches.map((b) => batchProgram(b, batched, axis).batched)
        .reduce((a, b) => a.map((f, i) => f || b[i]!));
      const programs = branches.map((b) => batchProgram(b, batched, axis, force).program);
      return { outputs: cond(chosen, operands, { branches: programs }), batched: force };
    }
    // An index for each element: all branches run, and each element selects.
    const number = (k: number) => broadcastBatch(literal(k, "int32"), axis.size);
    const results = branches.map((b, k) => {
      const taken = k === 0 ? le(index, number(0)) : (k === last ? ge : eq)(index, number(k));
      return runLive(b, taken, operands, batched, axis);
    });
    const outputs = results.reduce((chosen, result, k) =>
      chosen.map((before, i) => selectLanes(ge(index, number(k)), result[i]!, before))
    );
    return { outputs };
  },
};

/**
 * Runs a program for the live elements of a batch: gives all outputs as batches, in which those of idle elements mean
 * nothing.
 */
export function runLive(
  program: Program,
  live: Tensor,
  inputs: readonly Tensor[],
  batched: readonly boolean[],
  axis: MappedAxis,
): Tensor[] {
  const all = program.outputs.map(() => true);
  const whole = batchProgram(program, batched, axis, all).program;
  if (axis.size === 0 || mayRunIdle(program, batched, axis)) return evaluate(whole, inputs);
  const avals = [live, ...inputs].map((x) => x.aval);
  const read = new Set<Atom>([...whole.equations.flatMap((e) => e.inputs), ...whole.outputs]);
  const varies = whole.inputs.map((v, i) => batched[i] && read.has(v));
  const run = traceClosed(
    (live, ...xs) => evaluate(whole, xs.map((x, i) => varies[i] ? fromLive(live!, x) : x)),
    avals,
  );
  const rest = traceClosed(
    () => whole.outputs.map(({ aval: a }) => full(a.shape, 0, a.dtype)),
    avals,
  );
  const any = convert(reduceOr(live, [0]), "int32");
  return cond(any, [live, ...inputs], { branches: [rest, run] });
}

/** Runs the branch of this index. */
export function cond(index: Tensor, operands: readonly Tensor[], params: CondParams): Tensor[] {
  return [...bind(condPrimitive, [index, ...operands], params)];
}

export { condPrimitive };

/** The branch that `cond` takes. */
function condStep(
  [index, ...operands]: readonly Tensor[],
  { branches }: CondParams,
  host: Stepping,
): Tensor[] {
  const taken = Math.min(Math.max(host.look(index!), 0), branches.length - 1);
  return host.run(branches[taken]!, operands);
}

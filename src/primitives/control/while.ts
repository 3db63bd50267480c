/**
 * `while`: a loop that ends when its condition says so. Without a bound on its steps it has forward
 * derivatives only; with one, its derivative is that of the `scan` that takes all steps and does nothing
 * in those after the end.
 */
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { evaluate } from "../../core/evaluate.ts";
import {
  hasEffect,
  inputAvals,
  outputAvals,
  type Params,
  type Primitive,
  type Program,
  type Stepping,
} from "../../core/program.ts";
import { type Aval, formatAval, sameShape } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, traceClosed } from "../../core/trace.ts";
import { batchProgram, runBatched } from "../interpreters/batch.ts";
import { jvpEval, jvpProgram } from "../interpreters/jvp.ts";
import { convert, stopGradient } from "../elementwise.ts";
import { reduceOr } from "../reduce.ts";
import { broadcastBatch, instantiate } from "../broadcast.ts";
import { weakest } from "../rules.ts";
import { cond } from "./cond.ts";
import { fromLive, mayRunIdle, selectLanes } from "./lanes.ts";
import { fixedFlags, scan, type ScanParams, scanPrimitive } from "./scan.ts";

/**
 * Parameters of `while`. The operands are the constants of the condition, those of the body, and the
 * carry; condition and body take their constants and the carry.
 */
export interface WhileParams extends Params {
  readonly condition: Program;
  readonly body: Program;
  readonly conditionConsts: number;
  readonly bodyConsts: number;
  /** The most steps it may take; undefined for no bound. */
  readonly maxSteps: number | undefined;
}

function parts<T>(list: readonly T[], p: WhileParams): [condition: T[], body: T[], carry: T[]] {
  const start = p.conditionConsts + p.bodyConsts;
  return [
    list.slice(0, p.conditionConsts),
    list.slice(p.conditionConsts, start),
    list.slice(start),
  ];
}

const whilePrimitive: Primitive<WhileParams> = {
  name: "while",
  stepwise: whileSteps,
  ownWeakness: true,
  asScan(inputs, params) {
    const { maxSteps, condition } = params;
    // As a scan it would ask the condition again after the end.
    if (maxSteps === undefined || condition.equations.some(hasEffect)) return undefined;
    return { primitive: scanPrimitive, params: asScan(inputs, params, maxSteps) };
  },
  abstractEval(inputs, params) {
    const [predicate] = outputAvals(params.condition);
    if (predicate?.dtype !== "bool" || predicate.shape.length !== 0) {
      throw new DTypeError(
        `whileLoop: the condition gives ${predicate ? formatAval(predicate) : "nothing"}`,
        "it must give one boolean scalar",
      );
    }
    const [, , carry] = parts(inputs, params);
    const next = outputAvals(params.body);
    const same = next.length === carry.length &&
      next.every((a, i) => a.dtype === carry[i]!.dtype && sameShape(a.shape, carry[i]!.shape));
    if (!same) {
      throw new ShapeError(
        `whileLoop: the carry is (${carry.map(formatAval).join(", ")}) before the step and (${
          next.map(formatAval).join(", ")
        }) after it`,
        "the step must give a carry of the type it takes",
      );
    }
    const before = parts(inputAvals(params.body), { ...params, conditionConsts: 0 })[2];
    return next.map((a, i) => ({ ...weakest(a, before[i]!), shape: a.shape }));
  },
  jvp(primals, tangents, params) {
    if (params.maxSteps !== undefined) {
      const loop = boundedLoop(primals.map((x) => x.aval), params, params.maxSteps);
      const [outputs, moved] = jvpEval(loop, primals, tangents);
      return { outputs, tangents: moved };
    }
    // Primals alone, so that they do not depend on tangents; then both together.
    const outputs = [...bind(whilePrimitive, primals, params)];
    const flags = tangents.map((t) => t !== null);
    const [, constFlags, initFlags] = parts(flags, params);
    const active = fixedFlags(
      initFlags,
      (c) => jvpProgram(params.body, [...constFlags, ...c], c).active,
    );
    const { program } = jvpProgram(params.body, [...constFlags, ...active], active);
    const [condition, consts, carry] = parts(primals, params);
    const [, dConsts, dCarry] = parts(tangents, params);
    const moving = active.flatMap((a, i) => a ? [i] : []);
    const directions = dConsts.filter((t): t is Tensor => t !== null);
    const carryAvals = outputAvals(params.body);
    const body = traceClosed((...xs) => {
      // The loop wants constants first: (consts, ċonsts, carry, ċarry); the program primals first.
      const c = xs.slice(0, consts.length);
      const dc = xs.slice(consts.length, consts.length + directions.length);
      const k = xs.slice(c.length + dc.length, c.length + dc.length + carry.length);
      return evaluate(program, [...c, ...k, ...dc, ...xs.slice(c.length + dc.length + k.length)]);
    }, [
      ...[...consts, ...directions].map((x) => x.aval),
      ...carryAvals,
      ...moving.map((i) => carryAvals[i]!),
    ]);
    const both = bind(whilePrimitive, [
      ...condition,
      ...consts,
      ...directions,
      ...carry,
      ...moving.map((i) => instantiate(dCarry[i], carry[i]!)),
    ], {
      ...params,
      condition: ignoring(params.condition, moving.map((i) => carryAvals[i]!)),
      body,
      bodyConsts: consts.length + directions.length,
    });
    const result: (Tensor | null)[] = outputs.map(() => null);
    moving.forEach((i, k) => result[i] = both[outputs.length + k]!);
    return { outputs, tangents: result };
  },
  transpose: null,
  batch(inputs, batched, params, axis) {
    const [conditionFlags, bodyFlags, initFlags] = parts(batched, params);
    const perElement = (c: readonly boolean[]) =>
      batchProgram(params.condition, [...conditionFlags, ...c], axis).batched[0]!;
    const carried = fixedFlags(initFlags, (c) => {
      if (perElement(c)) return c.map(() => true);
      return batchProgram(params.body, [...bodyFlags, ...c], axis, c).batched;
    });
    const [conditionConsts, bodyConsts, init] = parts(inputs, params);
    const carry = init.map((x, i) =>
      carried[i] && !initFlags[i] ? broadcastBatch(x, axis.size) : x
    );
    const operands = [...conditionConsts, ...bodyConsts, ...carry];
    if (!perElement(carried)) {
      const outputs = bind(whilePrimitive, operands, {
        ...params,
        condition: batchProgram(params.condition, [...conditionFlags, ...carried], axis).program,
        body: batchProgram(params.body, [...bodyFlags, ...carried], axis, carried).program,
      });
      return { outputs: [...outputs], batched: carried };
    }
    // Elements end at different steps: go on while any does, and keep those that have ended. The step runs on
    // what an element carried into its last one; on another's if it never takes any.
    const holds = (consts: readonly Tensor[], state: readonly Tensor[]) =>
      runBatched(
        params.condition,
        [...consts, ...state.slice(0, init.length)],
        [...conditionFlags, ...carried],
        axis,
      )[0][0]!;
    const flags = [...bodyFlags, ...carried];
    const guarded = axis.size > 0 && !mayRunIdle(params.body, flags, axis);
    const starts = guarded ? holds(conditionConsts, carry) : undefined;
    const consts = starts
      ? bodyConsts.map((x, i) => bodyFlags[i] ? fromLive(starts, x) : x)
      : bodyConsts;
    const state = [...carry, ...(starts ? carry.map((x) => fromLive(starts, x)) : [])];
    const condition = traceClosed(
      (...xs) => [
        reduceOr(holds(xs.slice(0, params.conditionConsts), xs.slice(params.conditionConsts)), [0]),
      ],
      [...conditionConsts, ...state].map((x) => x.aval),
    );
    const body = traceClosed((...xs) => {
      const [forCondition, forBody, now] = parts(xs, params);
      const old = now.slice(0, init.length);
      const go = holds(forCondition, old);
      const taken = guarded
        ? old.map((x, i) => selectLanes(go, x, stopGradient(now[init.length + i]!)))
        : old;
      const [next, isBatched] = runBatched(params.body, [...forBody, ...taken], flags, axis);
      return [
        ...next.map((x, i) =>
          selectLanes(go, isBatched[i] ? x : broadcastBatch(x, axis.size), old[i]!)
        ),
        ...(guarded ? taken.map(stopGradient) : []),
      ];
    }, [...conditionConsts, ...consts, ...state].map((x) => x.aval));
    const outputs = bind(whilePrimitive, [
      ...conditionConsts,
      ...conditionConsts,
      ...consts,
      ...state,
    ], {
      condition,
      body,
      conditionConsts: params.conditionConsts,
      bodyConsts: params.conditionConsts + params.bodyConsts,
      maxSteps: params.maxSteps,
    }).slice(0, init.length);
    return { outputs: [...outputs] };
  },
};

/** The program with further inputs that it does not read. */
function ignoring(program: Program, more: readonly Aval[]): Program {
  const count = program.inputs.length;
  return traceClosed((...xs) => evaluate(program, xs.slice(0, count)), [
    ...inputAvals(program),
    ...more,
  ]);
}

/** The bounded loop as a scan: after the end, the carry stays what it is. */
export function boundedLoop(
  avals: readonly Aval[],
  params: WhileParams,
  steps: number,
): Program {
  return traceClosed((...operands) => scan(operands, asScan(avals, params, steps)), avals);
}

function asScan(avals: readonly Aval[], params: WhileParams, length: number): ScanParams {
  const body = traceClosed((...xs) => {
    const [forCondition, forBody, old] = parts(xs, params);
    const [go] = evaluate(params.condition, [...forCondition, ...old]);
    const operands = [...forBody, ...old];
    const stay = traceClosed((...ys) => ys.slice(forBody.length), operands.map((x) => x.aval));
    return cond(convert(go!, "int32"), operands, { branches: [stay, params.body] });
  }, avals);
  const consts = params.conditionConsts + params.bodyConsts;
  return { body, consts, carry: avals.length - consts, length, reverse: false };
}

/** Runs a loop; see {@link WhileParams}. */
export function whileLoop(operands: readonly Tensor[], params: WhileParams): Tensor[] {
  return [...bind(whilePrimitive, operands, params)];
}

export { whilePrimitive };

/** The steps of `while`. */
function whileSteps(
  inputs: readonly Tensor[],
  { condition, body, conditionConsts, bodyConsts, maxSteps = Infinity }: WhileParams,
  host: Stepping,
): Tensor[] {
  const forCondition = inputs.slice(0, conditionConsts);
  const forBody = inputs.slice(conditionConsts, conditionConsts + bodyConsts);
  let state = inputs.slice(conditionConsts + bodyConsts).map((x) => x.alias());
  const holds = () => host.look(host.run(condition, [...forCondition, ...state])[0]!) !== 0;
  for (let step = 0; step < maxSteps && holds(); step++) {
    state = host.run(body, [...forBody, ...state]);
  }
  return state;
}

/**
 * `checkpoint`: a call that keeps nothing for its reverse derivative but its inputs (and what a policy
 * names), and computes the rest again when the cotangent arrives.
 */
import { evaluate } from "../../core/evaluate.ts";
import {
  LinearInput,
  outputAvals,
  type Params,
  type Primitive,
  type Program,
} from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, traceClosed } from "../../core/trace.ts";
import { barrier } from "../control/barrier.ts";
import { batchProgram } from "../interpreters/batch.ts";
import { linearizeProgram } from "../interpreters/linearize.ts";
import { backwardPass } from "../interpreters/transpose.ts";
import { instantiate } from "../broadcast.ts";
import { linearCall } from "./linearCall.ts";

/**
 * Says which instructions' results are kept rather than computed again, by the instruction's name and its parameters
 * (for `checkpointName`, its `name`).
 */
export type SavePolicy = (primitive: string, params: object) => boolean;

/** Parameters of `checkpoint`. */
export interface CheckpointParams extends Params {
  readonly program: Program;
  readonly policy: SavePolicy | undefined;
}

const checkpointPrimitive: Primitive<CheckpointParams> = {
  name: "checkpoint",
  ownWeakness: true,
  abstractEval: (_, { program }) => outputAvals(program),
  jvp(primals, tangents, { program, policy }) {
    const active = tangents.map((t) => t !== null);
    const kept = policy === undefined ? [] : program.equations
      .filter((e) => policy(e.primitive.name, e.params)).flatMap((e) => e.outputs);
    const results = bind(checkpointPrimitive, primals, {
      program: { ...program, outputs: [...program.outputs, ...kept] },
      policy,
    });
    const outputs = results.slice(0, program.outputs.length);
    const residuals = [...primals, ...results.slice(outputs.length)];
    const split = linearizeProgram(program, active, [], kept);
    const moving = outputs.filter((_, i) => split.active[i]).map((y) => y.aval);
    const directions = tangents.filter((t): t is Tensor => t !== null);
    const known = residuals.map((x) => x.aval);
    const linearize = (values: readonly Tensor[]) =>
      evaluate(split.primal, values).slice(outputs.length);
    const forward = traceClosed((...xs) => {
      const values = xs.slice(0, residuals.length);
      return evaluate(split.linear, [...linearize(values), ...xs.slice(residuals.length)]);
    }, [...known, ...directions.map((t) => t.aval)]);
    // Made when it is needed: a loop without a bound has no transpose, but a forward derivative.
    const transpose = (present: readonly boolean[]) =>
      traceClosed((...xs) => {
        // Nothing of what follows can start before the cotangents are there.
        const behind = barrier(xs);
        const found = linearize(behind.slice(0, residuals.length));
        let next = residuals.length;
        const given = present.map((p) => p ? behind[next++]! : null);
        const values = [...found, ...directions.map(() => null)];
        const cts = backwardPass(split.linear, values, given);
        return directions.map((t, i) => instantiate(cts[found.length + i], t));
      }, [...known, ...moving.filter((_, i) => present[i])]);
    const moved = linearCall(residuals, directions, { forward, transpose, outputs: moving });
    let next = 0;
    return { outputs, tangents: outputs.map((_, i) => split.active[i] ? moved[next++]! : null) };
  },
  transpose: (cotangents, inputs, { program }) =>
    backwardPass(program, inputs.map((x) => x instanceof LinearInput ? null : x), cotangents),
  batch(inputs, batched, { program, policy }, axis) {
    const batch = batchProgram(program, batched, axis);
    return {
      outputs: bind(checkpointPrimitive, inputs, { program: batch.program, policy }),
      batched: batch.batched,
    };
  },
  inline: ({ program }) => program,
};

/** Calls a program whose reverse derivative computes again what it needs. */
export function checkpointCall(operands: readonly Tensor[], params: CheckpointParams): Tensor[] {
  return [...bind(checkpointPrimitive, operands, params)];
}

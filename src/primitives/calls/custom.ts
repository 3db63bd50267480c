/** Calls whose derivative the user gives: `customJvp` forwards, `customVjp` in reverse. */
import { isFloat } from "../../core/dtype.ts";
import { NotDifferentiableError } from "../../core/errors.ts";
import { evaluate } from "../../core/evaluate.ts";
import { outputAvals, type Params, type Primitive, type Program } from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind } from "../../core/trace.ts";
import { batchProgram } from "../interpreters/batch.ts";
import { broadcastBatch, instantiate } from "../broadcast.ts";
import { linearCall } from "./linearCall.ts";

/** A program made when it is first needed: a rule may use the very function whose rule it is. */
export type Lazy = () => Program;

/** Remembers what a function gave. */
export function lazy(make: Lazy): Lazy {
  let made: Program | undefined;
  return () => made ??= make();
}

/**
 * Parameters of `customJvp`. The operands are captured constants and the arguments. The rule takes
 * them, and a tangent for each float argument; it gives the outputs, and a tangent for each float output.
 */
export interface CustomJvpParams extends Params {
  readonly program: Program;
  readonly rule: Lazy;
  readonly consts: number;
}

/**
 * Parameters of `customVjp`. `forward` takes the operands and gives outputs and residuals; `backward`
 * takes the constants, the residuals, and a cotangent for each float output, and gives one for each float
 * argument.
 */
export interface CustomVjpParams extends Params {
  readonly program: Program;
  /** For the operands that are perturbed. */
  readonly forward: (perturbed: readonly boolean[]) => Program;
  /** For the operands that are perturbed, and the cotangents that are no symbolic zeros. */
  readonly backward: (perturbed: readonly boolean[], present: readonly boolean[]) => Program;
  readonly consts: number;
}

function refuseCaptured(name: string, tangents: readonly (Tensor | null)[], consts: number): void {
  if (tangents.slice(0, consts).every((t) => t === null)) return;
  throw new NotDifferentiableError(
    `${name}: the function closes over a value that is being differentiated, for which its rule gives ` +
      "no derivative",
    "pass that value as an argument, or through stopGradient if it is meant to be constant",
  );
}

const customJvpPrimitive: Primitive<CustomJvpParams> = {
  name: "customJvp",
  ownWeakness: true,
  abstractEval: (_, { program }) => outputAvals(program),
  jvp(primals, tangents, { program, rule, consts }) {
    refuseCaptured("customJvp", tangents, consts);
    const directions = primals.flatMap((x, i) =>
      i >= consts && isFloat(x.dtype) ? [instantiate(tangents[i], x)] : []
    );
    const results = evaluate(rule(), [...primals, ...directions]);
    const outputs = results.slice(0, program.outputs.length);
    let next = outputs.length;
    return { outputs, tangents: outputs.map((y) => isFloat(y.dtype) ? results[next++]! : null) };
  },
  transpose: null,
  batch(inputs, batched, { program, rule, consts }, axis) {
    const all = program.outputs.map(() => true);
    const flags = inputs.flatMap((x, i) => i >= consts && isFloat(x.dtype) ? [batched[i]!] : []);
    const params = {
      program: batchProgram(program, batched, axis, all).program,
      rule: lazy(() => {
        const derivative = rule();
        const every = derivative.outputs.map(() => true);
        return batchProgram(derivative, [...batched, ...flags], axis, every).program;
      }),
      consts,
    };
    return { outputs: bind(customJvpPrimitive, inputs, params) };
  },
  inline: ({ program }) => program,
};

const customVjpPrimitive: Primitive<CustomVjpParams> = {
  name: "customVjp",
  ownWeakness: true,
  abstractEval: (_, { program }) => outputAvals(program),
  jvp(primals, tangents, { program, forward, backward, consts }) {
    refuseCaptured("customVjp", tangents, consts);
    const perturbed = tangents.map((t) => t !== null);
    const results = evaluate(forward(perturbed), primals);
    const outputs = results.slice(0, program.outputs.length);
    const residuals = [...primals.slice(0, consts), ...results.slice(outputs.length)];
    const directions = primals.flatMap((x, i) =>
      i >= consts && isFloat(x.dtype) ? [instantiate(tangents[i], x)] : []
    );
    const moved = linearCall(residuals, directions, {
      forward: undefined,
      transpose: (present) => backward(perturbed, present),
      outputs: outputs.filter((y) => isFloat(y.dtype)).map((y) => y.aval),
    });
    let next = 0;
    return { outputs, tangents: outputs.map((y) => isFloat(y.dtype) ? moved[next++]! : null) };
  },
  transpose: null,
  batch(inputs, batched, { program, forward, backward, consts }, axis) {
    const batch = (p: Program, flags: readonly boolean[]) =>
      batchProgram(p, flags, axis, p.outputs.map(() => true)).program;
    // Arguments get the batch before the rule sees them, so that their cotangents have it too.
    const operands = inputs.map((x, i) =>
      i < consts || batched[i] ? x : broadcastBatch(x, axis.size)
    );
    const flags = inputs.map((_, i) => i < consts ? batched[i]! : true);
    const params = {
      program: batch(program, flags),
      forward: (perturbed: readonly boolean[]) => batch(forward(perturbed), flags),
      backward: (perturbed: readonly boolean[], present: readonly boolean[]) => {
        const rule = backward(perturbed, present);
        return batch(rule, rule.inputs.map((_, i) => i < consts ? batched[i]! : true));
      },
      consts,
    };
    return { outputs: bind(customVjpPrimitive, operands, params) };
  },
  inline: ({ program }) => program,
};

/** Calls a program whose forward derivative is another program. */
export function customJvpCall(operands: readonly Tensor[], params: CustomJvpParams): Tensor[] {
  return [...bind(customJvpPrimitive, operands, params)];
}

/** Calls a program whose reverse derivative is two other programs. */
export function customVjpCall(operands: readonly Tensor[], params: CustomVjpParams): Tensor[] {
  return [...bind(customVjpPrimitive, operands, params)];
}

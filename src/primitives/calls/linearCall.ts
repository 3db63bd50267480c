/**
 * `linearCall`: a linear function given twice, forwards and transposed, each a program that may also read
 * residuals. Transposing it swaps the two. This is how derivatives that were made by hand, or that
 * recompute what they need, take part in forward and reverse mode alike.
 */
import { NotDifferentiableError } from "../../core/errors.ts";
import { evaluate } from "../../core/evaluate.ts";
import {
  eliminateDeadCode,
  LinearInput,
  type Params,
  type Primitive,
  type Program,
} from "../../core/program.ts";
import { type Aval, aval } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, traceClosed } from "../../core/trace.ts";
import { batchAval, batchProgram } from "../interpreters/batch.ts";
import { jvpEval } from "../interpreters/jvp.ts";
import { backwardPass } from "../interpreters/transpose.ts";
import { add } from "../elementwise.ts";
import { broadcastBatch, instantiate } from "../broadcast.ts";

/**
 * A transposed program for the cotangents that are present (the others are symbolic zeros): it takes the residuals
 * and those.
 */
export type Transposed = (present: readonly boolean[]) => Program;

/**
 * Parameters of `linearCall`. The operands are the residuals and the linear inputs; both programs take
 * the residuals first. One of the two may be missing.
 */
export interface LinearCallParams extends Params {
  readonly forward: Program | undefined;
  readonly transpose: Transposed | undefined;
  readonly residuals: number;
  readonly outputs: readonly Aval[];
}

function forwardOf({ forward }: LinearCallParams): Program {
  if (forward) return forward;
  throw new NotDifferentiableError(
    "a function with customVjp has no forward derivative",
    "differentiate it in reverse (grad, vjp, jacrev), or define it with customJvp, which gives both",
  );
}

const linearCallPrimitive: Primitive<LinearCallParams> = {
  name: "linearCall",
  abstractEval: (_, { outputs }) => outputs.map((a) => aval(a.shape, a.dtype)),
  jvp(primals, tangents, params) {
    const forward = forwardOf(params);
    const outputs = bind(linearCallPrimitive, primals, params);
    const { residuals } = params;
    const [dResiduals, dLinear] = [tangents.slice(0, residuals), tangents.slice(residuals)];
    // In the linear inputs the tangent is the function itself; in the residuals it is the program's.
    const direct = dLinear.some((t) => t !== null)
      ? bind(linearCallPrimitive, [
        ...primals.slice(0, residuals),
        ...dLinear.map((t, i) => instantiate(t, primals[residuals + i]!)),
      ], params)
      : outputs.map(() => null);
    const indirect = dResiduals.some((t) => t !== null)
      ? jvpEval(forward, primals, [...dResiduals, ...dLinear.map(() => null)])[1]
      : outputs.map(() => null);
    return {
      outputs,
      tangents: outputs.map((_, i) => {
        const [a, b] = [direct[i] ?? null, indirect[i] ?? null];
        return a && b ? add(a, b) : a ?? b;
      }),
    };
  },
  transpose(cotangents, inputs, params) {
    const { forward, transpose, residuals } = params;
    if (!transpose) {
      const values = inputs.map((x) => x instanceof LinearInput ? null : x);
      return backwardPass(forwardOf(params), values, cotangents);
    }
    const given = inputs.slice(0, residuals) as Tensor[]; // residuals are never linear
    const linear = inputs.slice(residuals)
      .map((x) => x instanceof LinearInput ? x.aval : x.aval);
    const present = cotangents.map((ct) => ct !== null);
    const results = bind(linearCallPrimitive, [
      ...given,
      ...cotangents.filter((ct): ct is Tensor => ct !== null),
    ], {
      forward: transpose(present),
      transpose: forward && filled(selectOutputs(forward, present), linear),
      residuals,
      outputs: linear,
    });
    return [...given.map(() => null), ...results];
  },
  batch(inputs, batched, params, axis) {
    const { forward, transpose, residuals, outputs } = params;
    const flags = batched.slice(0, residuals);
    const linear = inputs.slice(residuals)
      .map((x, i) => batched[residuals + i] ? x : broadcastBatch(x, axis.size));
    const batch = (program: Program | undefined) => {
      if (!program) return undefined;
      const rest = program.inputs.slice(residuals).map(() => true);
      const all = program.outputs.map(() => true);
      return batchProgram(program, [...flags, ...rest], axis, all).program;
    };
    // Cotangents of linear inputs that came without a batch are summed where those were repeated.
    const results = bind(linearCallPrimitive, [...inputs.slice(0, residuals), ...linear], {
      forward: batch(forward),
      transpose: transpose && ((present) => batch(transpose(present))!),
      residuals,
      outputs: outputs.map((a) => batchAval(a, axis.size)),
    });
    return { outputs: results };
  },
  inline: forwardOf,
};

/** The program with those of its outputs that are named. */
function selectOutputs(program: Program, named: readonly boolean[]): Program {
  return eliminateDeadCode({ ...program, outputs: program.outputs.filter((_, i) => named[i]) });
}

/** A transposed program that wants all cotangents, of these abstract values: absent ones become zeros. */
export function filled(program: Program, cotangents: readonly Aval[]): Transposed {
  return (present) => {
    if (present.every(Boolean)) return program;
    const residuals = program.inputs.slice(0, program.inputs.length - cotangents.length);
    return traceClosed((...xs) => {
      let next = residuals.length;
      const cts = cotangents.map((a, i) =>
        instantiate(present[i] ? xs[next++]! : null, { aval: a })
      );
      return evaluate(program, [...xs.slice(0, residuals.length), ...cts]);
    }, [...residuals.map((v) => v.aval), ...cotangents.filter((_, i) => present[i])]);
  };
}

/** Applies a linear function; see {@link LinearCallParams}. */
export function linearCall(
  residuals: readonly Tensor[],
  linear: readonly Tensor[],
  params: Omit<LinearCallParams, "residuals">,
): Tensor[] {
  const operands = [...residuals, ...linear];
  return [...bind(linearCallPrimitive, operands, { ...params, residuals: residuals.length })];
}

/**
 * `linearSolve`: the solution x of A x = b, where A is given as a program that applies it, and solving as
 * another. Its derivatives are those of the solution, not of the algorithm:
 *
 *     ẋ = A⁻¹ (ḃ - Ȧ x)        b̄ = A⁻ᵀ x̄
 *
 * which need only solves with A and its transpose, to any order.
 */
import {
  LinearInput,
  outputAvals,
  type Params,
  type Primitive,
  type Program,
} from "../../core/program.ts";
import { aval } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind } from "../../core/trace.ts";
import { batchProgram } from "../interpreters/batch.ts";
import { jvpEval } from "../interpreters/jvp.ts";
import { transposeProgram } from "../interpreters/transpose.ts";
import { neg, sub } from "../elementwise.ts";
import { broadcastBatch, instantiate } from "../broadcast.ts";

/** Parameters of `linearSolve`. The operands, and each program's inputs, are the constants and a vector. */
export interface LinearSolveParams extends Params {
  /** A x */
  readonly multiply: Program;
  /** A⁻¹ b */
  readonly solve: Program;
  /** A⁻ᵀ b */
  readonly solveTransposed: Program;
  readonly consts: number;
}

const linearSolvePrimitive: Primitive<LinearSolveParams> = {
  name: "linearSolve",
  abstractEval: (_, { solve }) => outputAvals(solve).map((a) => aval(a.shape, a.dtype)),
  jvp(primals, tangents, params) {
    const { multiply, consts } = params;
    const given = primals.slice(0, consts);
    const solution = bind(linearSolvePrimitive, primals, params);
    const dConsts = tangents.slice(0, consts);
    const moved = dConsts.some((t) => t !== null)
      ? jvpEval(multiply, [...given, ...solution], [...dConsts, ...solution.map(() => null)])[1]
      : solution.map(() => null);
    const rhs = solution.map((x, i) => {
      const [db, dAx] = [tangents[consts + i] ?? null, moved[i] ?? null];
      if (db && dAx) return sub(db, dAx);
      return dAx ? neg(dAx) : instantiate(db, x);
    });
    return {
      outputs: solution,
      tangents: bind(linearSolvePrimitive, [...given, ...rhs], params),
    };
  },
  transpose(cotangents, inputs, { multiply, solve, solveTransposed, consts }) {
    const given = inputs.slice(0, consts) as Tensor[]; // linear in b alone
    const linear = multiply.inputs.map((_, i) => i >= consts);
    const b = inputs.slice(consts).map((x) => x instanceof LinearInput ? x : { aval: x.aval });
    const results = bind(linearSolvePrimitive, [
      ...given,
      ...b.map((x, i) => instantiate(cotangents[i], x)),
    ], {
      multiply: transposeProgram(multiply, linear),
      solve: solveTransposed,
      solveTransposed: solve,
      consts,
    });
    return [...given.map(() => null), ...results];
  },
  batch(inputs, batched, { multiply, solve, solveTransposed, consts }, axis) {
    const flags = inputs.map((_, i) => i < consts ? batched[i]! : true);
    const operands = inputs.map((x, i) =>
      flags[i] && !batched[i] ? broadcastBatch(x, axis.size) : x
    );
    const batch = (program: Program) =>
      batchProgram(program, flags, axis, program.outputs.map(() => true)).program;
    return {
      outputs: bind(linearSolvePrimitive, operands, {
        multiply: batch(multiply),
        solve: batch(solve),
        solveTransposed: batch(solveTransposed),
        consts,
      }),
    };
  },
  inline: ({ solve }) => solve,
};

/** Solves a linear system; see {@link LinearSolveParams}. */
export function linearSolveCall(operands: readonly Tensor[], params: LinearSolveParams): Tensor[] {
  return [...bind(linearSolvePrimitive, operands, params)];
}

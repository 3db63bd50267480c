/** `linearSolve`: the solution of a linear system, with the derivatives of the solution. */
import { evaluate } from "../core/evaluate.ts";
import { trace } from "../core/trace.ts";
import { unflatten } from "../core/tree.ts";
import { transposeProgram } from "../primitives/interpreters/transpose.ts";
import { linearSolveCall } from "../primitives/index.ts";
import { shareCaptured, tensorLeaves, traceLeaves } from "../core/function.ts";

/** An algorithm: from the application of a matrix, and a right-hand side, to a solution. */
export type SolveWith<T> = (multiply: (x: T) => T, b: T) => T;

/**
 * x with `multiply(x) = b`, found by `solve`, whose workings are never differentiated:
 * ẋ = A⁻¹(ḃ - Ȧx) and b̄ = A⁻ᵀx̄, to any order. Values that `multiply` closes over get their derivatives.
 * `solveTransposed` is for algorithms that need another way for the transposed system.
 *
 * ```ts
 * import { grad, linearSolve, np, type Tensor } from "trilevel";
 * // x with a x = b; the algorithm divides, and is never differentiated.
 * const solve = (a: Tensor, b: Tensor) =>
 *   linearSolve((x: Tensor) => x.mul(a), b, (_, rhs) => rhs.div(a));
 * const slope = grad((a: Tensor) => solve(a, np.array(6)))(np.array(2));
 * console.assert(await slope.item() === -1.5);
 * ```
 *
 * @throws TreeError when `multiply` or `solve` give another tree than `b`.
 */
export function linearSolve<T>(
  multiply: (x: T) => T,
  b: T,
  solve: SolveWith<T>,
  solveTransposed: SolveWith<T> = solve,
): T {
  const [leaves, structure] = tensorLeaves(b, "linearSolve: b");
  const avals = leaves.map((x) => x.aval);
  const applied = traceLeaves(multiply, [structure], avals, "linearSolve: multiply");
  const consts = applied.captured;
  const transposed = transposeProgram(
    applied.program,
    applied.program.inputs.map((_, i) => i >= consts.length),
  );
  const solving = (algorithm: SolveWith<T>, program: typeof transposed) =>
    trace((...inputs) => {
      const times = (x: T): T =>
        unflatten(
          structure,
          evaluate(program, [...consts, ...tensorLeaves(x, "linearSolve: x")[0]]),
        );
      return tensorLeaves(
        algorithm(times, unflatten(structure, inputs)),
        "linearSolve: the solution",
      )[0];
    }, avals);
  const { consts: shared, programs } = shareCaptured([
    applied,
    solving(solve, applied.program),
    solving(solveTransposed, transposed),
  ]);
  const [matrix, forwards, backwards] = programs;
  const solution = linearSolveCall([...shared, ...leaves], {
    multiply: matrix!,
    solve: forwards!,
    solveTransposed: backwards!,
    consts: shared.length,
  });
  return unflatten(structure, solution);
}

/** The dense solver: forms the matrix. */
import { solve } from "../../numpy/linalg.ts";
import * as lax from "../../primitives/index.ts";
import { vmap } from "../../transforms/vmap.ts";
import type { LinearSolver } from "../solver.ts";
import { linearSolver } from "./solver.ts";

/**
 * LU decomposition with partial pivoting of the whole matrix, formed by n applications: exact up to rounding,
 * O(n²) memory and O(n³) work per sample. For small systems, and to check the others.
 */
export function dense(): LinearSolver {
  return linearSolver("dense", {}, (multiply, b) => {
    const [batch, n] = b.shape as readonly [number, number];
    const steps = lax.full([batch], n, "int32");
    if (n === 0) return { x: b, steps };
    const identity = lax.convert(
      lax.eq(lax.iota([n, n], "int32", 0), lax.iota([n, n], "int32", 1)),
      b.dtype,
    );
    // Every unit vector for all samples at once: [n, batch, n], whose rows are the matrices' columns.
    const columns = vmap((e: typeof b) => multiply(lax.broadcast(e, [batch, n], [1])))(identity);
    const matrix = lax.transpose(columns, [1, 2, 0]);
    const x = solve(matrix, lax.reshape(b, [batch, n, 1]));
    return { x: lax.reshape(x, [batch, n]), steps };
  });
}

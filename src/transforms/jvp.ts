/** `jvp`: forward mode, from tangents of the arguments to tangents of the outputs. */
import { isFloat } from "../core/dtype.ts";
import { ArgumentError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import type { Tensor } from "../core/tensor.ts";
import { unflatten } from "../core/tree.ts";
import { jvpProgram } from "../primitives/interpreters/jvp.ts";
import { fullLike } from "../primitives/index.ts";
import { traceFunction } from "../core/function.ts";
import { companionLeaves } from "./companions.ts";

/** The type of a list with any entry absent. */
export type Optional<A extends readonly unknown[]> = { [I in keyof A]: A[I] | null };

/**
 * The value of `f` and its derivative J v in the direction of `tangents`, a list like `primals`
 * (`null` anywhere in it is zero).
 *
 * ```ts
 * import { jvp, np, type Tensor } from "trilevel";
 * const [y, dy] = jvp((x: Tensor) => x.mul(x), [np.array(3)], [np.array(1)]);
 * console.assert(await y.item() === 9 && await dy.item() === 6);
 * ```
 *
 * @throws TreeError or DTypeError when tangents do not belong to the primals.
 */
export function jvp<A extends unknown[], R>(
  f: (...args: A) => R,
  primals: A,
  tangents: Optional<A>,
): [value: R, tangent: R] {
  return pushForward("jvp", f, primals, tangents);
}

/** `jvp` for other functions, whose names appear in its errors. */
export function pushForward<A extends unknown[], R>(
  name: string,
  f: (...args: A) => R,
  primals: A,
  tangents: Optional<A>,
): [value: R, tangent: R] {
  if (!Array.isArray(primals) || !Array.isArray(tangents) || primals.length !== tangents.length) {
    throw new ArgumentError(
      `${name}: primals and tangents are not lists of one length`,
      `write ${name}(f, [x, y], [dx, dy]); null is a tangent of zeros`,
    );
  }
  const { program, captured, leaves, structures, output } = traceFunction(
    f,
    primals,
    name,
    () => true,
  );
  const all = { kind: "array", children: structures } as const;
  const directions = companionLeaves(all, tangents, leaves, `${name}: tangents`)
    .map((t, i) => isFloat(leaves[i]!.dtype) ? t : null);
  const active = directions.map((t) => t !== null);
  const derived = jvpProgram(program, [...captured.map(() => false), ...active]);
  const results = evaluate(derived.program, [
    ...captured,
    ...leaves,
    ...directions.filter((t): t is Tensor => t !== null),
  ]);
  const values = results.slice(0, program.outputs.length);
  let next = values.length;
  const moved = values.map((y, i) =>
    derived.active[i] ? results[next++]! : isFloat(y.dtype) ? fullLike(y, 0) : null
  );
  return [unflatten(output, values), unflatten(output, moved)];
}

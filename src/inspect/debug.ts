/** Looking into functions while they run: `debug` shows values, `debugNans` finds where NaN begins. */
import type { TypedArray } from "../core/dtype.ts";
import { isFloat } from "../core/dtype.ts";
import { effectsDone } from "../runtime/effects.ts";
import { NanError } from "../core/errors.ts";
import { Environment } from "../core/evaluate.ts";
import { tensorLeaves, traceFunction } from "../core/function.ts";
import { inlineCalls } from "../core/inline.ts";
import { dispose } from "../runtime/memory.ts";
import { type Aval, formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind, untraced } from "../core/trace.ts";
import { paths, unflatten } from "../core/tree.ts";
import { callback } from "../primitives/index.ts";

/** Shows the values of tensors to the host, also from within compiled and transformed functions. */
export const debug = {
  /**
   * Prints a line when the values are there, with `{}` replaced by them in order. Under `vmap` it prints the
   * whole batch (in branches and loops, elements that take no part show what another one has), in loops every
   * step, in `cond` only where that branch runs; differentiating shows the values only.
   * A `whileLoop` prints if it has `maxSteps`, and only from its body.
   *
   * ```ts
   * import { debug, grad, np, type Tensor } from "trilevel";
   * const f = (x: Tensor) => {
   *   debug.print("x is {}", x);
   *   return x.mul(x);
   * };
   * grad(f)(np.array(3));
   * await debug.done();
   * ```
   */
  print(format: string, ...values: unknown[]): void {
    debug.callback((...shown) => {
      let next = 0;
      console.log(format.replaceAll("{}", () => formatArray(shown[next++]!)));
    }, ...values);
  },

  /** Calls `see` with the values of trees' leaves when they are there. It must be quick, and not throw. */
  callback(see: (...values: ShownArray[]) => void, ...trees: unknown[]): void {
    const leaves = trees.flatMap((tree, i) => tensorLeaves(tree, `debug: argument ${i}`)[0]);
    callback(leaves, (data, avals) => see(...data.map((d, i) => ({ data: d, ...avals[i]! }))));
  },

  /** Waits until everything that was to be shown so far has been. */
  done(): Promise<void> {
    return effectsDone();
  },
} as const;

/** Values as the host sees them. */
export interface ShownArray extends Aval {
  /** The elements, in row-major order. */
  readonly data: TypedArray;
}

function formatArray({ data, shape }: ShownArray): string {
  const text = (axis: number, offset: number, size: number): string => {
    if (axis === shape.length) return String(Number(data[offset]!.toPrecision(6)));
    const inner = size / Math.max(1, shape[axis]!);
    const parts = Array.from(
      { length: shape[axis]! },
      (_, i) => text(axis + 1, offset + i * inner, inner),
    );
    return `[${parts.join(", ")}]`;
  };
  return text(0, 0, data.length);
}

/**
 * The function `f`, run one operation at a time, with every result looked at: it rejects with a `NanError`
 * that names the first operation to give NaN from inputs without, and the line where it was called. Slow; for
 * finding out, not for production.
 *
 * ```ts
 * import { debugNans, np, type Tensor } from "trilevel";
 * const f = (x: Tensor) => np.log(x.sub(1)).mul(0);
 * const error = await debugNans(f)(np.array(0)).catch((e) => e);
 * console.assert(error._tag === "NanError" && error.message.includes("log"));
 * ```
 */
export function debugNans<A extends unknown[], R>(
  f: (...args: A) => R,
): (...args: A) => Promise<R> {
  return async (...args) => {
    const traced = traceFunction(f, args, "debugNans");
    const program = inlineCalls(traced.program);
    const inputs = [...traced.captured, ...traced.leaves];
    const names = [
      ...traced.captured.map((_, i) => `a tensor that the function closes over (number ${i})`),
      ...traced.structures.flatMap((s, i) => paths(s).map((p) => `argument ${i}${p}`)),
    ];
    for (const [i, x] of inputs.entries()) {
      if (await hasNan(x)) {
        throw new NanError(
          `${names[i]} contains NaN before the function runs`,
          "find out where it is computed",
        );
      }
    }
    const env = new Environment(program.inputs, inputs);
    const made: Tensor[] = [];
    for (const { primitive, params, inputs, outputs, site } of program.equations) {
      const values = inputs.map((a) => env.read(a));
      const results = untraced(() => bind(primitive, values, params));
      env.define(outputs, results);
      made.push(...results);
      for (const y of results) {
        if (!await hasNan(y)) continue;
        const operands = await Promise.all(values.map(summarize));
        throw new NanError(
          `${primitive.name} gives NaN${site?.line ? `, called at ${site.line}` : ""}: ` +
            `from (${operands.join(", ")})`,
          "keep its operands in the domain: np.where before the operation, not after it; clip; or a safer form",
        );
      }
    }
    const results = program.outputs.map((a) => env.read(a));
    dispose(made.filter((x) => !results.includes(x)));
    return unflatten<R>(traced.output, results);
  };
}

async function hasNan(x: Tensor): Promise<boolean> {
  if (!isFloat(x.dtype)) return false;
  for (const value of await x.data()) if (Number.isNaN(value)) return true;
  return false;
}

async function summarize(x: Tensor): Promise<string> {
  let [low, high] = [Infinity, -Infinity];
  for (const value of await x.data()) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return `${formatAval(x.aval)} in [${low}, ${high}]`;
}

/** Values and gradients in float64 against JAX's; see test/oracle/jax_core.py for what was recorded. */
import { describe, expect, it } from "vitest";
import type { DType } from "../../src/core/dtype.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { grad } from "../../src/transforms/index.ts";
import recorded from "../fixtures/jax-core.json" with { type: "json" };
import { expectClose, np, values } from "./support.ts";

/** A tensor of the fixtures: what JSON has no number for is a string. */
interface Recorded {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}
type Argument = Recorded | number | string | readonly unknown[];
interface Entry {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly options?: object;
  readonly value: readonly Recorded[];
  readonly grads?: readonly (Recorded | null)[];
}

type Call = (...args: readonly unknown[]) => Tensor | readonly Tensor[];

// What the fixtures call by names, or with arguments, of their own; the casts are for those.
const special: Record<string, Call> = {
  all: ((x: Tensor) => np.all(np.greater(x, 0), { axis: 1 })) as Call,
  oneHot: ((i: Tensor, n: number) => np.oneHot(i, n, { dtype: "float64" })) as Call,
  maskedLog: ((x: Tensor) => {
    const positive = np.greater(x, 0);
    return np.where(positive, np.log(np.where(positive, x, 1)), 0);
  }) as Call,
  atSet: ((x: Tensor, i: Tensor, y: Tensor) => np.at(x, i).set(y)) as Call,
  atAdd: ((x: Tensor, i: Tensor, y: Tensor) => np.at(x, i).add(y)) as Call,
  atMultiply: ((x: Tensor, i: Tensor, y: Tensor) => np.at(x, i).multiply(y)) as Call,
  tensordot: ((x: Tensor, y: Tensor, axes: number) => np.tensordot(x, y, { axes })) as Call,
};
const functions: Record<string, unknown> = { ...np, ...special };

const isRecorded = (a: unknown): a is Recorded =>
  typeof a === "object" && a !== null && "dtype" in a;
const numbers = (r: Recorded) => r.data.map(Number);
const tensor = (r: Recorded) => np.array(numbers(r), { dtype: r.dtype, shape: r.shape });

// The file was written by the script beside it, whose docstring says what is in it.
const entries = (recorded.functions as readonly unknown[] as readonly Entry[])
  .filter((e) => e.name in functions);

describe("JAX", () => {
  it("recorded most of np", () => expect(entries.length).toBeGreaterThan(130));

  it.each(entries.map((e, i) => [i, e.name, e] as const))("%i %s", async (_, name, entry) => {
    const f = functions[name] as Call; // one of the entries' names
    const call = (args: readonly unknown[]) => {
      const y = entry.options ? f(...args, entry.options) : f(...args);
      return Array.isArray(y) ? y as Tensor[] : [y as Tensor];
    };
    const args = entry.args.map((a) => isRecorded(a) ? tensor(a) : a);
    const outputs = call(args);
    for (const [i, expected] of entry.value.entries()) {
      expect(outputs[i]!.shape).toEqual(expected.shape);
      expect(outputs[i]!.dtype).toBe(expected.dtype);
      expectClose(await values(outputs[i]!), numbers(expected), 1e-9);
    }
    for (const [k, expected] of (entry.grads ?? []).entries()) {
      const position = entry.args.map((_, i) => i)
        .filter((i) => isRecorded(entry.args[i]) && entry.args[i].dtype.startsWith("float"))[k]!;
      if (!expected) continue;
      const loss = (x: Tensor) => {
        let count = 0;
        return call(args.with(position, x)).filter((y) => y.dtype === "float64").map((y) => {
          const weights = Array.from({ length: y.size }, (_, n) => Math.cos(count + n + 1));
          count += y.size;
          return np.sum(np.multiply(y, np.array(weights, { dtype: "float64", shape: y.shape })));
        }).reduce((a, b) => np.add(a, b));
      };
      const slope = grad(loss)(args[position] as Tensor); // a recorded argument is a tensor here
      expect(slope.shape).toEqual(expected.shape);
      // abs′(0) is 0 here, as in PyTorch; JAX has 1.
      const kinks = name === "abs" ? await values(np.equal(args[position] as Tensor, 0)) : [];
      const smooth = (_: number, i: number) => kinks[i] !== 1;
      expectClose(
        (await values(slope)).filter(smooth),
        numbers(expected).filter(smooth),
        1e-8,
      );
    }
  });
});

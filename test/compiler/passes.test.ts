/** Every pass keeps what random programs compute, and leaves them well formed. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { costOf } from "../../src/compiler/cost.ts";
import { onnxPasses, optimize, webgpuPasses } from "../../src/compiler/optimize.ts";
import { scan, whileLoop } from "../../src/control/index.ts";
import { aval } from "../../src/core/aval.ts";
import { eliminateDeadCode, type Program, subprograms } from "../../src/core/program.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import * as lax from "../../src/primitives/index.ts";
import { grad } from "../../src/transforms/grad.ts";
import { checkPasses, everywhere, matrix, noise, traced } from "../support/passes.ts";
import { type RandomProgram, randomPrograms } from "../support/random/randomProgram.ts";
import { runs } from "../support/tier.ts";

const f32 = (...shape: number[]) => aval(shape, "float32");

const bodyOf = (program: Program, name: string) =>
  subprograms(program.equations.find((e) => e.primitive.name === name)!.params).at(-1)!;

test("random programs come through every pass", async () => {
  const check = async (random: RandomProgram) => {
    const inputs = random.inputs();
    const program = eliminateDeadCode(
      traced((x, y, k) => random.run(x!, y!, k!), ...inputs.map((x) => aval(x.shape, x.dtype))),
    );
    await checkPasses(program, inputs);
    await checkPasses(program, inputs, onnxPasses);
    await checkPasses(program, inputs, webgpuPasses);
  };
  await fc.assert(fc.asyncProperty(randomPrograms, check), { numRuns: runs(100) });
}, 0);

describe("loops", () => {
  test("do not carry or stack what nobody reads", async () => {
    const f = (x: Tensor) => {
      const step = ({ a, b, c }: { a: Tensor; b: Tensor; c: Tensor }) =>
        [{ a: lax.mul(a, b), b: lax.sin(b), c: lax.exp(lax.add(c, a)) }, lax.cos(c)] as const;
      return [scan(step, { a: x, b: x, c: x }, null, { length: 3 })[0].a];
    };
    const after = await checkPasses(traced((x) => f(x!), f32(4)), [noise(4)]);
    const body = bodyOf(after, "scan");
    expect(body.outputs.length).toBe(2); // a, and b on which a depends
    expect(everywhere(after).map((e) => e.primitive.name)).not.toContain("exp");
  });

  test("also those that end by a condition", async () => {
    const f = (x: Tensor) => {
      const end = whileLoop(
        ({ k }) => lax.lt(k, literal(3, "int32")),
        ({ k, a, b }) => ({
          k: lax.add(k, literal(1, "int32")),
          a: lax.sin(a),
          b: lax.exp(lax.add(a, b)),
        }),
        { k: literal(0, "int32"), a: x, b: x },
      );
      return [end.a];
    };
    const after = await checkPasses(traced((x) => f(x!), f32(4)), [noise(4)]);
    expect(bodyOf(after, "while").outputs.length).toBe(2);
  });

  test("compute what does not change once, before", async () => {
    const f = (x: Tensor, w: Tensor) => [
      scan((c: Tensor) => [lax.add(c, lax.sin(lax.exp(w))), null], x, null, { length: 5 })[0],
    ];
    const after = await checkPasses(traced((x, w) => f(x!, w!), f32(4), f32(4)), [
      noise(4),
      noise(4),
    ]);
    expect(bodyOf(after, "scan").equations.map((e) => e.primitive.name)).toEqual(["add"]);
  });

  test("stack small values, not what repeats them", async () => {
    // The derivative needs each row's factor, repeated: only the factor is kept.
    const f = (x: Tensor, w: Tensor) => {
      const step = (c: Tensor) => {
        const factor = lax.broadcast(lax.sin(lax.reduceSum(c, [1])), [4, 64], [0]);
        return [lax.mul(c, factor), null] as const;
      };
      return lax.reduceSum(lax.mul(scan(step, x, null, { length: 3 })[0], w), [0, 1]);
    };
    const program = traced((x, w) => [grad(f)(x!, w!)], f32(4, 64), f32(4, 64));
    const after = await checkPasses(program, [noise(4, 64), noise(4, 64)]);
    const bytes = (p: Program) => costOf(eliminateDeadCode(p)).movedBytes;
    expect(bytes(after)).toBeLessThan(bytes(program));
    const stacked = after.equations.find((e) => e.primitive.name === "scan")!.outputs.slice(1);
    expect(stacked.filter((v) => v.aval.shape.length === 3).length).toBeLessThanOrEqual(1);
  });

  test("stack what makes a sum over the steps, and sum it up after them", async () => {
    // At every step the weight's derivative is a product of two rows.
    const f = (w: Tensor, x: Tensor) => {
      const step = (c: Tensor) => [lax.sin(lax.dot(c, w, matrix)), null] as const;
      return lax.reduceSum(scan(step, x, null, { length: 3, reverse: true })[0], [0, 1]);
    };
    const program = traced((w, x) => [grad(f)(w!, x!)], f32(16, 16), f32(2, 16));
    const after = await checkPasses(program, [noise(16, 16), noise(2, 16)], webgpuPasses);
    const loops = after.equations.filter((e) => e.primitive.name === "scan");
    const carried = loops.flatMap((e) =>
      subprograms(e.params)[0]!.outputs.map((a) => a.aval.shape)
    );
    expect(carried).not.toContainEqual([16, 16]);
    const products = after.equations.filter((e) => e.primitive.name === "dot");
    expect(products.map((e) => e.inputs.map((a) => a.aval.shape))).toEqual([[[3, 2, 16], [
      3,
      2,
      16,
    ]]]);
  });

  test("with nothing to improve stay as they are", () => {
    const program = traced((x) => [
      scan((c: Tensor) => [lax.sin(c), null], x!, null, { length: 3 })[0],
    ], f32(2));
    const once = optimize(program);
    expect(everywhere(optimize(once)).length).toBe(everywhere(once).length);
  });
});

describe("written out", () => {
  test("loops read what earlier ones wrote where it is", async () => {
    const f = (x: Tensor) => {
      const step = (c: Tensor) => [lax.sin(lax.mul(c, c)), null] as const;
      return lax.reduceSum(scan(step, x, null, { length: 3 })[0], [0]);
    };
    const program = traced((x) => [grad(f)(x!)], f32(4));
    const after = await checkPasses(program, [noise(4)], onnxPasses);
    const names = everywhere(after).map((e) => e.primitive.name);
    for (const name of ["scan", "slice", "concatenate"]) expect(names).not.toContain(name);
    expect(names.filter((n) => n === "cos")).toHaveLength(3);
  });

  test("in either direction, with stacked results", async () => {
    for (const reverse of [false, true]) {
      const program = traced(
        (x, xs) => {
          const [end, ys] = scan(
            (c: Tensor, x: Tensor) => [lax.add(lax.mul(c, x), x), lax.sub(c, x)] as const,
            x!,
            xs!,
            { reverse },
          );
          return [end, ys];
        },
        f32(2),
        f32(3, 2),
      );
      const after = await checkPasses(program, [noise(2), noise(3, 2)], onnxPasses);
      expect(everywhere(after).map((e) => e.primitive.name)).not.toContain("scan");
    }
  });

  test("long loops stay loops", () => {
    const program = traced(
      (x) => [scan((c: Tensor) => [lax.sin(c), null], x!, null, { length: 5000 })[0]],
      f32(2),
    );
    expect(optimize(program, onnxPasses).equations.map((e) => e.primitive.name)).toEqual([
      "scan",
    ]);
  });
});

describe("sums of products", () => {
  test("are one product", async () => {
    // A weight used twice: its derivative has a term from each use.
    const f = (w: Tensor, x: Tensor) => {
      const apply = (x: Tensor) => lax.tanh(lax.dot(x, w, matrix));
      return lax.reduceSum(apply(apply(x)), [0, 1]);
    };
    const program = traced((w, x) => [grad(f)(w!, x!)], f32(5, 5), f32(3, 5));
    const after = await checkPasses(program, [noise(5, 5), noise(3, 5)]);
    // Two forward, one back through, one for the weight.
    const products = after.equations.filter((e) => e.primitive.name === "dot");
    expect(products).toHaveLength(4);
    expect(products.map((e) => e.inputs[0]!.aval.shape.join())).toContain("6,5");
  });

  test("stay sums where terms are smaller than operands", () => {
    const program = traced(
      (x, y, z) => [lax.add(lax.dot(x!, y!, matrix), lax.dot(z!, y!, matrix))],
      f32(2, 70_000),
      f32(70_000, 2),
      f32(2, 70_000),
    );
    const names = optimize(program).equations.map((e) => e.primitive.name);
    expect(names).toEqual(["dot", "dot", "add"]);
  });

  test("that others read are left to them", async () => {
    const program = traced(
      (x, y) => {
        const a = lax.dot(x!, y!, matrix);
        return [lax.add(a, lax.dot(y!, x!, matrix)), a];
      },
      f32(3, 3),
      f32(3, 3),
    );
    const after = await checkPasses(program, [noise(3, 3), noise(3, 3)]);
    expect(after.equations.filter((e) => e.primitive.name === "dot")).toHaveLength(2);
  });
});

test("a transposed product is the product of the operands exchanged", async () => {
  const program = traced(
    (x, y) => {
      const params = { lhsContract: [2], rhsContract: [1], lhsBatch: [0], rhsBatch: [0] };
      return [lax.transpose(lax.dot(x!, y!, params), [0, 2, 1])];
    },
    f32(2, 3, 4),
    f32(2, 4, 5),
  );
  const after = await checkPasses(program, [noise(2, 3, 4), noise(2, 4, 5)]);
  expect(after.equations.map((e) => e.primitive.name)).toEqual(["dot"]);
});

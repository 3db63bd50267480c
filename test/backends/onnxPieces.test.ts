/** Long programs cut into pieces, each a session of its own, against the same programs in one. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { grad, np, type Tensor } from "trilevel";
import { BufferPool, OnnxBuffer } from "../../src/backends/onnx/buffers.ts";
import { loadNative } from "../../src/backends/onnx/native.ts";
import { mostOptimized, sessionOptions } from "../../src/backends/onnx/options.ts";
import { mostEquations, piecesOf } from "../../src/backends/onnx/pieces.ts";
import { OnnxExecutable } from "../../src/backends/onnx/session.ts";
import { StagedExecutable } from "../../src/backends/onnx/staged.ts";
import { equationsIn } from "../../src/compiler/cost.ts";
import { onnxPasses, optimize } from "../../src/compiler/optimize.ts";
import type { Executable } from "../../src/runtime/backend.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { aval, type Var } from "../../src/core/aval.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";
import { validateProgram } from "../../src/core/validate.ts";
import { traced } from "../support/passes.ts";
import { type RandomProgram, randomPrograms } from "../support/random/randomProgram.ts";
import { type Host, host, random } from "./againstReference.ts";
import { runs } from "../support/tier.ts";

const native = loadNative();

/** What a backend gets to compile: outputs are values that the program computes. */
function compiled(program: Program): Program {
  const after = optimize(eliminateDeadCode(inlineCalls(program)), onnxPasses);
  const made = new Set(after.equations.flatMap((e) => e.outputs));
  const outputs = after.outputs.filter((a): a is Var => made.has(a as Var));
  return { ...after, outputs: [...new Set(outputs)] };
}

function run(executable: Executable, pool: BufferPool, inputs: readonly Host[]) {
  const placed = inputs.map(({ data, dtype, shape }) => {
    const copy = pool.take(dtype, shape);
    copy.set(data);
    return new OnnxBuffer(copy);
  });
  const outputs = executable.run(placed) as OnnxBuffer[];
  executable.dispose();
  return outputs.map(({ data, error }) => {
    if (error) throw error;
    return data;
  });
}

// A graph that sees less of the whole may lay a product's operands out in another way, and so add in another order.
const rounding = 1e-4;

/** Checks pieces of at most so many equations, and that they compute what one graph computes. */
function agree(program: Program, inputs: readonly Host[], most: number): readonly Program[] {
  const pieces = piecesOf(program, most);
  for (const piece of pieces) {
    validateProgram(piece);
    const alone = piece.equations.filter((e) => equationsIn({ equations: [e] }) > most);
    if (alone.length === 0) expect(own(piece)).toBeLessThanOrEqual(most);
  }
  const pool = new BufferPool();
  const stages = pieces.map((p) => ({ kind: "graph", program: p }) as const);
  const found = run(new StagedExecutable(program, stages, native, pool), pool, inputs);
  const right = run(new OnnxExecutable(program, native, pool), pool, inputs);
  found.forEach((values, k) => {
    const least = rounding *
      Math.max(1, ...Array.from(right[k]!, Math.abs).filter(Number.isFinite));
    values.forEach((v, i) => {
      const r = right[k]![i]!;
      if (!Object.is(v, r)) expect(Math.abs(v - r)).toBeLessThanOrEqual(least);
    });
  });
  return pieces;
}

/** The equations of a piece without the views that it makes for itself. */
function own({ equations }: Program): number {
  const views = equations.filter((e) => /broadcast|reshape/.test(e.primitive.name));
  return equationsIn({ equations }) - views.length;
}

test("random programs compute the same in pieces of any size", () =>
  fc.assert(
    fc.property(randomPrograms, fc.integer({ min: 4, max: 40 }), (made: RandomProgram, most) => {
      const inputs = made.inputs().map((x) => host(x.dtype, x.shape, x.values));
      const program = compiled(
        traced((x, y, k) => made.run(x!, y!, k!), ...inputs.map((x) => aval(x.shape, x.dtype))),
      );
      if (program.outputs.length > 0) agree(program, inputs, most);
    }),
    { numRuns: runs(8) },
  ));

/** The gradient of a recurrent network whose steps are written one after the other. */
function unrolled(steps: number): Program {
  const loss = (w: Tensor, xs: Tensor) => {
    let h: Tensor = np.zeros([2, 4]);
    for (let i = 0; i < steps; i++) h = np.tanh(np.matmul(h, w).add(xs.slice(i)));
    return np.square(h).sum();
  };
  const program = traced(
    (w, xs) => [grad(loss)(w!, xs!)],
    aval([4, 4], "float32"),
    aval([steps, 2, 4], "float32"),
  );
  return compiled(program);
}

test.each([60, 240])("pieces of a loop of %i steps are in proportion to it", (steps) => {
  const program = unrolled(steps);
  const pieces = piecesOf(program, 200);
  expect(pieces.length).toBeLessThanOrEqual(Math.ceil(2 * equationsIn(program) / 200));
  expect(pieces.flatMap((p) => p.equations).length).toBeLessThan(1.5 * equationsIn(program));
  expect(pieces.flatMap((p) => p.inputs).length).toBeLessThan(4 * steps);
});

test("an unrolled loop computes the same in pieces as in one", () => {
  const pieces = agree(
    unrolled(30),
    [random("float32", [4, 4]), random("float32", [30, 2, 4])],
    40,
  );
  expect(pieces.length).toBeGreaterThan(4);
});

test("a program of thousands of equations is one session, whose graph is taken as it is", () => {
  const program = unrolled(700);
  expect(equationsIn(program)).toBeGreaterThan(2 * mostOptimized);
  expect(piecesOf(program)).toEqual([program]);
  expect(sessionOptions(program, "alone").graphOptimizationLevel).toBe("disabled");
  expect(sessionOptions(unrolled(30), "alone").graphOptimizationLevel).toBe("basic");
});

test("what fits into one session stays one", () => {
  const program = unrolled(30);
  expect(piecesOf(program)).toEqual([program]);
  expect(equationsIn(program)).toBeLessThan(mostEquations);
});

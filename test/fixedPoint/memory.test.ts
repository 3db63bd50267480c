/**
 * Constant memory, as a property of programs: peak live bytes of one gradient of slot attention at the paper's
 * size, and the residuals that a linearized fixed point keeps. Nothing is run.
 */
import {
  type Adjoint,
  anderson,
  broyden,
  fixedPointIteration,
  type FixedPointSolver,
  implicit,
  neumann,
  newton,
  np,
  oneStep,
  phantom,
  setBackend,
  type Tensor,
  unrolled,
} from "trilevel";
import { describe, expect, it } from "vitest";
import {
  abstractArguments,
  type Arguments,
  gradientProgram,
  iterations,
  loss,
  paperSize,
} from "../../bench/memory/gradient.ts";
import { peakBytes } from "../../src/compiler/liveness.ts";
import { traceLeaves } from "../../src/core/function.ts";
import { formatProgram } from "../../src/core/printer.ts";
import { sizeOf } from "../../src/core/aval.ts";
import { linearizeProgram } from "../../src/primitives/interpreters/linearize.ts";
import { transposeProgram } from "../../src/primitives/interpreters/transpose.ts";

await setBackend("reference");

describe("one gradient of slot attention", () => {
  const peaks = (adjoint: Adjoint) =>
    iterations.map((steps) => peakBytes(gradientProgram(paperSize, adjoint, steps)));
  const [one, whole] = [peaks(oneStep()), peaks(unrolled())];
  const at = (steps: number) => iterations.findIndex((n) => n === steps);

  it.each([
    ["oneStep", oneStep()],
    ["neumann", neumann({ terms: 5 })],
    ["implicit", implicit()],
  ])("%s needs the same for all numbers of iterations", (_, adjoint) => {
    const found = peaks(adjoint);
    expect(Math.max(...found) / Math.min(...found)).toBeLessThanOrEqual(1.01);
  });

  it("the backward pass of oneStep is the same program for all numbers of iterations", () => {
    const backward = (steps: number) => {
      const size = { batch: 2, inputs: 8, slots: 3, channels: 4 };
      const { program } = traceLeaves(
        (...args: Arguments) => loss(size, oneStep(), steps)(...args),
        ...abstractArguments(size),
        "the loss",
      );
      const { linear, residuals } = linearizeProgram(program, program.inputs.map(() => true));
      return formatProgram(transposeProgram(linear, linear.inputs.map((_, i) => i >= residuals)));
    };
    const [first, ...others] = iterations.map(backward);
    others.forEach((text) => expect(text).toBe(first));
  });

  it("oneStep needs at most 0.45 of unrolled at 7 iterations, 0.15 at 50", () => {
    expect(one[at(7)]! / whole[at(7)]!).toBeLessThanOrEqual(0.45);
    expect(one[at(50)]! / whole[at(50)]!).toBeLessThanOrEqual(0.15);
  });

  it("unrolled stores each iteration, with checkpoint hardly more than slots", () => {
    const perStep = (p: readonly number[]) => (p[at(50)]! - p[at(20)]!) / 30;
    const { batch, slots, channels } = paperSize;
    const slotBytes = 4 * batch * slots * channels;
    expect(perStep(whole)).toBeGreaterThan(50 * slotBytes);
    expect(perStep(peaks(unrolled({ checkpoint: true })))).toBeLessThan(4 * slotBytes);
  });
});

describe("residuals of the linearized fixed point", () => {
  const n = 12;
  const residuals = (adjoint: Adjoint, solver: FixedPointSolver = anderson(), maxSteps = 7) => {
    const solve = fixedPointIteration(
      (z: Tensor, w: Tensor) => np.tanh(np.matmul(w, z)),
      { solver, adjoint, maxSteps },
    );
    const { program } = traceLeaves(
      (w: Tensor) => solve(np.ones([n]), w).value,
      [{ kind: "leaf" }],
      [{ shape: [n, n], dtype: "float32", weak: false }],
      "residuals",
    );
    const split = linearizeProgram(program, [true]);
    return split.primal.outputs.slice(1).map((a) => sizeOf(a.aval.shape));
  };

  it.each([
    ["oneStep", oneStep()],
    ["neumann", neumann({ terms: 4 })],
    ["phantom", phantom({ terms: 3, damping: 0.5 })],
    ["implicit", implicit()],
  ])("%s: the same for any solver and any number of steps", (_, adjoint) => {
    const expected = residuals(adjoint).toSorted();
    for (const solver of [anderson(), broyden(), newton()]) {
      for (const steps of [1, 40]) {
        expect(residuals(adjoint, solver, steps).toSorted()).toEqual(expected);
      }
    }
  });

  it("unrolled: as many more as there are more steps", () => {
    const total = (steps: number) =>
      residuals(unrolled(), anderson(), steps).reduce((a, b) => a + b, 0);
    expect(total(40) - total(20)).toBe(total(60) - total(40));
    expect(total(40) - total(20)).toBeGreaterThan(20 * n);
  });
});

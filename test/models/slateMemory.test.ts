/** The memory of one gradient of SLATE's whole loss by the number of iterations of its slots. Nothing is run. */
import { expect, test } from "vitest";
import { type Adjoint, grad, oneStep, random, setBackend, type Tensor, unrolled } from "trilevel";
import { slate, type SlateParams } from "trilevel/models";
import { peakBytes } from "../../src/compiler/liveness.ts";
import { optimize, passes } from "../../src/compiler/optimize.ts";
import { traceLeaves } from "../../src/core/function.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { eliminateDeadCode, outputAvals } from "../../src/core/program.ts";

await setBackend("reference");

/** The most bytes that live at one time while the gradient is computed. */
function peak(adjoint: Adjoint, iterations: number): number {
  const model = slate({
    vocabulary: 16,
    imageSize: 64,
    channels: 4,
    size: 16,
    blocks: 1,
    heads: 1,
    slots: 8,
    iterations,
    adjoint,
  });
  const given = () => [
    model.init(random.key(0)),
    random.uniform(random.key(1), [4, 64, 64, 3]),
    random.key(2),
  ];
  const { program: made, output } = traceLeaves(given, [], [], "arguments");
  const gradient = (params: SlateParams, image: Tensor, key: Tensor) =>
    grad((p: SlateParams) => model.loss(p, image, key)[0])(params);
  const structures = output.kind === "array" ? output.children : [];
  const { program } = traceLeaves(gradient, structures, outputAvals(made), "the gradient");
  return peakBytes(optimize(eliminateDeadCode(inlineCalls(program)), passes));
}

test("implicit needs the same for 3 and 50 iterations, vanilla more for each", () => {
  const [few, many] = [peak(oneStep(), 3), peak(oneStep(), 50)];
  expect(many / few).toBeGreaterThan(0.98);
  expect(many / few).toBeLessThan(1.02);
  const [three, ten, fifty] = [3, 10, 50].map((n) => peak(unrolled(), n)) as [
    number,
    number,
    number,
  ];
  expect(fifty / three).toBeGreaterThan(1.2);
  // By as much for each iteration: at least the attention of all inputs.
  const attention = 4 * 4 * 8 * 256;
  expect((fifty - ten) / 40).toBeGreaterThan(attention);
});

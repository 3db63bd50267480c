/** Random programs in double precision: their derivatives are those of differences, their batches loops. */
import fc from "fast-check";
import { beforeAll, test } from "vitest";
import { checkGrads, grad, jit, np, setBackend, type Tensor, vmap } from "trilevel";
import { expectClose } from "../support/close.ts";
import { place, read } from "../support/arrays.ts";
import { RandomProgram, randomPrograms, type Step } from "../support/random/randomProgram.ts";
import { reference } from "../support/reference.ts";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend("reference"));

// Their derivatives differ from those of their values on purpose.
const approximate = new Set(["stopGradient", "fixedPoint"]);

const exactly = (steps: readonly Step[]): Step[] =>
  steps.map((step) => {
    const other = { ...step, name: step.block ? "jit" : "identity" };
    const chosen = approximate.has(step.name) ? other : step;
    return step.block ? { ...chosen, block: exactly(step.block) } : chosen;
  });

test("their derivatives in both modes are those of finite differences", async () => {
  const property = fc.asyncProperty(randomPrograms, async ({ steps, seed }) => {
    const program = new RandomProgram(exactly(steps), seed);
    const [x, y, wholes] = program.inputs().map((a) => place(a, reference));
    const around = { order: 1, forward: true };
    const f = jit((a: Tensor, b: Tensor) => program.value(a, b, wholes!, around));
    await checkGrads(f, [x!, y!]);
  });
  await fc.assert(property, { numRuns: runs(60) });
});

test("their batches are their results one by one", async () => {
  const property = fc.asyncProperty(randomPrograms, async (random) => {
    const samples = [0, 1, 2].map((i) => random.inputs(i).map((a) => place(a, reference)));
    const f = (x: Tensor, y: Tensor, k: Tensor) => random.run(x, y, k);
    const alone = samples.map(([x, y, k]) => jit(f)(x!, y!, k!));
    const stacked = [0, 1, 2].map((i) => np.stack(samples.map((xs) => xs[i]!)));
    const together = jit(vmap(f))(stacked[0]!, stacked[1]!, stacked[2]!);
    const expected = together.map((_, i) => np.stack(alone.map((ys) => ys[i]!)));
    expectClose(await read(together), await read(expected), { relative: 1e-9, absolute: 1e-11 });
  });
  await fc.assert(property, { numRuns: runs(60) });
});

test("the gradient of a sum over a batch is that of its elements, one by one", async () => {
  const property = fc.asyncProperty(randomPrograms, async (random) => {
    const samples = [0, 1, 2].map((i) => random.inputs(i).map((a) => place(a, reference)));
    // All share y; the whole numbers, and so the ways through branches and loops, are each one's own.
    const y = samples[0]![1]!;
    const f = (x: Tensor, shared: Tensor, k: Tensor) =>
      np.mean(random.value(x, shared, k, { order: 1, forward: false }));
    const g = jit(grad(f, { argnums: [0, 1] }));
    const alone = samples.map(([x, , k]) => g(x!, y, k!));
    const total = (x: Tensor, shared: Tensor, k: Tensor) =>
      np.sum(vmap(f, { inAxes: [0, null, 0] })(x, shared, k));
    const [xs, ks] = [0, 2].map((i) => np.stack(samples.map((s) => s[i]!)));
    const together = jit(grad(total, { argnums: [0, 1] }))(xs!, y, ks!);
    const expected = [
      np.stack(alone.map(([gx]) => gx)),
      np.sum(np.stack(alone.map(([, gy]) => gy)), { axis: 0 }),
    ];
    expectClose(await read(together), await read(expected), { relative: 1e-9, absolute: 1e-11 });
  });
  await fc.assert(property, { numRuns: runs(60) });
});

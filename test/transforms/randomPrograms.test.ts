/** Random programs in double precision: their derivatives are those of differences, their batches loops. */
import fc from "fast-check";
import { beforeAll, test } from "vitest";
import { checkGrads, jit, np, setBackend, type Tensor, vmap } from "trilevel";
import { expectClose } from "../support/close.ts";
import { place, read } from "../support/arrays.ts";
import { RandomProgram, randomPrograms, type Step } from "../support/random/randomProgram.ts";
import { reference } from "../support/reference.ts";

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
  await fc.assert(property, { numRuns: 60 });
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
  await fc.assert(property, { numRuns: 60 });
});

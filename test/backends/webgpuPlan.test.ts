/** The memory plan of the webgpu backend, without a device: who shares a block, and how much that leaves unused. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Plan, Slot, Step } from "../../src/backends/webgpu/plan.ts";
import { aval } from "../../src/core/aval.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { type RandomProgram, randomPrograms } from "../support/random/randomProgram.ts";
import { planOf } from "./webgpuPlans.ts";
import { examples, programOf } from "./webgpuPrograms.ts";
import { runs } from "../support/tier.ts";

function randomPlan(random: RandomProgram): Plan {
  const inputs = random.inputs().map((x) => aval(x.shape, x.dtype));
  return planOf(traceClosed((x, y, k) => random.run(x!, y!, k!), inputs));
}

const slotsOf = (steps: readonly Step[]): Slot[] =>
  steps.flatMap((s) => s.kind === "dispatch" ? s.slots : [...s.swaps.flat(), ...slotsOf(s.body)]);

const total = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

function expectSound({ steps, blocks, needed }: Plan): void {
  const inside = [...new Set(slotsOf(steps))].filter((s) => s.place!.kind === "block");
  for (const [i, a] of inside.entries()) {
    expect(a.bytes).toBeLessThanOrEqual(blocks[a.place!.index]!);
    for (const b of inside.slice(i + 1)) {
      const together = a.first <= b.last && b.first <= a.last;
      if (together) expect(a.place!.index).not.toBe(b.place!.index);
    }
  }
  const alive = (at: number) =>
    total(inside.filter((s) => s.first <= at && at <= s.last).map((s) => s.bytes));
  expect(needed).toBe(Math.max(0, ...inside.map((s) => alive(s.first))));
}

test("values in one block are never alive together, in random programs", () => {
  let [planned, needed] = [0, 0];
  fc.assert(
    fc.property(randomPrograms, (random) => {
      const found = randomPlan(random);
      expectSound(found);
      planned += total(found.blocks);
      needed += found.needed;
    }),
    { numRuns: runs(100) },
  );
  // What is planned in vain is a small part, over all of them.
  expect(planned).toBeGreaterThanOrEqual(needed);
  expect(planned / needed).toBeLessThan(1.25);
});

test.each([...examples])("the plan of $name is sound", (example) => {
  expectSound(planOf(programOf(example)));
});

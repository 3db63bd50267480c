/** Schedules and averages in single precision, where they are differences of nearly equal numbers. */
import { describe, expect, test } from "vitest";
import { np, optim, setBackend } from "trilevel";
import { backends } from "../support/backends.ts";

/** Fails unless a float32 value is that many units in the last place from one in double precision. */
function expectUlp(found: number, right: number, ulp: number, what: string): void {
  const room = ulp * 2 ** -23 * Math.abs(right) + 2 ** -126;
  if (!(Math.abs(found - right) <= room)) expect.fail(`${what}: ${found}, right is ${right}`);
}

const long = 1_000_000;
const schedules: { readonly [name: string]: readonly [schedule: optim.Schedule, ulp: number] } = {
  linear: [optim.linearSchedule({ initValue: 1, endValue: 0, transitionSteps: long }), 4],
  "linear from next to nothing": [
    optim.linearSchedule({ initValue: 1e-8, endValue: 1, transitionSteps: long }),
    4,
  ],
  polynomial: [
    optim.polynomialSchedule({ initValue: 1, endValue: 1e-6, transitionSteps: long, power: 2 }),
    8,
  ],
  "polynomial from 0": [
    optim.polynomialSchedule({ initValue: 0, endValue: 1, transitionSteps: long, power: 1.5 }),
    8,
  ],
  cosine: [optim.cosineDecaySchedule({ initValue: 1, decaySteps: long }), 8],
  // The exponent, up to 10, is rounded to single precision.
  exponential: [
    optim.exponentialDecay({ initValue: 1, transitionSteps: 100, decayRate: 0.999 }),
    24,
  ],
  warmup: [
    optim.warmupCosineDecaySchedule({
      initValue: 0,
      peakValue: 1e-3,
      warmupSteps: 1000,
      decaySteps: long,
    }),
    8,
  ],
  "one cycle along lines": [
    optim.linearOnecycleSchedule({ transitionSteps: long, peakValue: 1 }),
    8,
  ],
  "one cycle along cosines": [
    optim.cosineOnecycleSchedule({ transitionSteps: long, peakValue: 1 }),
    8,
  ],
};
const counts = [0, 1, 2, 999, 1000, 1001, 500_000, 999_000, long - 2, long - 1, long, long + 1];

for (const backend of backends) {
  describe(backend.name, () => {
    test.each(Object.entries(schedules))("the schedule %s", async (name, [schedule, ulp]) => {
      for (const count of counts) {
        await setBackend("reference");
        const right = await schedule(np.array(count, { dtype: "int32" }), "float64").item();
        await setBackend(backend.name);
        const found = await schedule(np.array(count, { dtype: "int32" })).item();
        expectUlp(found, right, ulp, `${name} at ${count}`);
      }
    });

    test("steps of a staircase are where they should be", async () => {
      await setBackend(backend.name);
      const options = { initValue: 1, transitionSteps: 3, decayRate: 0.5, staircase: true };
      const schedule = optim.exponentialDecay(options);
      for (let count = 0; count < 60; count++) {
        expectUlp(await schedule(count).item(), 0.5 ** Math.floor(count / 3), 16, `${count}`);
      }
    });
  });
}

test.each([
  { centered: true },
  { centered: true, biasCorrection: true },
  { centered: true, epsInSqrt: false, decay: 0.99 },
])("the variance of rmsprop is never negative: %o", async (options) => {
  await setBackend("onnx");
  const size = 500;
  const constants = np.array(Array.from({ length: size }, (_, i) => 1e-3 * 1.02 ** i));
  const optimizer = optim.rmsprop(1, options);
  let state = optimizer.init(constants);
  let updates = constants;
  for (let step = 0; step < 60; step++) [updates, state] = optimizer.update(constants, state);
  // A constant gradient has the variance d^t (1 - d^t) c², or none without bias: eps is all that is left.
  const decay = (options.decay ?? 0.9) ** 60;
  const found = await updates.data();
  const c = await constants.data();
  found.forEach((u, i) => {
    const variance = options.biasCorrection ? 0 : decay * (1 - decay) * c[i]! ** 2;
    const root = options.epsInSqrt === false
      ? Math.sqrt(variance) + 1e-8
      : Math.sqrt(variance + 1e-8);
    // With a bias the deviations are differences of nearly equal numbers: up to rounding, squared.
    if (options.biasCorrection) {
      expect(Math.abs(u)).toBeGreaterThan(0.9 * c[i]! / Math.hypot(1e-4, 1e-6 * c[i]!));
    } else expect(Math.abs(u + c[i]! / root)).toBeLessThan(2e-4 * Math.abs(c[i]! / root));
  });
});

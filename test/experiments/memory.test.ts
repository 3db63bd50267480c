/** Memory of a run, judged by its own counters; in a file of its own, so that no other test's garbage counts. */
import { Effect } from "effect";
import { describe, expect, it } from "vitest";
import { judgeMemory } from "../../src/experiments/train/memory.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { remember, temporaryFolder, tinyConfig } from "./support.ts";

const folder = temporaryFolder();
const run = Effect.runPromise;

describe("memory", () => {
  const samples = (tensors: (i: number) => number, process: (i: number) => number) =>
    Array.from({ length: 40 }, (_, i) => ({
      step: i * 100,
      tensors: tensors(i),
      device: tensors(i) / 10,
      process: process(i),
    }));

  it("is flat when counters swing, and not when they grow", () => {
    const swing = (i: number) => 300 + 20 * (i % 5);
    expect(judgeMemory(samples(() => 100, swing))!.flat).toBe(true);
    expect(judgeMemory(samples((i) => 100 + i, swing))!.message).toContain("more on the device");
    expect(judgeMemory(samples(() => 100, (i) => 300 + 20 * i))!.message).toContain("process");
    expect(judgeMemory([])).toBeUndefined();
  });

  it("stays flat over 5,000 steps, by the runner's own counters", async () => {
    const display = remember();
    const config = await tinyConfig(
      "steps=5000",
      "batchSize=2",
      "data.resolution=8",
      'log={"every":50,"evaluateEvery":2500,"panelEvery":2500,"checkpointEvery":1000}',
    );
    const where = await run(train(config, { root: folder("flat"), display }));
    expect(display.lines.join("\n")).toMatch(/\nmemory is flat between steps 1250 and 5000/);
    const { results } = (await run(where.summary())).value!;
    expect(results["deviceGrowthTensors"]).toBeLessThanOrEqual(0);
    expect(results["processGrowthMiB"]).toBeLessThan(100);
  }, 600_000);
});

/** The task of OP3: a small run, its scores beside copying, and mistakes. */
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { ndarray } from "../../src/data/index.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import type { ExperimentConfig } from "../../src/experiments/schema.ts";
import { op3Task } from "../../src/experiments/tasks/op3.ts";
import { failure } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect);
const configured = (...overrides: string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed("op3-quick"), (preset) => applyOverrides(preset, overrides)),
    (config) => decodeConfig(config, "The config"),
  );

it("scores what is imagined beside the last frame, copied, at every horizon", async () => {
  const config = await run(
    configured("data.frames=2", "data.further=2", "data.resolution=12"),
  ) as ExperimentConfig<never, never>;
  // Frames of one pixel, which grows brighter by a tenth; the second frame is the last that is seen.
  const frames = [0, 0.1, 0.2, 0.3].map((x) => [x, x, x]);
  const result = (imagined: number[][]) => {
    const scorer = op3Task.system(config).scorer();
    const sample = {
      video: ndarray(Float32Array.from(frames.flat()), [4, 1, 1, 3]),
      segments: ndarray(new Uint8Array(4).fill(1), [4, 1, 1]),
    };
    const reconstruction = { data: imagined.flat(), shape: [4, 1, 1, 3] };
    const masks = { data: new Array<number>(4).fill(1), shape: [4, 1, 1, 1] };
    scorer.add({ sample: sample as never, output: { reconstruction, masks } });
    return scorer.result();
  };
  const perfect = result(frames);
  expect(perfect["gain"]).toBeCloseTo(1, 6);
  expect(perfect["copyMse"]).toBeCloseTo((0.1 ** 2 + 0.2 ** 2) / 2, 6);
  expect(result([...frames.slice(0, 2), frames[1]!, frames[1]!])["gain"]).toBeCloseTo(0, 5);
  // Right at the first horizon and worse than copying at the second: the least gain says so.
  expect(result([...frames.slice(0, 3), [1, 1, 1]])["gain"]).toBeLessThan(0);
});

it.each([
  [["data.objects=[3,2]"], /the least, 3, is above the greatest/],
  [["model.latentSize=1"], /model.latentSize: 1/],
  [["data.further=0"], /data.further/],
])("refuses %s", async (overrides, reason) => {
  expect((await failure(configured(...overrides))).message).toMatch(reason);
});

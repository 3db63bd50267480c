/** Probes read what is in slots, whatever their order, and nothing that is not. */
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { seeded } from "trilevel/data";
import { setBackend } from "trilevel";
import { openRun } from "../../src/experiments/runs/open.ts";
import { probeObjects } from "../../src/experiments/tasks/images/readout.ts";
import type { Probed } from "../../src/experiments/tasks/task.ts";
import { probeRun } from "../../src/experiments/train/probeRun.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder, tinyConfig } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
vi.setConfig({ testTimeout: 180_000 });

const folder = temporaryFolder();
const fixture = fileURLToPath(new URL("../fixtures/data/dsprites.npz", import.meta.url));
const run = Effect.runPromise;

/**
 * Images of one to three objects and four slots of eight numbers, in another order in every image. A slot says the colour
 * and the place of its object linearly, whether it is "odd" as the sign of a product, and not its size.
 */
function made(count: number, seed: number): Probed[] {
  const random = seeded(seed);
  const uniform = () => 2 * random.uniform() - 1;
  const whole = (n: number) => Math.floor(n * random.uniform());
  return Array.from({ length: count }, () => {
    const objects = Array.from({ length: 1 + whole(3) }, () => {
      const [a, b] = [Math.sign(uniform()), Math.sign(uniform())];
      return {
        color: ["red", "green", "blue"][whole(3)]!,
        place: [uniform()],
        odd: a * b > 0,
        size: uniform(),
        a,
        b,
      };
    });
    const slots = [0, 1, 2, 3].map((k) => {
      const object = objects[k];
      const hot = ["red", "green", "blue"].map((name) => Number(object?.color === name));
      return [
        ...hot,
        object?.place[0] ?? 0,
        object?.a ?? 0,
        object?.b ?? 0,
        Number(object !== undefined),
        0.1 * uniform(),
      ];
    });
    for (let i = 3; i > 0; i--) {
      const j = whole(i + 1);
      [slots[i], slots[j]] = [slots[j]!, slots[i]!];
    }
    return {
      values: { data: slots.flat(), shape: [4, 8] },
      objects: objects.map(({ color, place, odd, size }) => ({ color, place, odd, size })),
    };
  });
}

describe("probes", () => {
  it("read what slots say, linearly or not, and find no more", async () => {
    await setBackend("onnx");
    const readouts = await probeObjects(made(600, 1), made(200, 2));
    const of = (name: string) => readouts.find(({ property }) => property === name)!;
    expect(readouts.map(({ property }) => property)).toEqual(["color", "place[0]", "odd", "size"]);
    expect(of("color").measure).toBe("accuracy");
    expect(of("color").baseline).toBeLessThan(0.45);
    expect(of("color").linear).toBeGreaterThan(0.95);
    expect(of("place[0]").measure).toBe("R²");
    expect(of("place[0]").linear).toBeGreaterThan(0.9);
    // The product of two numbers is nothing that a linear map can tell; an MLP can.
    expect(of("odd").linear).toBeLessThan(0.7);
    expect(of("odd").mlp).toBeGreaterThan(0.9);
    for (const value of [of("size").linear, of("size").mlp]) expect(value).toBeLessThan(0.35);
  });

  it("are made of a run, and refuse data without objects", async () => {
    const config = await tinyConfig("steps=2", "log.checkpointEvery=2");
    const where = await run(train(config, { root: folder(), display: remember() }));
    const found = await run(openRun(folder(), where.path));
    const { readouts, fit, held } = await run(probeRun(found, { split: "test" }));
    expect([fit, held]).toEqual([28, 6]);
    expect(readouts.map(({ property }) => property)).toContain("shape");
    for (const { linear, mlp } of readouts) expect(Number.isFinite(linear + mlp)).toBe(true);
    const { message } = await failure(
      probeRun(found, {
        split: "all",
        set: ["data.source=dsprites", `data.path=${fixture}`],
      }),
    );
    expect(message).toMatch(/does not say which objects/);
  });
});

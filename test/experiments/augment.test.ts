/** Random changes of what is trained on: the same bits for the same seed, masks that move along, and nothing else changed. */
import { readFile } from "node:fs/promises";
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import type { Batch, Dataset } from "trilevel/data";
import type { Example } from "../../src/experiments/tasks/images/examples.ts";
import { taskOf, Tasks } from "../../src/experiments/tasks/index.ts";
import type { Examples } from "../../src/experiments/tasks/task.ts";
import { evaluateRun } from "../../src/experiments/train/evaluateRun.ts";
import { openExamples } from "../../src/experiments/train/examples.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import { failure, remember, temporaryFolder, tinyConfig, toyConfig, toyTask } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const toys = Effect.provideService(Tasks, [toyTask]);

/** Looks at the examples of a config. */
const withExamples = <A>(overrides: string[], f: (examples: Examples<Example>) => Promise<A>) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const config = yield* Effect.promise(() => tinyConfig(...overrides));
    const examples = yield* openExamples(yield* taskOf(config), config);
    return yield* Effect.promise(() => f(examples as Examples<Example>)); // of all tasks with this data
  })));

/** Some batches, of four examples each; 40 scenes, of which 28 are trained on, have seven batches. */
async function batchesOf({ augmented }: Examples<Example>, seed: number, from: number, to: number) {
  const found: Batch<Example>["fields"][] = [];
  for await (
    const { fields, step } of augmented!.batches({ batchSize: 4, seed, startStep: from })
  ) {
    if (step >= to) break;
    found.push(fields);
  }
  return found;
}

const all = (part: Dataset<Example>) =>
  Promise.all(Array.from({ length: part.size }, (_, i) => part.get(i)));

describe("data.augment", () => {
  it("gives the same bits for a seed, from any step, and others in the next epoch", async () => {
    await withExamples(
      ['data.augment={"flipHorizontal":true,"crop":[12,12]}'],
      async (examples) => {
        const whole = await batchesOf(examples, 3, 0, 9);
        expect(await batchesOf(examples, 3, 0, 9)).toEqual(whole);
        expect(await batchesOf(examples, 3, 5, 9)).toEqual(whole.slice(5));
        expect(await batchesOf(examples, 4, 0, 9)).not.toEqual(whole);
        // No image of the second epoch is that of the first, though the scenes are.
        const images = whole.flatMap(({ image: { data } }) =>
          [0, 1, 2, 3].map((n) => `${data.subarray(n * 768, (n + 1) * 768)}`)
        );
        expect(new Set(images).size).toBeGreaterThan(28);
      },
    );
  });

  it("moves the masks with the images", async () => {
    const flips = ['data.augment={"flipHorizontal":true,"flipVertical":true}'];
    await withExamples(flips, async (examples) => {
      const plain = await all(examples.train as Dataset<Example>);
      const draw = (colors: ArrayLike<number>, labels: ArrayLike<number>) =>
        Array.from(labels, (label, p) => `${label}:${[0, 1, 2].map((c) => colors[3 * p + c])}`);
      const mirrored = (pixels: readonly string[], x: boolean, y: boolean) =>
        pixels.map((_, p) => {
          const [row, column] = [Math.floor(p / 16), p % 16];
          return pixels[16 * (y ? 15 - row : row) + (x ? 15 - column : column)];
        });
      // Image and labels of each scene, mirrored together in the four ways.
      const known = new Set(plain.flatMap(({ image, labels }) => {
        const pixels = draw(image.data, labels!.data);
        return [false, true].flatMap((x) => [false, true].map((y) => `${mirrored(pixels, x, y)}`));
      }));
      const seen = (await batchesOf(examples, 0, 0, 7)).flatMap(({ image, labels }) => {
        const masks = labels as unknown as { readonly data: Uint8Array }; // these have labels
        return [0, 1, 2, 3].map((n) =>
          `${
            draw(
              image.data.subarray(n * 768, (n + 1) * 768),
              masks.data.subarray(n * 256, (n + 1) * 256),
            )
          }`
        );
      });
      expect(seen).toHaveLength(28);
      expect(seen.every((text) => known.has(text))).toBe(true);
      const unmoved = new Set(
        plain.map(({ image, labels }) => `${draw(image.data, labels!.data)}`),
      );
      expect(seen.filter((text) => unmoved.has(text)).length).toBeLessThan(20);
    });
  });

  it("changes colours of bytes, and neither validation nor test data", async () => {
    const colors = 'data.augment={"brightness":0.2,"contrast":0.3,"saturation":0.5}';
    const [plain, changed] = await Promise.all(
      [[], [colors]].map((overrides) =>
        withExamples(overrides, async (examples) => ({
          looks: await Promise.all(
            [examples.train, examples.validation!, examples.test!].map((part) =>
              all(part as Dataset<Example>)
            ),
          ),
          batches: examples.augmented === undefined ? [] : await batchesOf(examples, 0, 0, 2),
        }))
      ),
    );
    expect(changed!.looks).toEqual(plain!.looks);
    const values = changed!.batches.flatMap(({ image }) => [...image.data]);
    for (const value of values) {
      const byte = (value + 1) * 127.5;
      expect(Math.abs(byte - Math.round(byte))).toBeLessThan(1e-4);
    }
    expect(plain!.looks[0]!.some(({ image }) => image.data.every((x, i) => x === values[i]))).toBe(
      false,
    );
  });

  it("goes on to the same bits where a run was stopped", async () => {
    const config = (steps: number) =>
      toyConfig(
        "data.scenes=16",
        'data.augment={"flipHorizontal":true,"brightness":0.3,"crop":[3,3]}',
        `steps=${steps}`,
      );
    const go = (steps: number, root: string) =>
      Effect.gen(function* () {
        const run = yield* train(yield* Effect.promise(() => config(steps)), {
          root: folder(root),
          display: remember(),
        });
        return run;
      });
    const digestOf = async (effect: ReturnType<typeof go>) => {
      const run = await Effect.runPromise(toys(effect));
      const { checkpoint } = await Effect.runPromise(latestCheckpoint(run));
      return { run, tensors: checkpoint!.tensors };
    };
    const whole = await digestOf(go(12, "whole"));
    const half = await digestOf(go(6, "half"));
    const resumed = await digestOf(Effect.gen(function* () {
      return yield* train(yield* Effect.promise(() => config(12)), {
        root: folder("half"),
        display: remember(),
        resume: half.run,
      });
    }));
    expect(resumed.tensors).toEqual(whole.tensors);
    expect(half.tensors).not.toEqual(whole.tensors);
    // It says what it did, and cannot be evaluated with other changes: there are none then.
    expect(await readFile(whole.run.file("config.json"), "utf8")).toContain("flipHorizontal");
    const found = await Effect.runPromise(openRun(folder("whole"), whole.run.name));
    const { message } = await failure(
      toys(evaluateRun(found, { set: ["data.augment.brightness=0"] })),
    );
    expect(message).toContain("no effect");
  });

  it("is refused where it is no change that there is, or would move what is predicted", async () => {
    await expect(tinyConfig('data.augment={"flipHorizontally":true}')).rejects.toThrow(
      "flipHorizontally",
    );
    await expect(tinyConfig('data.augment={"contrast":2}')).rejects.toThrow("from 0 to 1");
    await expect(tinyConfig('data.augment={"crop":[20,8]}')).rejects.toThrow(
      "data.augment.crop: 20×8 is larger than the images, 16×16",
    );
    const properties = ["model.task=properties", "data.source=clevr", "data.objects=[1,2]"];
    await expect(tinyConfig(...properties, 'data.augment={"flipVertical":true}'))
      .rejects.toThrow("the positions to predict would not move");
    await tinyConfig(...properties, 'data.augment={"brightness":0.1,"flipVertical":false}');
  });
});

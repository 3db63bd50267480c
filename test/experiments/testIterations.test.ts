/** `model.testIterations`: a model is scored and drawn with more iterations than it is trained with. */
import { Effect } from "effect";
import { expect, it } from "vitest";
import { np, random, setBackend } from "trilevel";
import type { ExperimentConfig } from "../../src/experiments/schema.ts";
import { taskOf } from "../../src/experiments/tasks/index.ts";
import { tinyConfig } from "./support.ts";

it("is the model of so many iterations where images are looked at, and not where it learns", async () => {
  await setBackend("reference");
  const key = random.key(0);
  const batch = { image: random.uniform(random.key(1), [2, 16, 16, 3]) };
  const made = async (config: ExperimentConfig) => {
    const system = (await Effect.runPromise(taskOf(config))).system(config);
    const params = system.init(key);
    const at = { step: np.array(0, { dtype: "int32" }), state: null };
    return {
      loss: await system.loss(params, batch, key, at)[0].item(),
      masks: await system.predict(params, batch, key)["masks"]!.data(),
      slots: await system.represent!(params, batch, key)["slots"]!.data(),
    };
  };
  const tested = await made(await tinyConfig("model.testIterations=5"));
  const few = await made(await tinyConfig());
  const many = await made(await tinyConfig("model.iterations=5"));
  expect(tested.loss).toBe(few.loss);
  expect(tested.loss).not.toBe(many.loss);
  expect(tested.masks).toEqual(many.masks);
  expect(tested.slots).toEqual(many.slots);
  expect(tested.masks).not.toEqual(few.masks);
});

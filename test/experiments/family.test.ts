/** The study of every system with every adjoint, and the comparison of gradients that it stands on. */
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { np, random, setBackend, stopGradient, type Tensor } from "trilevel";
import { collate } from "trilevel/data";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { family } from "../../src/experiments/studies/family.ts";
import { runStudy } from "../../src/experiments/studies/runStudy.ts";
import { studyTable } from "../../src/experiments/studies/tell.ts";
import { taskOf } from "../../src/experiments/tasks/index.ts";
import type { Outputs, Params, System } from "../../src/experiments/tasks/task.ts";
import { placeBatch } from "../../src/experiments/train/device.ts";
import { compareGradients } from "../../src/experiments/train/gradients.ts";
import { someOf } from "../support/tier.ts";
import { failure, remember, smallestSlate, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<object>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const configOf = (preset: string, set: readonly string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed(preset), (found) => applyOverrides(found, set)),
    (config) => decodeConfig(config, preset),
  );

/** The gradient of a loss in `a` and `b` alone: `lossOf` is all that differs between systems. */
const system = (lossOf: (p: { readonly a: Tensor; readonly b: Tensor }) => Tensor): System => ({
  init: () => ({ a: np.array([1, 2]), b: np.array([3, 4]) }),
  loss: (params) => [lossOf(params as { a: Tensor; b: Tensor }), {}],
  predict: () => ({}),
  scorer: () => ({ add: () => {}, result: () => ({}) }),
  draw: () => ({}),
});

describe("comparing gradients", () => {
  const numbers = async (own: System, exact: System) => {
    await setBackend("reference");
    const params = own.init(random.key(0));
    const state = { params, step: np.array(0, { dtype: "int32" }), loss: null };
    const found = compareGradients(own, exact)(state, {}, random.key(0));
    return Object.fromEntries(
      await Promise.all(Object.entries(found).map(async ([name, x]) => [name, await x.item()])),
    );
  };
  const square = system(({ a, b }) => np.sum(np.square(a)).add(np.sum(np.square(b))));

  it("gives 1 for a gradient and itself", async () => {
    const found = await numbers(square, square);
    for (const value of Object.values(found)) expect(value).toBeCloseTo(1, 12);
  });

  it("tells the angle, the worst part, and the length", async () => {
    // The gradients are (2, 4 | 6, 8) and (2, 4 | 8, −6): the parts have cosines of 1 and 0.
    const turned = system(({ a, b }) => np.sum(np.square(a)).add(np.sum(b.mul(np.array([8, -6])))));
    const found = await numbers(turned, square);
    expect(found["gradientCosine"]).toBeCloseTo(20 / 120, 12);
    expect(found["gradientCosineLeast"]).toBeCloseTo(0, 12);
    expect(found["gradientRatio"]).toBeCloseTo(1, 12);
  });

  it("is exact for one step of a linear iteration", async () => {
    // z ← z / 2 + a from 0: three steps give dz/da = 1 + 1/2 + 1/4, and the last one alone 1.
    const iterated = (cut: boolean) =>
      system(({ a, b }) => {
        let z: Tensor = np.zerosLike(a);
        for (let t = 0; t < 3; t++) z = (cut && t === 2 ? stopGradient(z) : z).mul(0.5).add(a);
        return np.sum(z).add(np.sum(b).mul(0));
      });
    const found = await numbers(iterated(true), iterated(false));
    expect(found["gradientRatio"]).toBeCloseTo(1 / 1.75, 12);
    expect(found["gradientCosine"]).toBeCloseTo(1, 12);
    expect(found["gradientCosineLeast"]).toBeCloseTo(1, 12); // nothing, and nothing
  });

  it("is refused where a model has no adjoint", async () => {
    const { problems } = await failure(configOf("vae-quick", ["log.compareGradients=true"]));
    expect(problems).toEqual([
      'log.compareGradients: the models of the task "vae" have no adjoint, so that there is nothing to compare',
    ]);
  });
});

/** Less data and smaller models, by preset. */
const small: { readonly [preset: string]: readonly string[] } = {
  "discovery-small": ["data.scenes=14", "data.evaluate=4", "batchSize=2"],
  "slate-quick": smallestSlate,
  "nem-quick": ["data.images=8", "data.evaluate=4", "batchSize=2"],
  "savi-quick": ["data.videos=4", "data.evaluate=2", "batchSize=2"],
};
const mixtures = ["data.sets=8", "data.evaluate=4", "batchSize=4"];
const smallOf = (preset: string) =>
  [...small[preset] ?? (/mixture|means/.test(preset) ? mixtures : ["batchSize=4"])]
    .filter((set) => !/^backend/.test(set));

describe("study family", () => {
  it.each(someOf(family.kinds.map((kind) => [kind.name, kind] as const)))(
    "%s has the loss of the unrolled model it is compared with",
    async (_, kind) => {
      await setBackend("onnx");
      const set = [...family.set ?? [], ...kind.set, ...smallOf(kind.preset!), "backend=onnx"];
      const config = await Effect.runPromise(configOf(kind.preset!, set));
      const task = await Effect.runPromise(taskOf(config));
      const batch = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const { validation } = yield* task.open(config, () => {});
        const samples = yield* Effect.promise(() =>
          Promise.all([0, 1].map((i) => validation!.get(i)))
        );
        return placeBatch(task.inputs, collate(samples));
      })));
      const lossOf = async (model: typeof config.model, params?: Params) => {
        const system = task.system({ ...config, model });
        const p = params ?? system.init(random.key(0));
        const at = { step: np.array(0, { dtype: "int32" }), state: null };
        return [await system.loss(p, batch as Outputs, random.key(1), at)[0].item(), p] as const;
      };
      const [own, params] = await lossOf(config.model);
      const [unrolled] = await lossOf(task.unrolled!(config.model), params);
      expect(Math.abs(own - unrolled)).toBeLessThan(2e-5 * Math.max(1, Math.abs(own)));
    },
  );

  it("makes a run of a kind that has all that is measured", async () => {
    const name = "soft-k-means-oneStep";
    const study = { ...family, set: [...family.set!, ...mixtures, "log.every=2"] };
    const { results } = await Effect.runPromise(runStudy(study, {
      baseOf: (preset) => configOf(preset, []),
      root: folder("family"),
      display: remember(),
      steps: 30, // two from one evaluation to the next, so that there is a pace
      seeds: 1,
      kinds: [name],
    }));
    const [cell] = results.cells;
    expect(cell).toMatchObject({ kind: name, status: "finished" });
    for (const { key } of family.measures) {
      expect(cell!.measures[key], key).toEqual(expect.any(Number));
    }
    expect(cell!.measures["gradientRatio"]).not.toBe(1); // one weight: its cosine is 1 or −1
    expect(studyTable(study, results)[1]!.slice(0, 3)).toEqual([
      "oneStep",
      "soft k-means",
      "log-likelihood",
    ]);
  });
});

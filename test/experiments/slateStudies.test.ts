/** The studies of SLATE: their configs, their measures on a run, and what these measures are. */
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { np, optim, setBackend } from "trilevel";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { runStudy } from "../../src/experiments/studies/runStudy.ts";
import { studies } from "../../src/experiments/studies/index.ts";
import type { Study } from "../../src/experiments/studies/study.ts";
import { judgeClaims, tellStudy } from "../../src/experiments/studies/tell.ts";
import { accumulated, attentionSpread } from "../../src/experiments/tasks/slateLooks.ts";
import { full } from "../support/tier.ts";
import { remember, smallestSlate, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<object>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const configOf = (study: Study, set: readonly string[], preset = study.preset) =>
  Effect.runPromise(
    Effect.flatMap(
      Effect.flatMap(presetNamed(preset), (preset) =>
        applyOverrides(preset, [...study.set ?? [], ...set])),
      (config) =>
        decodeConfig(config, study.name),
    ),
  );

it.each(studies.map((study) => [study.name, study] as const))(
  "%s: every kind is a config of its own, and claims speak of lines that meet",
  async (_, study) => {
    const configs = await Promise.all(
      study.kinds.map((kind) => configOf(study, kind.set, kind.preset)),
    );
    const different = new Set(configs.map((config) => JSON.stringify(config)));
    expect(different.size).toBe(study.kinds.length);
    expect(new Set(study.kinds.map(({ name }) => name)).size).toBe(study.kinds.length);
    for (const { measure, first, second } of study.claims) {
      expect(study.measures.map(({ key }) => key)).toContain(measure);
      const places = (line: string) =>
        study.kinds.filter((kind) => kind.line === line).map(({ place }) => place);
      expect(places(first).some((place) => places(second).includes(place))).toBe(true);
    }
  },
);

const ofSlate = studies.filter(({ preset }) => preset === "slate-quick");

// A run of a real model.
it.runIf(full)("a run has all that the studies of SLATE measure and draw", async () => {
  const keys = new Map(ofSlate.flatMap((study) => study.measures.map((m) => [m.key, m] as const)));
  const curves = new Map(ofSlate.flatMap((study) => study.curves.map((c) => [c.key, c] as const)));
  const all: Study = {
    ...ofSlate.find(({ name }) => name === "accumulation")!,
    set: [...smallestSlate, "model.iterations=1", "data.evaluate=2"],
    measures: [...keys.values()],
    curves: [...curves.values()],
  };
  const base = await configOf({ ...all, set: [] }, []);
  const { results } = await Effect.runPromise(runStudy(all, {
    baseOf: () => Effect.succeed(base),
    root: folder("accumulation"),
    display: remember(),
    steps: 2,
    seeds: 1,
    kinds: ["implicit-accumulated-clipped"],
  }));
  const [cell] = results.cells;
  expect(cell).toMatchObject({ status: "finished" });
  for (const key of keys.keys()) expect(cell!.measures[key], key).toEqual(expect.any(Number));
  for (const key of curves.keys()) expect(cell!.curves[key]!.length, key).toBeGreaterThan(0);
  expect(judgeClaims(all, results)[0]!.verdict).toBe("Nothing to compare was run.");
  expect(tellStudy(all, results)).toContain("| implicit |");
});

describe("measures", () => {
  it("of attention are known where it is", () => {
    // Two slots and four places: one slot has the first place, and the other one the rest.
    const sharp = attentionSpread({ data: [1, 0, 0, 0, 0, 1, 1, 1], shape: [2, 2, 2] });
    expect(sharp.attentionMax).toBe(1);
    expect(sharp.attentionArea).toBe(0.5);
    expect(sharp.attentionEntropy).toBeCloseTo(Math.log(3) / 2 / Math.log(4), 12);
    const even = attentionSpread({ data: Array(8).fill(0.5), shape: [2, 2, 2] });
    expect(even).toEqual({ attentionMax: 0.5, attentionArea: 0, attentionEntropy: 1 });
  });

  it("gradients are added to the clipped ones before", async () => {
    await setBackend("reference");
    const joint = accumulated(optim.clipByInfinityNorm(1));
    let state = joint.init(np.zeros([2]));
    const seen: number[][] = [];
    for (const g of [[0.4, 0.1], [0.8, 0], [0, -0.5]]) {
      const [updates, next] = joint.update(np.array(g), state);
      state = next;
      seen.push([...await (updates as ReturnType<typeof np.array>).data()]);
    }
    const expected = [[0.4, 0.1], [1, 0.1 / 1.2], [1, 0.1 / 1.2 - 0.5]];
    seen.flat().forEach((x, i) => expect(x).toBeCloseTo(expected.flat()[i]!, 5));
  });
});

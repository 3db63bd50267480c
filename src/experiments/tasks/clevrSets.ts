/** Shared by the tasks that predict the objects of CLEVR as a set: the targets, their scores, and rules of their configs. */
import { clevrProperties, type ClevrSceneObject, type NdArray } from "../../data/index.ts";
import { averagePrecisions } from "../../metrics/index.ts";
import type { ExperimentConfig, TaskFields } from "../schema.ts";
import { type ImageConfig, imageContradictions } from "./images/config.ts";
import type { Example, ExtraField } from "./images/examples.ts";
import { readerOf } from "./images/readers.ts";
import type { CurveSpec, Scorer, ScoreSpec } from "./task.ts";

/** Properties of all objects, `[size, 19]`, see `clevrProperties`. */
export type Targets = { readonly targets: NdArray<Float32Array> };

/** The field of examples with the properties of at most so many objects. */
export const targets = (size: number): ExtraField<NdArray<Float32Array>> => ({
  spec: { shape: [size, 19], dtype: "float32" },
  from: "objects",
  use: "scenes to predict properties from",
  make: ({ objects }) => clevrProperties(objects as unknown as readonly ClevrSceneObject[], size), // CLEVR's own
});

/** Distances within which a position counts as right, as keys of scores. */
const thresholds = ["ap", "ap1", "ap0.5", "ap0.25", "ap0.125"];

/** Average precision is of all predictions together, so nothing is scored before the last. */
export function precisionScorer(size: number): Scorer<Example & Targets, "predictions"> {
  const predictions: number[] = [];
  const targets: number[] = [];
  return {
    add({ sample, output }) {
      predictions.push(...Array.from(output.predictions.data));
      targets.push(...sample.targets.data);
    },
    result() {
      const values = averagePrecisions(predictions, targets, { slots: size });
      return Object.fromEntries(thresholds.map((name, i) => [name, values[i]!]));
    },
  };
}

/** The scores of interest; the runner notes all thresholds. */
export const precisionScores: readonly ScoreSpec[] = [
  { key: "ap", name: "AP, any distance", digits: 3 },
  { key: "ap0.5", name: "AP at 0.5", digits: 3 },
];

/** Average precision by threshold in reports. */
export const precisionCurve: CurveSpec = {
  title: "Validation AP",
  series: thresholds.map((name) => ({
    key: `validation/${name}`,
    name: name === "ap" ? "any distance" : `within ${name.slice(2)}`,
  })),
};

/** Mistakes of a config whose sets have a size, the field of `model` that is named. */
export function setContradictions(
  config: ExperimentConfig<TaskFields, ImageConfig>,
  [field, size]: readonly [field: string, size: number],
): string[] {
  const { data: { source, objects, augment = {} } } = config;
  const problems = imageContradictions(config);
  if (source !== "clevr" && source !== "clevr-files") {
    problems.push(`data.source: "${source}" has no CLEVR properties to predict`);
  }
  for (const move of ["flipHorizontal", "flipVertical", "crop"] as const) {
    if (augment[move] === undefined || augment[move] === false) continue;
    problems.push(`data.augment.${move}: the positions to predict would not move with the image`);
  }
  if (readerOf(source) === undefined && objects[1] > size) {
    problems.push(`model.${field}: ${size} cannot hold ${objects[1]} objects`);
  }
  return problems;
}

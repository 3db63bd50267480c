/** Property prediction (Locatello et al., 2020): every slot names an object of CLEVR, under supervision. */
import { Schema } from "effect";
import { clevrProperties, type ClevrSceneObject, type NdArray } from "../../data/index.ts";
import { np } from "../../index.ts";
import { averagePrecisions } from "../../metrics/index.ts";
import { type PropertyParams, propertyPrediction } from "../../models/index.ts";
import { ImageConfig, imageContradictions } from "./images/config.ts";
import { readerOf } from "./images/readers.ts";
import { type Example, type ExtraField, openImages, previewImages } from "./images/examples.ts";
import { attentionPanel, panelCaptions } from "./images/panels.ts";
import { probeObjects } from "./images/readout.ts";
import { propertyPresets } from "./presets.ts";
import {
  attentionMaps,
  describeSlots,
  imageDynamics,
  residualList,
  slotContradictions,
  slotFields,
  slotLabel,
  slotOptions,
  spectralNormCurve,
} from "./slotAttention.ts";
import { defineTask, type Scorer } from "./task.ts";

/** The fields of `model`; of the decoder, `channels` is the hidden width of the head. */
export const PropertiesConfig = Schema.Struct({
  task: Schema.Literal("properties"),
  ...slotFields,
});

/** Properties of all objects, `[slots, 19]`, see `clevrProperties`. */
type Targets = { readonly targets: NdArray<Float32Array> };

const targets = (slots: number): ExtraField<NdArray<Float32Array>> => ({
  spec: { shape: [slots, 19], dtype: "float32" },
  from: "objects",
  use: "scenes to predict properties from",
  make: ({ objects }) => clevrProperties(objects as unknown as readonly ClevrSceneObject[], slots), // CLEVR's own
});

/** Distances within which a position counts as right, as keys of scores. */
const thresholds = ["ap", "ap1", "ap0.5", "ap0.25", "ap0.125"];

/** Average precision is of all predictions together, so nothing is scored before the last. */
function precisionScorer(slots: number): Scorer<Example & Targets, "predictions"> {
  const predictions: number[] = [];
  const targets: number[] = [];
  return {
    add({ sample, output }) {
      predictions.push(...Array.from(output.predictions.data));
      targets.push(...sample.targets.data);
    },
    result() {
      const values = averagePrecisions(predictions, targets, { slots });
      return Object.fromEntries(thresholds.map((name, i) => [name, values[i]!]));
    },
  };
}

/** The task. */
export const properties = defineTask({
  name: "properties",
  samples: "images",
  model: PropertiesConfig,
  data: ImageConfig,
  presets: propertyPresets,
  contradictions(config) {
    const { model: { slots }, data: { source, objects, augment = {} } } = config;
    const problems = [...imageContradictions(config), ...slotContradictions(config)];
    if (source !== "clevr" && source !== "clevr-files") {
      problems.push(`data.source: "${source}" has no CLEVR properties to predict`);
    }
    for (const move of ["flipHorizontal", "flipVertical", "crop"] as const) {
      if (augment[move] === undefined || augment[move] === false) continue;
      problems.push(`data.augment.${move}: the positions to predict would not move with the image`);
    }
    if (readerOf(source) === undefined && objects[1] > slots) {
      problems.push(`model.slots: ${slots} cannot hold ${objects[1]} objects`);
    }
    return problems;
  },
  describe: (config) => `Property prediction ${describeSlots(config)}`,
  label: slotLabel,
  open: ({ data, model: { slots } }, onProgress) =>
    openImages<Targets>(data, onProgress, { targets: targets(slots) }),
  inputs: ["image", "targets"],
  preview: previewImages,
  scores: [
    { key: "ap", name: "AP, any distance", digits: 3 },
    { key: "ap0.5", name: "AP at 0.5", digits: 3 },
    { key: "spectralNorm", name: "σmax of ∂f/∂z", digits: 2, better: "lower" },
  ],
  main: ["ap0.5"],
  pictures: panelCaptions,
  curves: [
    {
      title: "Validation AP",
      series: thresholds.map((name) => ({
        key: `validation/${name}`,
        name: name === "ap" ? "any distance" : `within ${name.slice(2)}`,
      })),
    },
    spectralNormCurve,
  ],
  lists: [residualList],
  exports: {
    slots: { description: "Slots, [slots, size]" },
    attention: { description: "Where slots look, [slots, rows, columns]", picture: "maps" },
    predictions: { description: "Predicted properties, [slots, 19]" },
  },
  probe: {
    output: "slots",
    objects: ({ objects }) => Array.isArray(objects) ? objects : null,
    fit: probeObjects,
  },
  system(whole) {
    const { model: config } = whole;
    const model = propertyPrediction({ ...slotOptions(config), hidden: config.decoder.channels });
    return {
      model,
      init: (key) => model.init(key),
      loss(params: PropertyParams, { image, targets }, key) {
        const [loss, { stats }] = model.loss(params, image, targets, key);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict(params, { image }, key) {
        const { predictions, attention } = model.apply(params, image, key);
        return { predictions, attention: attentionMaps(attention, whole) };
      },
      represent(params, { image }, key) {
        const { slots, predictions, attention } = model.apply(params, image, key);
        return { slots, predictions, attention: attentionMaps(attention, whole) };
      },
      scorer: () => precisionScorer(config.slots),
      draw: (seen) => ({ attention: attentionPanel(seen) }),
      diagnose(params, { image }, key) {
        const { slots } = model.apply(params, image, key);
        return imageDynamics(model, params, image, key, slots);
      },
    };
  },
});

/** Property prediction (Locatello et al., 2020): every slot names an object of CLEVR, under supervision. */
import { Schema } from "effect";
import { np } from "../../index.ts";
import { type PropertyParams, propertyPrediction } from "../../models/index.ts";
import {
  precisionCurve,
  precisionScorer,
  precisionScores,
  setContradictions,
  type Targets,
  targets,
} from "./clevrSets.ts";
import { ImageConfig } from "./images/config.ts";
import { openImages, previewImages } from "./images/examples.ts";
import { attentionPanel, panelCaptions } from "./images/panels.ts";
import { probeObjects } from "./images/readout.ts";
import { propertyPresets } from "./presets.ts";
import { unrolledModel } from "./inference.ts";
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
import { defineTask } from "./task.ts";

/** The fields of `model`; of the decoder, `channels` is the hidden width of the head. */
export const PropertiesConfig = Schema.Struct({
  task: Schema.Literal("properties"),
  ...slotFields,
});

/** The task. */
export const properties = defineTask({
  name: "properties",
  samples: "images",
  model: PropertiesConfig,
  data: ImageConfig,
  presets: propertyPresets,
  contradictions: (config) => [
    ...setContradictions(config, ["slots", config.model.slots]),
    ...slotContradictions(config),
  ],
  describe: (config) => `Property prediction ${describeSlots(config)}`,
  label: slotLabel,
  open: ({ data, model: { slots } }, onProgress) =>
    openImages<Targets>(data, onProgress, { targets: targets(slots) }),
  inputs: ["image", "targets"],
  preview: previewImages,
  scores: [
    ...precisionScores,
    { key: "spectralNorm", name: "σmax of ∂f/∂z", digits: 2, better: "lower" },
  ],
  main: ["ap0.5"],
  pictures: panelCaptions,
  curves: [
    precisionCurve,
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
  unrolled: unrolledModel({ finalStep: true }),
  system(whole) {
    const { model: config } = whole;
    const options = { ...slotOptions(config), hidden: config.decoder.channels };
    const model = propertyPrediction(options);
    const { testIterations: iterations = options.iterations } = config;
    const tested = propertyPrediction({ ...options, iterations });
    return {
      model,
      init: (key) => model.init(key),
      loss(params: PropertyParams, { image, targets }, key) {
        const [loss, { stats }] = model.loss(params, image, targets, key);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict(params, { image }, key) {
        const { predictions, attention } = tested.apply(params, image, key);
        return { predictions, attention: attentionMaps(attention, whole) };
      },
      represent(params, { image }, key) {
        const { slots, predictions, attention } = tested.apply(params, image, key);
        return { slots, predictions, attention: attentionMaps(attention, whole) };
      },
      scorer: () => precisionScorer(config.slots),
      draw: (seen) => ({ attention: attentionPanel(seen) }),
      diagnose(params, { image }, key) {
        const { slots } = tested.apply(params, image, key);
        return imageDynamics(tested, params, image, key, slots);
      },
    };
  },
});

/** Object discovery (Locatello et al., 2020): slots explain an image, and their pictures are compared with it. */
import { Schema } from "effect";
import { np } from "../../index.ts";
import { type DiscoveryParams, objectDiscovery } from "../../models/index.ts";
import { probeObjects } from "./images/readout.ts";
import { inspectImages } from "./images/inspect.ts";
import { ImageConfig, imageContradictions, imageSize } from "./images/config.ts";
import { openImages, previewImages } from "./images/examples.ts";
import {
  attentionPanel,
  maskPanel,
  overviewPanel,
  panelCaptions,
  reconstructionPanel,
} from "./images/panels.ts";
import { imageScores, scoreImage } from "./images/scores.ts";
import { discoveryPresets } from "./presets.ts";
import { averaged } from "./scores.ts";
import { unrolledModel } from "./inference.ts";
import {
  attentionMaps,
  decoderContradictions,
  decoderOptions,
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

/** The fields of `model`. */
export const DiscoveryConfig = Schema.Struct({ task: Schema.Literal("discovery"), ...slotFields });

/** The two scales of a reconstruction's error. */
const lossScale =
  "The loss compares pixels in [−1, 1] and is 4 times the MSE, which compares them in [0, 1].";

/** The task. */
export const discovery = defineTask({
  name: "discovery",
  samples: "images",
  model: DiscoveryConfig,
  data: ImageConfig,
  presets: discoveryPresets,
  notes: [lossScale],
  contradictions(config) {
    const { model: { decoder }, data } = config;
    return [
      ...imageContradictions(config),
      ...slotContradictions(config),
      ...decoderContradictions(decoder, { size: imageSize(data), resolution: data.resolution }),
    ];
  },
  describe: (config) => `Object discovery ${describeSlots(config)}`,
  label: slotLabel,
  open: ({ data }, onProgress) => openImages(data, onProgress, {}),
  inputs: ["image"],
  preview: previewImages,
  inspect: inspectImages,
  scores: [...imageScores, {
    key: "spectralNorm",
    name: "σmax of ∂f/∂z",
    digits: 2,
    better: "lower",
  }],
  main: ["fgAri", "psnr"],
  pictures: panelCaptions,
  curves: [
    { title: "Validation FG-ARI", series: [{ key: "validation/fgAri", name: "FG-ARI" }] },
    spectralNormCurve,
  ],
  lists: [residualList],
  exports: {
    masks: { description: "Masks of slots, [slots, height, width]", picture: "labels" },
    slots: { description: "Slots, [slots, size]" },
    attention: { description: "Where slots look, [slots, rows, columns]", picture: "maps" },
    reconstruction: { description: "Reconstructions, [height, width, 3]", picture: "image" },
  },
  probe: {
    output: "slots",
    objects: ({ objects }) => Array.isArray(objects) ? objects : null,
    fit: probeObjects,
  },
  unrolled: unrolledModel({ finalStep: true }),
  system(whole) {
    const { model: config, data } = whole;
    const options = {
      ...slotOptions(config),
      resolution: imageSize(data),
      decoder: decoderOptions(config.decoder, config.coordinates),
    };
    const model = objectDiscovery(options);
    const { testIterations: iterations = options.iterations } = config;
    const tested = objectDiscovery({ ...options, iterations });
    return {
      model,
      init: (key) => model.init(key),
      loss(params: DiscoveryParams, { image }, key) {
        const [loss, { stats }] = model.loss(params, image, key);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict(params, { image }, key) {
        const { reconstruction, images, masks, attention } = tested.apply(params, image, key);
        return {
          reconstruction,
          components: images,
          masks,
          attention: attentionMaps(attention, whole),
        };
      },
      represent(params, { image }, key) {
        const { slots, reconstruction, masks, attention } = tested.apply(params, image, key);
        return { slots, masks, reconstruction, attention: attentionMaps(attention, whole) };
      },
      scorer: () => averaged(scoreImage),
      draw: (seen) => ({
        overview: overviewPanel(seen),
        reconstruction: reconstructionPanel(seen),
        masks: maskPanel(seen),
        attention: attentionPanel(seen),
      }),
      diagnose(params, { image }, key) {
        const { slots } = tested.apply(params, image, key);
        return imageDynamics(tested, params, image, key, slots);
      },
    };
  },
});

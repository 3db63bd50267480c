/** Object discovery as a system: slots explain an image, and their pictures are compared with it. */
import { np } from "../../index.ts";
import { type DiscoveryParams, objectDiscovery } from "../../models/index.ts";
import type { ExperimentConfig } from "../config/config.ts";
import { attentionMaps, dynamicsOf, slotOptions } from "./slotAttention.ts";
import type { System } from "./system.ts";

/** The system of a config whose task is discovery. */
export function discovery({ model: config, data: { resolution } }: ExperimentConfig): System<
  DiscoveryParams
> {
  const { coordinates, decoder: { kind, channels, layers, kernel, strides } } = config;
  const model = objectDiscovery({
    ...slotOptions(config),
    resolution: [resolution, resolution],
    decoder: kind === "mlp"
      ? { kind: "pixel", channels, layers, coordinates }
      : { kind: "broadcast", channels, kernel, strides, coordinates },
  });
  return {
    init: (key) => model.init(key),
    loss(params, { image }, key) {
      const [loss, { stats }] = model.loss(params, image, key);
      return [loss, { residual: np.mean(stats.residual) }];
    },
    look(params, { image }, key) {
      const { reconstruction, images, masks, attention } = model.apply(params, image, key);
      return {
        reconstruction,
        components: images,
        masks,
        attention: attentionMaps(attention),
        predictions: null,
      };
    },
    dynamics(params, { image }, key, steps) {
      const { slots } = model.apply(params, image, key);
      return dynamicsOf(model, params, image, key, { slots, steps });
    },
  };
}

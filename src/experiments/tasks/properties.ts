/** Property prediction as a system: every slot names an object, under supervision. */
import { np } from "../../index.ts";
import { type PropertyParams, propertyPrediction } from "../../models/index.ts";
import type { ExperimentConfig } from "../config/config.ts";
import { attentionMaps, dynamicsOf, slotOptions } from "./slotAttention.ts";
import type { System } from "./system.ts";

/** The system of a config whose task is properties. */
export function properties({ model: config }: ExperimentConfig): System<PropertyParams> {
  const model = propertyPrediction({ ...slotOptions(config), hidden: config.decoder.channels });
  return {
    init: (key) => model.init(key),
    loss(params, { image, targets }, key) {
      // The config's schema sees to it that there are targets.
      const [loss, { stats }] = model.loss(params, image, targets!, key);
      return [loss, { residual: np.mean(stats.residual) }];
    },
    look(params, { image }, key) {
      const { predictions, attention } = model.apply(params, image, key);
      return {
        reconstruction: null,
        components: null,
        masks: null,
        attention: attentionMaps(attention),
        predictions,
      };
    },
    dynamics(params, { image }, key, steps) {
      const { slots } = model.apply(params, image, key);
      return dynamicsOf(model, params, image, key, { slots, steps });
    },
  };
}

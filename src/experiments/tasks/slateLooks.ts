/**
 * Measurements of SLATE beyond its scores: how well the adjoint solves its system, how local the effect of a slot is, how
 * spread attention is. And the gradients that SLATE's code accumulated.
 */
import {
  adjointResidual,
  jacobianSpectralRadius,
  nn,
  np,
  type optim,
  type Tensor,
  tree,
} from "../../index.ts";
import type { Slate, SlateParams, SlotAttentionParams } from "../../models/index.ts";
import { adjointOf, type InferenceConfig, solverOf } from "./inference.ts";
import { slotDynamics } from "./slotAttention.ts";
import type { HostArray, Outputs } from "./task.ts";

/** Attention `[batch, tokens, slots]` as maps `[batch, slots, rows, columns]` of square images. */
export function attentionMaps(attention: Tensor): Tensor {
  const [batch, tokens, slots] = attention.shape as [number, number, number];
  const side = Math.sqrt(tokens);
  return np.reshape(np.swapaxes(attention, 1, 2), [batch, slots, side, side]);
}

/**
 * Numbers for how attention `[slots, rows, columns]` is spread (Fig. 10 of Chang et al.): the mean entropy of a slot over
 * places, relative to that of all places alike; the mean share of places of which a slot has more than half; and the
 * mean over places of the greatest share that a slot has.
 */
export function attentionSpread({ data, shape }: HostArray) {
  const [slots, rows, columns] = shape as [number, number, number];
  const places = rows * columns;
  const indices = Array.from({ length: places }, (_, i) => i);
  const own = Array.from({ length: slots }, (_, k) => indices.map((i) => data[k * places + i]!));
  const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
  const entropies = own.map((a) => {
    const all = sum(a);
    return all === 0 ? 0 : sum(a.map((x) => x > 0 ? -x / all * Math.log(x / all) : 0));
  });
  return {
    attentionEntropy: sum(entropies) / slots / Math.log(Math.max(2, places)),
    attentionArea: sum(own.map((a) => a.filter((x) => x > 0.5).length / places)) / slots,
    attentionMax: sum(indices.map((i) => Math.max(...own.map((a) => a[i]!)))) / places,
  };
}

/**
 * Residuals, Jacobian norm and radius, the residual of the adjoint for the gradient of the cross entropy, and the change of
 * the generated image, in [0, 1], where a slot is removed: at the places that it had most of, and at the others.
 */
export function slateDynamics(
  model: Slate,
  config: InferenceConfig,
  params: SlateParams,
  image: Tensor,
  key: Tensor,
): Outputs {
  const tokens = model.tokenize(params, image);
  const own = params.slotAttention.slots;
  const keys = model.project(params, tokens);
  const { slots, attention } = model.infer(params, tokens, key);
  const radius = jacobianSpectralRadius(
    (z: Tensor) => model.slotAttention.step(own, z, keys),
    slots,
    { batchAxis: 0, key, steps: 24 },
  );
  const adjoint = adjointOf(config);
  const loss = (_: SlotAttentionParams, z: Tensor) =>
    nn.crossEntropy(model.logits(params, tokens, z), tokens, { reduction: "sum" });
  const residualOf = adjointResidual(model.level, loss, {
    steps: config.iterations,
    solver: solverOf(config),
    adjoint,
    finalStep: adjoint.kind === "atSolution",
    batchAxis: 0,
  });
  return {
    ...slotDynamics(model.slotAttention, own, keys, key, slots),
    spectralRadius: np.mean(radius),
    adjointResidual: residualOf(own, keys, key),
    ...deletion(model, params, slots, attentionMaps(attention)),
  };
}

/** The mean change of the generated image without one of its slots, inside and outside of that slot's places (Fig. 9). */
function deletion(model: Slate, params: SlateParams, slots: Tensor, maps: Tensor): Outputs {
  const [batch, count] = slots.shape as [number, number];
  const draw = (z: Tensor, present?: Tensor) =>
    model.render(params, model.generate(params, z, present ? { present } : {}));
  const others = np.tile(np.equal(np.eye(count), 0), [batch, 1]);
  const whole = np.expandDims(draw(slots), 1);
  const fewer = draw(np.repeat(slots, count, { axis: 0 }), others);
  const change = np.mean(
    np.abs(fewer.reshape([batch, count, ...whole.shape.slice(2)]).sub(whole)),
    {
      axis: -1,
    },
  );
  const places = np.moveaxis(np.oneHot(np.argmax(maps, { axis: 1 }), count), -1, 1);
  const inside = np.repeat(np.repeat(places, 4, { axis: 2 }), 4, { axis: 3 });
  const outside = np.subtract(1, inside);
  const mean = (where: Tensor) => np.sum(change.mul(where)).div(np.maximum(np.sum(where), 1));
  return { deletionInside: mean(inside), deletionOutside: mean(outside) };
}

/**
 * A clip that sees each gradient added to the clipped one of the step before: SLATE's training script did not set gradients
 * to zero until April 2022.
 */
export function accumulated(
  clipping: optim.GradientTransformation,
): optim.GradientTransformation {
  return {
    init: (params) => tree.map((x: Tensor) => np.zerosLike(x), params),
    update(updates, before) {
      const sum = tree.map(
        (g: Tensor, old: Tensor) => g.add(old),
        updates,
        before as typeof updates,
      );
      const [clipped] = clipping.update(sum as typeof updates, clipping.init(updates));
      return [clipped, clipped];
    },
  };
}

/** Transformations of some parameters only. */
import { flatten, flattenUpTo, structure, unflatten } from "../tree.ts";
import { declareOptions, required } from "../options/index.ts";
import { setToZero } from "./chain.ts";
import { requireState, requireTransformation } from "./checks.ts";
import { type Mask, maskKind } from "./decay.ts";
import { byLabel, onlyWhere } from "./labels.ts";
import { type MultiState, multiTransform } from "./multiTransform.ts";
import type { GradientTransformation } from "./transformation.ts";

/** The state of {@link masked}. */
export interface MaskedState<Inner> {
  /** The state of the inner transformation, in which other parameters are absent. */
  readonly inner: Inner;
}

/**
 * Applies `inner` to the updates of parameters in the mask; the others stay as they are.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const weights = optim.masked(optim.scale(-1), { w: true, b: false });
 * const p = { w: np.ones([1]), b: np.ones([1]) };
 * const [u] = weights.update(p, weights.init(p), p);
 * console.assert(await u.w.item() === -1 && await u.b.item() === 1);
 * ```
 *
 * @throws TreeError when the mask does not follow the parameters.
 */
export function masked<Inner>(
  inner: GradientTransformation<Inner>,
  mask: Mask,
): GradientTransformation<MaskedState<Inner>> {
  requireTransformation("masked", inner);
  const keptOf = (params: unknown) =>
    byLabel(mask, params, "masked: the mask").map((kept) => kept === true);
  return {
    init: (params) => ({ inner: inner.init(onlyWhere(params, keptOf(params))) }),
    update(updates, state, params, extra) {
      requireState("masked", state, ["inner"]);
      const kept = keptOf(updates);
      const own = params === undefined ? undefined : onlyWhere(params, kept);
      const [found, next] = inner.update(onlyWhere(updates, kept), state.inner, own, extra);
      const [leaves, whole] = flatten(updates);
      const parts = flattenUpTo(whole, found, "masked");
      return [unflatten(whole, leaves.map((leaf, i) => kept[i] ? parts[i] : leaf)), {
        inner: next,
      }];
    },
  };
}

/**
 * Sets the updates of parameters in the mask to 0: those stay as they are.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.chain(optim.sgd(1), optim.freeze({ encoder: true, head: false }));
 * const p = { encoder: np.ones([1]), head: np.ones([1]) };
 * const [u] = optimizer.update(p, optimizer.init(p), p);
 * console.assert(await u.encoder.item() === 0 && await u.head.item() === -1);
 * ```
 */
export function freeze(mask: Mask): GradientTransformation<MaskedState<null>> {
  return masked(setToZero(), mask);
}

const checkSelective = declareOptions<{ readonly freezeMask: Mask }>(
  "optim.selectiveTransform",
  ["optim.sgd(0.1)"],
  { freezeMask: required(maskKind) },
);

/**
 * An optimizer of the parameters that are not in the mask: those in it stay, and it keeps no state for them.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const freezeMask = { encoder: true, head: false };
 * const optimizer = optim.selectiveTransform(optim.adam(0.1), { freezeMask });
 * const p = { encoder: np.ones([1]), head: np.ones([1]) };
 * const [u] = optimizer.update(p, optimizer.init(p), p);
 * console.assert(await u.encoder.item() === 0);
 * ```
 */
export function selectiveTransform<Inner>(
  optimizer: GradientTransformation<Inner>,
  options: { readonly freezeMask: Mask },
): GradientTransformation<
  MultiState<{ train: GradientTransformation<Inner>; freeze: GradientTransformation<null> }>
> {
  requireTransformation("selectiveTransform", optimizer);
  checkSelective(options);
  const labels = (params: unknown) =>
    unflatten(
      structure(params),
      byLabel(options.freezeMask, params, "selectiveTransform: the mask")
        .map((frozen) => frozen === true ? "freeze" : "train"),
    );
  return multiTransform({ train: optimizer, freeze: setToZero() }, labels);
}

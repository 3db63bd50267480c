/**
 * Layers: parameters made from a key, and a pure function of them. Nothing is registered
 * anywhere: parameters are plain trees, which transformations and optimizers take apart.
 */
import type { Tensor } from "../public.ts";

/**
 * A layer: `init` makes parameters, `apply` is a pure function of parameters and inputs. A model is a
 * function that makes layers of layers.
 *
 * ```ts
 * import { nn, random, type Tensor } from "trilevel";
 * function residual(size: number): nn.Layer<{ inner: nn.LinearParams }> {
 *   const inner = nn.linear({ in: size, out: size });
 *   return {
 *     init: (key) => ({ inner: inner.init(key) }),
 *     apply: (p, x: Tensor) => x.add(nn.relu(inner.apply(p.inner, x))),
 *   };
 * }
 * const layer = residual(3);
 * const params = layer.init(random.key(0));
 * console.assert(params.inner.weight.shape.join() === "3,3");
 * ```
 */
// Methods, not function-typed properties: their parameters are compared bivariantly, so that a layer
// of any parameters is a Layer<unknown>.
export interface Layer<Params, Args extends readonly unknown[] = [x: Tensor], Out = Tensor> {
  /** Parameters from a key; float32. */
  init(key: Tensor): Params;
  /** The layer's function. */
  apply(params: Params, ...args: Args): Out;
}

/** The parameters of a layer. */
export type ParamsOf<L> = L extends { init(key: Tensor): infer Params } ? Params : never;

/** A function of one tensor, such as `relu`. */
export type Activation = (x: Tensor) => Tensor;

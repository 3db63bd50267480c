/** Random bits. */
import type { Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { shapeOf } from "../numpy/promote.ts";
import { declareOperands } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { threefry } from "./key.ts";
import { keyed } from "./keyed.ts";

/**
 * 32 random bits for each element, uint32: those of `jax.random.bits`.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.bits(random.key(0), [2]);
 * console.assert(String(await x.data()) === "4070199207,4202968722");
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2].
 */
export const bits: (key: Tensor, shape?: Shape | number) => Tensor = keyed(
  (key, shape = []) => randomBits(key, shapeOf("random.bits", shape)),
  declareOperands("random.bits", ["key", "shape"]),
);

/** As {@link bits}, inside other functions. */
export function randomBits(key: Tensor, shape: Shape): Tensor {
  return lax.xor(...threefry(key, shape));
}

/** Random bits: Threefry-2x32 with 20 rounds (Salmon et al., 2011), the same bits as JAX's. */
import type { NoParams, Primitive } from "../core/program.ts";
import { aval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { assertSame, requireDType, zeroJvp } from "./rules.ts";
import { elementwiseBatch } from "./broadcast.ts";

/** Inputs: two key words and two counter words; outputs: two words of bits. All uint32, one shape. */
const threefryPrimitive: Primitive = {
  name: "threefry2x32",
  abstractEval(inputs) {
    const { shape } = assertSame("threefry2x32", inputs);
    requireDType("threefry2x32", inputs[0]!, (d) => d === "uint32", "uint32");
    return [aval(shape, "uint32"), aval(shape, "uint32")];
  },
  jvp: zeroJvp(() => threefryPrimitive),
  transpose: null,
  batch: elementwiseBatch(() => threefryPrimitive),
};

/** The random family, by name. */
export const randomPrimitives = { threefry2x32: threefryPrimitive } as const;

/** Two words of bits for each counter under each key. */
export function threefry2x32(
  key: readonly [Tensor, Tensor],
  counter: readonly [Tensor, Tensor],
): [Tensor, Tensor] {
  const [a, b] = bind<NoParams>(threefryPrimitive, [...key, ...counter], {});
  return [a, b];
}

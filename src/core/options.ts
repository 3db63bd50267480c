/** Options are named: a value in their place would else be passed over in silence. */
import { ArgumentError } from "./errors.ts";
import { kindOf } from "./kindOf.ts";
import { Tensor } from "./tensor.ts";

/**
 * Throws unless options are an object: `f(x, 0)` where `f(x, { axis: 0 })` was meant.
 *
 * @param example how the call is written, as `nn.softmax(x, { axis: 0 })`.
 */
export function requireOptions(name: string, options: unknown, example: string): void {
  if (
    typeof options === "object" && options !== null && !Array.isArray(options) &&
    !(options instanceof Tensor)
  ) return;
  throw new ArgumentError(`${name}: the options are ${kindOf(options)}`, `name them: ${example}`);
}

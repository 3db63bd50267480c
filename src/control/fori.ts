/** `foriLoop`: a loop that counts. */
import { isInteger } from "../core/dtype.ts";
import { ArgumentError, DTypeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import { literal, Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";
import { boolean, count, declareOptions, either } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { scan, type ScanOptions } from "./scan.ts";
import { whileLoop, type WhileOptions } from "./while.ts";

/** Options of {@link foriLoop}. */
export interface ForiOptions extends WhileOptions, Pick<ScanOptions, "unroll"> {}

const checkOptions = declareOptions<ForiOptions>("foriLoop", ["lower", "upper", "body", "init"], {
  unroll: either(count, boolean),
  maxSteps: count,
});

/**
 * Repeats `carry = body(i, carry)` for `i` from `lower` to before `upper`, an int32 scalar. Bounds that
 * are numbers make a {@link scan}, which can be differentiated in reverse; bounds that are tensors a
 * {@link whileLoop}, which can only with `maxSteps`.
 *
 * ```ts
 * import { foriLoop, np, type Tensor } from "trilevel";
 * const power = foriLoop(0, 10, (_i: Tensor, x: Tensor) => x.mul(2), np.array(1));
 * console.assert(await power.item() === 1024);
 * ```
 *
 * @throws as {@link scan} and {@link whileLoop}; ArgumentError when a bound is no whole number.
 */
export function foriLoop<C>(
  lower: Tensor | number,
  upper: Tensor | number,
  body: (i: Tensor, carry: C) => C,
  init: C,
  options: ForiOptions = {},
): C {
  checkOptions(options);
  [lower, upper].forEach(checkBound);
  if (typeof lower === "number" && typeof upper === "number") {
    const length = Math.max(0, upper - lower);
    const first = literal(lower, "int32");
    const step = ([i, carry]: readonly [Tensor, C]) =>
      [[lax.add(i, literal(1, "int32")), body(i, carry)], null] as const;
    const [[count, carry]] = scan<readonly [Tensor, C], null, null>(step, [first, init], null, {
      length,
      unroll: options.unroll,
    });
    if (!currentTrace()) count.dispose();
    return carry;
  }
  const [from, to] = [lower, upper].map((bound) =>
    bound instanceof Tensor ? lax.convert(bound, "int32") : literal(bound, "int32")
  ) as [Tensor, Tensor]; // two bounds, two tensors
  const [count, carry] = whileLoop<readonly [Tensor, C]>(
    ([i]) => lax.lt(i, to),
    ([i, carry]) => [lax.add(i, literal(1, "int32")), body(i, carry)],
    [from, init],
    { maxSteps: options.maxSteps },
  );
  if (!currentTrace()) {
    count.dispose();
    [from, to].forEach((x) => x === lower || x === upper || x.dispose());
  }
  return carry;
}

function checkBound(bound: Tensor | number): void {
  if (bound instanceof Tensor) {
    if (bound.ndim === 0 && (isInteger(bound.dtype) || bound.aval.whole)) return;
    throw new DTypeError(
      `foriLoop: a bound is ${formatAval(bound.aval)}`,
      'give a whole number, or an integer scalar: bound.astype("int32")',
    );
  }
  if (Number.isInteger(bound)) return;
  throw new ArgumentError(`foriLoop: a bound is ${bound}`, "give a whole number");
}

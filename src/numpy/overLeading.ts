/** Functions of small tensors, applied to all that a larger one holds. */
import { sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { trace } from "../core/trace.ts";
import { runBatched } from "../primitives/interpreters/batch.ts";
import * as lax from "../primitives/index.ts";
import { broadcastShapes, stretch } from "./promote.ts";

/**
 * Applies a function of operands of these ranks to all elements of leading axes, which are broadcast
 * against each other. The function may close over tensors.
 */
export function overLeading(
  name: string,
  f: (...xs: Tensor[]) => Tensor[],
  inputs: readonly Tensor[],
  ranks: readonly number[],
): Tensor[] {
  const cut = inputs.map((x, i) => x.ndim - ranks[i]!);
  const lead = broadcastShapes(name, inputs.map((x, i) => x.shape.slice(0, cut[i])));
  if (lead.length === 0) return f(...inputs);
  const size = sizeOf(lead);
  const own = inputs.map((x, i) => x.shape.slice(cut[i]!));
  const batched = inputs.map((_, i) => cut[i]! > 0);
  const { program, captured } = trace(f, inputs.map((x, i) => ({ ...x.aval, shape: own[i]! })));
  const whole = inputs.map((x, i) =>
    batched[i] ? lax.reshape(stretch(name, x, [...lead, ...own[i]!]), [size, ...own[i]!]) : x
  );
  const [outputs, flags] = runBatched(
    program,
    [...captured, ...whole],
    [...captured.map(() => false), ...batched],
    { size },
  );
  return outputs.map((y, i) => {
    const full = flags[i] ? y : lax.broadcastBatch(y, size);
    return lax.reshape(full, [...lead, ...full.shape.slice(1)]);
  });
}

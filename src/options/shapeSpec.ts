/** Forms of shapes: `[batch, height, width, 3]`, `[…, 3]`. */
import { ShapeError } from "../core/errors.ts";
import { describeTree } from "../core/describeValue.ts";
import { Tensor } from "../core/tensor.ts";

/** For each axis its size, or a name if any size will do; `"…"`, which stands once, for any number of axes. */
export type ShapeSpec = readonly (number | string)[];

/**
 * Throws a ShapeError unless a value is a tensor of a form.
 *
 * @param what the value's place, as `nn.linear: the input is`.
 */
export function requireShape(what: string, x: unknown, form: ShapeSpec, hint: string): void {
  if (x instanceof Tensor && fits(x.shape, form)) return;
  throw new ShapeError(`${what} ${describeTree(x)}, not [${form.join(", ")}]`, hint);
}

function fits(shape: readonly number[], form: ShapeSpec): boolean {
  const gap = form.indexOf("…");
  if (gap < 0) return shape.length === form.length && matches(shape, form);
  const after = form.slice(gap + 1);
  return shape.length >= form.length - 1 && matches(shape, form.slice(0, gap)) &&
    matches(shape.slice(shape.length - after.length), after);
}

/** True if the first sizes are those of a form without a gap. */
function matches(shape: readonly number[], form: ShapeSpec): boolean {
  return form.every((n, i) => typeof n === "string" || n === shape[i]);
}

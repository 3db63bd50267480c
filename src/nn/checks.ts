/**
 * Checks of the arguments of layers. Without them an input that broadcasting stretches, or the parameters of another layer,
 * would give a wrong result and no error.
 */
import { requireFields, requireList } from "../options/treeChecks.ts";
import { requireShape, type ShapeSpec } from "../options/shapeSpec.ts";

const params =
  "give what init made first, then the input: layer.apply(params, x); a part that is left out is null";

/** Throws a TreeError unless parameters have the fields that `init` makes. */
export function requireParams(layer: string, given: unknown, fields: readonly string[]): void {
  requireFields(`${layer}: the parameters are`, given, fields, params);
}

/** Throws a TreeError unless there are parameters for each of a list of layers. */
export function requireParamsList(layer: string, given: unknown, count: number): void {
  requireList(`${layer}: the parameters are`, given, count, params);
}

/** Throws a ShapeError unless an input has the form that a layer was made for. */
export function requireInput(what: string, x: unknown, form: ShapeSpec): void {
  requireShape(what, x, form, "give it the size that the layer was made for, on the last axis");
}

/** Throws a ShapeError unless images, or sequences, have the form that a layer was made for. */
export function requireImages(what: string, x: unknown, form: ShapeSpec): void {
  requireShape(what, x, form, "channels come last, and np.expandDims(x, 0) makes a batch of one");
}

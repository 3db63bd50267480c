// Declares the options of metrics, as everywhere in the library but with an error class of metrics.

import { type Check, declareOptions, type Spec } from "../options/index.ts";
import { MetricError } from "./errors.ts";

/** The check of a metric's options, which throws a MetricError. */
export function metricOptions<O extends object>(
  name: string,
  operands: readonly string[],
  spec: Spec<NoInfer<O>>,
): Check<O> {
  return declareOptions<O>(name, operands, spec, (what, hint) => new MetricError(what, hint));
}

// The one error the metrics throw: what was given does not fit together.

import { TrilevelError } from "../errors/index.ts";

/** Arguments of a metric that do not fit together; the message says which, and what would fit. */
export class MetricError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "MetricError" {
    return "MetricError";
  }
}

/** Throws a {@link MetricError} unless both arrays have the same number of elements. */
export function checkSameLength(
  metric: string,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
): void {
  if (first.length !== second.length) {
    throw new MetricError(
      `${metric}: the two arrays must describe the same elements, but have lengths ` +
        `${first.length} and ${second.length}`,
      "give one value for each element in both, in the same order",
    );
  }
}

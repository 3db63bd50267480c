// The one error the metrics throw: what was given does not fit together.

/** Arguments of a metric that do not fit together; the message says which, and what would fit. */
export class MetricError extends Error {
  /** Tells this error from others, as all of Trilevel's do. */
  readonly _tag = "MetricError";
  /** As a stack trace shows it. */
  override readonly name = "MetricError";
  /** What to do about it, where the message does not say it. */
  readonly hint: string | undefined;

  /** What does not fit together, and what to do. */
  constructor(message: string, hint?: string) {
    super(hint === undefined ? message : `${message}\n  ${hint}`);
    this.hint = hint;
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
    );
  }
}

/** Numbers with names. */

/** The ratio of a circle's circumference to its diameter. */
export const pi: number = Math.PI;
/** The base of the natural logarithm. */
export const e: number = Math.E;
/** Larger than every number. */
export const inf: number = Infinity;
/** Not a number. */
export const nan: number = NaN;
/** In an index: a new axis. */
export const newaxis: null = null;

/**
 * Kinds of values that options may have: the words of which a function's options are declared. Each says how
 * a message names it, and which values belong to it.
 */
import { nearest } from "./nearest.ts";

/** Makes an error of a message and a hint: packages, and a few kinds, have errors of their own. */
export type Refusal = (message: string, hint: string) => Error;

/** A kind of value; `T` is its type in TypeScript. */
export interface Kind<T> {
  /** The words for it in a message, after "must be": `a whole number, 1 or more`. */
  readonly expected: string;
  /** A value as it is written: `"edge"`, `3`. */
  readonly example: string;
  /** True if a value belongs to it. */
  accepts(value: unknown): boolean;
  /** The value that was probably meant in place of one that does not belong to it, as it is written. */
  meant?(value: unknown): string | undefined;
  /** The error to throw, where it is not the function's own. */
  readonly refusal?: Refusal;
  /** Never set: it makes kinds of different types different, so that a declaration is exact. */
  readonly type?: (value: T) => T;
}

/** A kind from a test. */
export function kind<T>(
  expected: string,
  example: string,
  accepts: (value: unknown) => boolean,
): Kind<T> {
  return { expected, example, accepts };
}

const isNumber = (value: unknown): value is number => typeof value === "number";

/** Any number: also infinite, and NaN. */
export const number: Kind<number> = kind("a number", "1", isNumber);
/** A number that is neither infinite nor NaN. */
export const finite: Kind<number> = kind("a finite number", "1", Number.isFinite);
/** A number above 0. */
export const positive: Kind<number> = kind(
  "a number above 0",
  "1",
  (value) => isNumber(value) && value > 0,
);
/** A number from 0 upwards. */
export const nonNegative: Kind<number> = kind(
  "a number, 0 or more",
  "0",
  (value) => isNumber(value) && value >= 0,
);
/** A number from 0 to 1. */
export const fraction: Kind<number> = kind(
  "a number from 0 to 1",
  "0.5",
  (value) => isNumber(value) && value >= 0 && value <= 1,
);
/** A whole number. */
export const integer: Kind<number> = kind("a whole number", "1", Number.isInteger);
/** A whole number from 0 upwards: how many, possibly none; an index. */
export const count: Kind<number> = kind(
  "a whole number, 0 or more",
  "1",
  (value) => Number.isInteger(value) && Number(value) >= 0,
);
/** A whole number from 1 upwards: a size, a number of steps. */
export const size: Kind<number> = kind(
  "a whole number, 1 or more",
  "1",
  (value) => Number.isInteger(value) && Number(value) >= 1,
);
/** True or false. */
export const boolean: Kind<boolean> = kind(
  "true or false",
  "true",
  (value) => typeof value === "boolean",
);
/** Text. */
export const text: Kind<string> = kind("a string", '"name"', (value) => typeof value === "string");

/** Any function; its arguments are looked at where it is called. */
export function callable<F extends (...args: never[]) => unknown>(example: string): Kind<F> {
  return kind("a function", example, (value) => typeof value === "function");
}

/** Any value, where another place looks at it. */
export function anything<T>(example: string): Kind<T> {
  return kind("a value", example, () => true);
}

/** One of a few words (or numbers). */
export function oneOf<const W extends readonly (string | number)[]>(
  ...words: W
): Kind<W[number]> {
  const shown = words.map((word) => JSON.stringify(word));
  return {
    expected: words.length === 1 ? shown[0]! : `one of ${shown.join(", ")}`,
    example: shown[0]!,
    accepts: (value) => (words as readonly unknown[]).includes(value),
    meant: (value) => {
      const word = typeof value === "string" ? nearest(value, words.map(String)) : undefined;
      return word && JSON.stringify(word);
    },
  };
}

/** A list of values of one kind, of a given length or any. */
export function listOf<T>(each: Kind<T>, length?: number): Kind<readonly T[]> {
  const many = length === undefined ? "a list" : `a list of ${length}`;
  const examples = Array.from({ length: length ?? 1 }, () => each.example);
  return kind(
    `${many}, of which each is ${each.expected}`,
    `[${examples.join(", ")}]`,
    (value) =>
      Array.isArray(value) && (length === undefined || value.length === length) &&
      value.every((part) => each.accepts(part)),
  );
}

/** Two values of one kind. */
export function pairOf<T>(each: Kind<T>): Kind<readonly [T, T]> {
  const { expected, example, accepts } = listOf(each, 2);
  return { expected, example, accepts };
}

/** A value of one kind or of the other. */
export function either<A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> {
  return {
    expected: `${a.expected}, or ${b.expected}`,
    example: a.example,
    accepts: (value) => a.accepts(value) || b.accepts(value),
    meant: (value) => a.meant?.(value) ?? b.meant?.(value),
  };
}

/** A value of a kind, or null. */
export function nullable<T>(of: Kind<T>): Kind<T | null> {
  return either(of, kind<null>("null", "null", (value) => value === null));
}

/**
 * An object that functions of the library make, known by a field that it alone has: a solver, an optimizer.
 * The error for the function itself, or for its name, says to call it.
 */
export function madeBy<T>(
  expected: string,
  makers: Readonly<Record<string, string>>,
  accepts: (given: { readonly [field: string]: unknown }) => boolean,
): Kind<T> {
  const names = Object.keys(makers);
  return {
    expected,
    example: makers[names[0]!]!,
    accepts: (value) => typeof value === "object" && value !== null && accepts(Object(value)),
    meant: (value) => {
      const name = typeof value === "function" ? value.name : value;
      const maker = typeof name === "string" ? nearest(name, names) : undefined;
      return maker && makers[maker];
    },
  };
}

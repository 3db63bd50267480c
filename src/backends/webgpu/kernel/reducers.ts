/** The parts of reductions: the start, the step that combines elements, and the end. */
import type { Type } from "./wgsl.ts";

/** Names of the reductions. */
export type ReducerName = "sum" | "max" | "min" | "and" | "or" | "argMax" | "argMin";

/** A reduction as WGSL text on a value, or on a value and where it was found. */
export interface Reducer {
  readonly name: ReducerName;
  /** True if the result is a place instead of a value. */
  readonly arg: boolean;
  /** True if the result is one of the elements, or its place. */
  readonly ranks: boolean;
  /** The result for no elements at all. */
  start(type: Type): string;
  /** Two partial results in one. */
  combine(type: Type, a: string, b: string): string;
}

const lowest: Partial<Record<Type, string>> = { f32: "-inf()", i32: "i32(-2147483648)", u32: "0u" };
const highest: Partial<Record<Type, string>> = {
  f32: "inf()",
  i32: "2147483647i",
  u32: "4294967295u",
};

const extremum = (name: "max" | "min"): Reducer => ({
  name,
  arg: false,
  ranks: true,
  start: (type) => (name === "max" ? lowest : highest)[type]!,
  combine: (type, a, b) => type === "f32" ? `${name}f(${a}, ${b})` : `${name}(${a}, ${b})`,
});

/** For `arg` reductions, `combine` says whether a beats b. */
const argument = (name: "argMax" | "argMin", compare: string): Reducer => ({
  name,
  arg: true,
  ranks: true,
  start: (type) => `${type}(0)`,
  combine: (type, a, b) =>
    type === "f32"
      ? `(${a} ${compare} ${b} || (nan_test(${a}) && !nan_test(${b})))`
      : `(${a} ${compare} ${b})`,
});

/** Every reduction by its name. */
export const reducers: Readonly<Record<ReducerName, Reducer>> = {
  sum: {
    name: "sum",
    arg: false,
    ranks: false,
    start: (type) => `${type}(0)`,
    combine: (_, a, b) => `${a} + ${b}`,
  },
  max: extremum("max"),
  min: extremum("min"),
  and: {
    name: "and",
    arg: false,
    ranks: false,
    start: () => "true",
    combine: (_, a, b) => `${a} && ${b}`,
  },
  or: {
    name: "or",
    arg: false,
    ranks: false,
    start: () => "false",
    combine: (_, a, b) => `${a} || ${b}`,
  },
  argMax: argument("argMax", ">"),
  argMin: argument("argMin", "<"),
};

/** Index arithmetic: however it is simplified, it is the same number. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  digit,
  index,
  sum,
  variable,
  withExpressions,
} from "../../src/backends/webgpu/expression.ts";
import type { Expr } from "../../src/backends/webgpu/value.ts";
import { runs } from "../support/tier.ts";

/** The value of an index, and its expression. */
interface Pair {
  readonly expr: Expr;
  readonly value: number;
}

const names = ["a", "b", "c"] as const;
type Values = { readonly [name in (typeof names)[number]]: { at: number; bound: number } };

const values = (): fc.Arbitrary<Values> => {
  const one = fc.integer({ min: 1, max: 60 }).chain((bound) =>
    fc.record({ at: fc.nat(bound - 1), bound: fc.constant(bound) })
  );
  return fc.record({ a: one, b: one, c: one });
};

/** Steps by which an index is made of others. */
type Recipe =
  | { readonly of: (typeof names)[number] }
  | { readonly terms: readonly (readonly [Recipe, number])[]; readonly offset: number }
  | { readonly digit: Recipe; readonly stride: number; readonly size: number };

const { recipe } = fc.letrec<{ recipe: Recipe }>((tie) => ({
  recipe: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.record({ of: fc.constantFrom(...names) }),
    fc.record({
      terms: fc.array(
        fc.tuple(tie("recipe"), fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 12, 25)),
        { maxLength: 3 },
      ),
      offset: fc.constantFrom(0, 0, 1, 5, 8, 25, 60),
    }),
    fc.record({
      digit: tie("recipe"),
      stride: fc.constantFrom(1, 2, 3, 4, 5, 12),
      size: fc.constantFrom(1, 2, 3, 4, 5, 8, 25, 100),
    }),
  ),
}));

function make(recipe: Recipe, at: Values): Pair {
  if ("of" in recipe) {
    const { at: value, bound } = at[recipe.of];
    return { value, expr: variable(recipe.of, "u32", { level: 0, bound }) };
  }
  if ("digit" in recipe) {
    const { expr, value } = make(recipe.digit, at);
    const { stride, size } = recipe;
    return { expr: digit(expr, stride, size), value: Math.floor(value / stride) % size };
  }
  const terms = recipe.terms.map(([of, scale]) => ({ ...make(of, at), scale }));
  return {
    expr: sum(terms.map(({ expr, scale }) => ({ of: expr, scale })), recipe.offset),
    value: terms.reduce((total, t) => total + t.value * t.scale, recipe.offset),
  };
}

function evaluate({ node }: Expr, at: Values): number {
  switch (node.kind) {
    case "constant":
      return node.value;
    case "variable":
      return at[node.name as (typeof names)[number]].at;
    case "sum":
      return node.terms.reduce((t, { of, scale }) => t + evaluate(of, at) * scale, node.offset);
    case "digit":
      return Math.floor(evaluate(node.of, at) / node.stride) % node.size;
    default:
      throw new Error(`${node.kind} is no index`);
  }
}

describe("indices", () => {
  test("have the value that they were made for, and are below their bounds", () => {
    fc.assert(
      fc.property(recipe, values(), (recipe, at) =>
        withExpressions(() => {
          const { expr, value } = make(recipe, at);
          expect(evaluate(expr, at)).toBe(value);
          expect(value).toBeLessThan(expr.bound);
        })),
      { numRuns: runs(5000), seed: 3 },
    );
  });

  test("are as short as they can be", () =>
    withExpressions(() => {
      const a = variable("a", "u32", { level: 0, bound: 5 });
      const b = variable("b", "u32", { level: 0, bound: 7 });
      expect(digit(sum([{ of: a, scale: 1 }], 320), 1, 5)).toBe(a);
      expect(digit(sum([{ of: b, scale: 5 }, { of: a, scale: 1 }], 35), 1, 5)).toBe(a);
      expect(digit(sum([{ of: b, scale: 5 }, { of: a, scale: 1 }], 35), 5, 7)).toBe(b);
      expect(digit(sum([{ of: b, scale: 10 }], 3), 1, 10)).toBe(index(3));
    }));
});

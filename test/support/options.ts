/** What every function that takes options must say to options that are none, taken from its declaration. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { np, random, TrilevelError } from "trilevel";
import { type Declaration, declarationBehind, type OptionsOf } from "../../src/options/index.ts";
import { loose } from "./mistakes.ts";

type AnyFunction = (...args: never[]) => unknown;

/** The names of functions whose last argument may be left out and is an object: none can be forgotten. */
export type Taking<T> = {
  [K in keyof T]: T[K] extends AnyFunction ? [OptionsOf<T[K]>] extends [never] ? never : K : never;
}[keyof T];

/** A call without options: all that stands before them; or with those that it cannot do without. */
export type Call = readonly unknown[] | {
  readonly operands: readonly unknown[];
  readonly options: object;
};

/** Calls of all functions of a space that take options. */
export type Calls<T> = { readonly [K in Taking<T>]: Call } & { readonly [name: string]: Call };

/** Values of every sort: those that an option does not accept must be refused. */
const sorts = () => [
  -1,
  0,
  0.5,
  3,
  1e9,
  NaN,
  -Infinity,
  "no such word",
  "",
  true,
  [],
  [1, "a"],
  [[0.5]],
  {},
  null,
  () => 1,
  new Date(0),
  np.ones([4]),
  random.key(0),
];

/** Words of an enumeration with other letters, which many languages forgive. */
const otherwise = (expected: string) =>
  [...expected.matchAll(/"(\w+)"/g)].flatMap((
    [, word],
  ) => [word!.toUpperCase(), `${word}s`, word![0]!.toUpperCase() + word!.slice(1)]);

/** The error of a call, also one that is rejected; undefined if there is none. */
async function thrown(call: () => unknown): Promise<(Error & { hint?: string }) | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** The declaration that refuses an option which nobody knows. */
export async function declarationOf(
  call: (options: unknown) => unknown,
): Promise<Declaration | undefined> {
  const error = await thrown(() => call({ nobodyKnowsThis: 1 }));
  return error && declarationBehind(error);
}

/** What is expected of functions: the errors that refuse options, and whether their calls succeed. */
export interface Expected {
  /** The tags of the errors. */
  readonly errors?: readonly string[];
  /** Whether a call with good options succeeds: without the files that it would read, it does not. */
  readonly runs?: boolean;
}

/** Every function of a space takes its options, refuses others, and says what would be right. */
export function lookAtOptions(
  whose: string,
  of: object,
  calls: { readonly [name: string]: Call },
  { errors = ["ArgumentError", "DTypeError"], runs = true }: Expected = {},
): void {
  describe.each(Object.entries(calls))(`${whose}.%s`, (name, given) => {
    const { operands, options } = "operands" in given
      ? given
      : { operands: given, options: undefined };
    const call = (last: unknown) => loose(of)[name](...operands, last);
    const refused = async (last: unknown) => {
      const error = await thrown(() => call(last));
      expect(error, `${name} accepts ${inspect(last)}`).toBeDefined();
      const declaration = declarationBehind(error!);
      expect(declaration, error!.message).toBeDefined();
      expect(errors).toContain(loose(error)._tag);
      expect(error!.message.startsWith(`${declaration!.name}: `)).toBe(true);
      expect(error!.hint).toContain("{ ");
      if (error instanceof TrilevelError) {
        expect(error.message.split("\n")[1]).toMatch(/\/options\.(test\.)?ts:\d+:\d+/);
      }
      return { error: error!, declaration: declaration! };
    };

    test("takes options, and none", async () => {
      const outcomes = [() => call({ ...options })];
      if (options === undefined) outcomes.push(() => call(undefined));
      for (const outcome of outcomes) {
        const error = await thrown(outcome);
        if (runs) expect(error?.message).toBeUndefined();
        else expect(error && declarationBehind(error)).toBeUndefined();
      }
    });

    test("refuses what is no object of options", async () => {
      for (const wrong of [7, "int32", [1], null, np.ones([4]), new Date(0)]) {
        const { error, declaration } = await refused(wrong);
        expect(error.message).toMatch(/: (the options|`\w+`) must be an object/);
        // The whole says of its part's options that they are none, and a method is the function of its tensor.
        if (["parts", "streams"].includes(whose)) continue;
        const self = whose === "x" ? 1 : 0;
        expect(declaration.operands).toHaveLength(operands.length + self);
      }
    });

    test("refuses a name that it does not know, and says the nearest that it does", async () => {
      const { error, declaration } = await refused({ ...options, nobodyKnowsThis: 1 });
      expect(error.message).toContain("no option is named `nobodyKnowsThis`");
      const known = Object.keys(declaration.spec);
      expect(known.length).toBeGreaterThan(0);
      for (const option of known) {
        expect(error.hint).toContain(option);
        const mistaken = await refused({ ...options, [`${option}_`]: 1 });
        expect(mistaken.error.hint).toContain(`did you mean \`${option}\`?`);
      }
    });

    test("refuses values that are none of the option's", async () => {
      const { declaration } = await refused({ ...options, nobodyKnowsThis: 1 });
      for (const [option, kind] of Object.entries(declaration.spec)) {
        const wrong = [...sorts(), ...otherwise(kind.expected)].filter((x) => !kind.accepts(x));
        expect(wrong.length, `${name}: ${option} may be anything`).toBeGreaterThan(3);
        for (const value of wrong) {
          const { error } = await refused({ ...options, [option]: value });
          expect(error.message).toContain(`\`${option}\` must be ${kind.expected}, got `);
          if (typeof value === "string") expect(error.message).toContain(JSON.stringify(value));
          expect(error.hint).toContain(`${option}: `);
        }
      }
    });

    test("asks for those that are required", async () => {
      const { declaration } = await refused({ ...options, nobodyKnowsThis: 1 });
      const required = Object.keys(declaration.spec).filter((o) => declaration.spec[o]!.required);
      for (const option of required) {
        const { [option]: _, ...rest } = { ...options } as { [option: string]: unknown };
        const { error } = await refused(rest);
        expect(error.message).toContain(`\`${option}\` is missing`);
      }
      if (options === undefined) expect(required).toEqual([]);
    });
  });
}

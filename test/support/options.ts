/** Functions that take options, and what they say to what is none. */
import { describe, expect, test } from "vitest";
import { np } from "trilevel";
import type { OptionsOf } from "../../src/core/options.ts";
import { caught } from "./caught.ts";
import { loose } from "./mistakes.ts";

type AnyFunction = (...args: never[]) => unknown;

/** Whether a function takes options, and answers at once. */
type Takes<F extends AnyFunction> = [OptionsOf<F>] extends [never] ? false
  : ReturnType<F> extends Promise<unknown> ? false
  : true;

/** The names of functions that take options, found by their types: none can be left out. */
type Taking<T> = {
  [K in keyof T]: T[K] extends AnyFunction ? Takes<T[K]> extends true ? K : never : never;
}[keyof T];

/** For each of them, all that stands before the options. */
export type Operands<T> = Readonly<Record<Taking<T>, readonly unknown[]>>;

/** Every function takes options or none, and refuses what is none, and names that it does not know. */
export function lookAtOptions<T extends object>(whose: string, of: T, all: Operands<T>): void {
  const calls = Object.entries<readonly unknown[]>(all).map(([name, operands]) =>
    [name, (options: unknown) => loose(of)[name](...operands, options)] as const
  );

  describe.each(calls)(`${whose}.%s`, (_, call) => {
    const here = /support\/options\.ts:\d+:\d+/;

    test("takes options, and none", () => {
      expect(() => call({})).not.toThrow();
      expect(() => call(undefined)).not.toThrow();
    });

    test.each([
      ["a number", 7, "the number 7"],
      ["a word", "int32", 'the string "int32"'],
      ["a list", [1], "a list of 1"],
      ["null", null, "null"],
      ["a tensor", np.ones([4]), "a Tensor"],
    ])("refuses %s in their place", (_, given, kind) => {
      const { _tag, message, cure } = caught(() => call(given));
      const [what, line] = message.split("\n");
      expect(_tag).toBe("ArgumentError");
      expect(what).toMatch(/^\w+: the options are /);
      expect(what).toContain(kind);
      expect(line).toMatch(here);
      expect(cure).toMatch(/^name them: [\w.]+\(.*\{ \w+(: [^:]+)? \}\)$/);
    });

    test("refuses a name that it does not know, and says those it does", () => {
      const { _tag, message, cure } = caught(() => call({ axis_: 0 }));
      const [what, line] = message.split("\n");
      expect(_tag).toBe("ArgumentError");
      expect(what).toMatch(/^\w+: no option is named axis_$/);
      expect(line).toMatch(here);
      expect(cure).toMatch(/^it takes \{ \w+.* \}$/);
    });
  });
}

/** Mistakes of newcomers, and what they are told. */
import { expect, test } from "vitest";
import { caught } from "./caught.ts";

/** A mistake, and what its message must name: what was given, and the hint. */
export type Mistake = readonly [name: string, mistake: () => unknown, given: RegExp, hint: RegExp];

/** What TypeScript would refuse is what JavaScript's users write. */
// deno-lint-ignore no-explicit-any -- anything may be called, and given anything
export const loose = (x: unknown) => x as any;

/** Every mistake is answered with what was given, where, and what to do. */
export function answered(mistakes: readonly Mistake[], where: RegExp): void {
  test.each(mistakes)("is told what is wrong with %s", (_, mistake, given, hint) => {
    const error = caught(mistake);
    const [message, line] = error.message.split("\n") as [string, string]; // they have at least two
    expect(message).toMatch(given);
    expect(line).toMatch(where);
    expect(error.hint).toMatch(hint);
  });
}

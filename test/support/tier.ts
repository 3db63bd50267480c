/**
 * The two tiers of tests. Every test and every property runs in both; in the everyday tier (`deno task test`) properties
 * that take long are tried on fewer cases, so that it ends within minutes. `TRILEVEL_TESTS=full`, as in CI, tries all.
 */
import process from "node:process";

/** True where every case is tried. */
export const full = process.env["TRILEVEL_TESTS"] === "full";

/** How many cases a property is tried on, of those that it is tried on in CI: a sixth in the everyday tier. */
export function runs(all: number): number {
  return full ? all : Math.ceil(all / 6);
}

/** Every case in CI, every sixth in the everyday tier. */
export function someOf<T>(cases: readonly T[]): readonly T[] {
  return full ? cases : cases.filter((_, i) => i % 6 === 0);
}

/**
 * The two tiers of tests. `TRILEVEL_TESTS=full`, as in CI, tries every case. The everyday tier (`deno task test`) ends within
 * minutes: every property is tried in it, but on fewer cases where many take long, and tests of slow things as a whole,
 * such as packing for npm, are left to the full tier.
 */
import process from "node:process";

/** True where every case is tried. */
export const full = process.env["TRILEVEL_TESTS"] === "full";

/** The number of random cases that a property is tried on, given that of CI: a fifteenth in the everyday tier, two at least. */
export function runs(all: number): number {
  return full ? all : Math.min(all, Math.max(2, Math.ceil(all / 15)));
}

/**
 * Every case in CI, and in the everyday tier every seventh. Seven has no factor in common with the sizes of most tables, so
 * that in products of tables every entry meets some of the others. `shift` moves the first case, so that tables that are
 * sampled several times are not always sampled at the same places.
 */
export function someOf<T>(cases: readonly T[], shift = 0): readonly T[] {
  const first = shift % Math.max(1, Math.min(7, cases.length));
  return full ? cases : cases.filter((_, i) => i % 7 === first);
}

/** The exact signed-rank test of Wilcoxon, for values of the same seeds. */

/**
 * The two-sided p value: of all ways to flip the signs of the differences, the fraction in which the sum of the ranks with a
 * positive sign is at least as far from its mean. Differences of 0 are left out, and equal ones share the mean of their
 * ranks. Undefined where no difference is left.
 */
export function signedRankTest(differences: readonly number[]): number | undefined {
  const left = differences.filter((x) => x !== 0);
  if (left.length === 0) return undefined;
  const ranks = doubledRanks(left.map(Math.abs));
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  // Probabilities of the sums of the ranks whose sign is positive, one difference after another.
  let chances = new Float64Array(total + 1);
  chances[0] = 1;
  for (const rank of ranks) {
    const next = new Float64Array(total + 1);
    for (let sum = 0; sum <= total; sum++) {
      next[sum]! += chances[sum]! / 2;
      if (sum >= rank) next[sum]! += chances[sum - rank]! / 2;
    }
    chances = next;
  }
  const observed = ranks.reduce((sum, rank, i) => sum + (left[i]! > 0 ? rank : 0), 0);
  const distance = Math.abs(2 * observed - total);
  return chances.reduce(
    (p, chance, sum) => Math.abs(2 * sum - total) >= distance ? p + chance : p,
    0,
  );
}

/** Twice the rank of each value from 1 on, so that the mean rank of equal values is whole, too. */
function doubledRanks(values: readonly number[]): number[] {
  // Differences that are equal but for rounding are equal.
  const equal = (x: number, y: number) => Math.abs(x - y) <= 1e-12 * Math.max(1, x, y);
  const below = (x: number) => values.filter((y) => y < x && !equal(x, y)).length;
  const same = (x: number) => values.filter((y) => equal(x, y)).length;
  return values.map((x) => 2 * below(x) + same(x) + 1);
}

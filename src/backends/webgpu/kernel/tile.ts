/** How products are cut into pieces. */
import type { Contraction } from "../value.ts";

type Sizes = Pick<Contraction, "batch" | "m" | "n">;

/** The tile of a workgroup, and the block of an invocation. */
export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly blockM: number;
  readonly blockN: number;
}

const block = (side: number) => side >= 32 ? 4 : side / 8;

/** A tile that is neither much larger than the matrix nor too small to reuse what it loads. */
export function tileOf({ batch, m, n }: Sizes): Tile {
  const side = (size: number) => size > 32 ? 64 : size > 16 ? 32 : size > 8 ? 16 : 8;
  let [tileM, tileN] = [side(m), side(n)];
  const tiles = () => batch * Math.ceil(m / tileM) * Math.ceil(n / tileN);
  if (tiles() < 64 && tileM === 64) tileM = 32;
  if (tiles() < 64 && tileN === 64) tileN = 32;
  return { m: tileM, n: tileN, k: 16, blockM: block(tileM), blockN: block(tileN) };
}

/**
 * The block of an invocation that loads for itself alone: as large as registers hold, wasting least. Large ones
 * take long to compile, so they are for products that take long to compute.
 */
export function blockOf(
  { batch, m, n, k }: Pick<Contraction, "batch" | "m" | "n" | "k">,
): { readonly m: number; readonly n: number } {
  const long = batch * m * n * k >= 2 ** 25;
  return { m: leastWaste(m, long ? [8, 7, 6, 5, 4] : [4, 3]), n: leastWaste(n, [4, 3]) };
}

function leastWaste(size: number, sides: readonly number[]): number {
  if (size <= sides[0]!) return size;
  const covered = (side: number) => Math.ceil(size / side) * side;
  return sides.reduce((best, side) => covered(side) < covered(best) ? side : best);
}

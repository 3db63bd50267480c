/** The tiles into which products are cut, and the indices that their kernels count with. */
import { variable } from "../expression.ts";
import type { Contraction, Expr } from "../value.ts";

/** The numbers below a length. */
export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** An index that the kernel's text names. */
export const index = (name: string, level: number, bound: number): Expr =>
  variable(name, "u32", { level, bound });

type Sizes = Pick<Contraction, "batch" | "m" | "n">;

/** The tile of a workgroup, and the block of an invocation. */
export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly block: { readonly m: number; readonly n: number };
}

const block = (side: number) => side >= 32 ? 4 : side / 8;

/** A tile that is neither much larger than the matrix nor too small to reuse what it loads. */
export function tileOf({ batch, m, n }: Sizes): Tile {
  const side = (size: number) => size > 32 ? 64 : size > 16 ? 32 : size > 8 ? 16 : 8;
  let [tileM, tileN] = [side(m), side(n)];
  const tiles = () => batch * Math.ceil(m / tileM) * Math.ceil(n / tileN);
  if (tiles() < 64 && tileM === 64) tileM = 32;
  if (tiles() < 64 && tileN === 64) tileN = 32;
  return { m: tileM, n: tileN, k: 16, block: { m: block(tileM), n: block(tileN) } };
}

/** Operands of at most so many expressions are little more than loads. */
export const plain = 12;
/** Operands of so many expressions are too long to write down often. */
export const longest = 64;

/**
 * The block of an invocation that loads for itself alone: as large as registers hold, wasting least, in vectors of four where
 * that is how memory is read. Large ones take long to compile, so they are for products that take long to compute, of
 * operands that are short to write down: `operands` says of how many expressions the longer one consists.
 */
export function blockOf(
  { batch, m, n, k }: Pick<Contraction, "batch" | "m" | "n" | "k">,
  operands = 0,
): { readonly m: number; readonly n: number } {
  const work = operands < longest ? batch * m * n * k : 0;
  const sides = work >= 2 ** 19 ? [8, 7, 6, 5, 4] : [4, 3];
  return {
    m: leastWaste(m, sides),
    n: n % 8 === 0 && work >= 2 ** 23 && operands <= plain
      ? 8
      : n % 4 === 0
      ? 4
      : leastWaste(n, sides),
  };
}

function leastWaste(size: number, sides: readonly number[]): number {
  if (size <= 8) return size;
  const covered = (side: number) => Math.ceil(size / side) * side;
  return sides.reduce((best, side) => covered(side) < covered(best) ? side : best);
}

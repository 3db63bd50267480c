/**
 * The statics of towers. A tower stands if, at every height, the centre of mass of all that is above lies over the area on
 * which it rests (the rule by which ShapeStacks, Groth et al., 2018, builds its stacks).
 */

import type { Solid } from "../rays/solid.ts";

/**
 * The distance by which the centre of mass of a tower's least supported part lies inside its support; negative for a tower
 * that falls.
 *
 * @param blocks from the lowest to the highest, of one density.
 */
export function balance(blocks: readonly Solid[]): number {
  let [mass, x, y] = [0, 0, 0];
  let least = Infinity;
  for (let k = blocks.length - 1; k > 0; k--) {
    const upper = blocks[k]!;
    const own = volume(upper);
    x = (mass * x + own * upper.x) / (mass + own);
    y = (mass * y + own * upper.y) / (mass + own);
    mass += own;
    // The highest block rests on its own middle, even a sphere.
    const below = k === blocks.length - 1 && upper.shape === "sphere"
      ? Infinity
      : within(upper, x, y);
    least = Math.min(least, below, within(blocks[k - 1]!, x, y));
  }
  return least;
}

/** The distance by which (x, y) lies inside the flat face of a block; a sphere has none, but a point. */
function within({ shape, x, y, a, b, cos, sin }: Solid, px: number, py: number): number {
  const [dx, dy] = [px - x, py - y];
  if (shape === "cylinder") return a - Math.hypot(dx, dy);
  if (shape !== "cube") return -Math.hypot(dx, dy);
  return Math.min(a - Math.abs(cos * dx + sin * dy), b - Math.abs(cos * dy - sin * dx));
}

/** The volume of a block, up to a factor of 8. */
const volume = ({ shape, a, b, c }: Solid) =>
  a * b * c * (shape === "cube" ? 1 : shape === "sphere" ? Math.PI / 6 : Math.PI / 4);

/**
 * CLEVR's light: three square lamps that face the origin, and light from everywhere.
 *
 * Places are those of CLEVR's scene file; strengths were fitted to the ground of rendered CLEVR images.
 */

import type { Random } from "../../seeded.ts";
import { between } from "../threefry.ts";
import { add, along, cross, dot, scale, sub, unit, type Vec } from "./vector.ts";

/** A square lamp. */
export interface Lamp {
  readonly centre: Vec;
  /** The direction in which it shines. */
  readonly facing: Vec;
  /** Half its width, along its sides. */
  readonly sides: readonly [Vec, Vec];
  /** Linear RGB: what a white surface one unit in front of it sends back. */
  readonly power: Vec;
}

const LAMPS = [
  { name: "key", centre: [6.447, -2.905, 4.258], width: 1, power: [6.46, 5.94, 5.06] },
  { name: "fill", centre: [-4.671, -4.014, 3.011], width: 1, power: [1.1, 1.27, 1.66] },
  { name: "back", centre: [-1.169, 2.646, 5.816], width: 1, power: [2.72, 2.63, 2.56] },
] as const;

/** The ambient light that a white surface reflects, linear. */
export const AMBIENT: Vec = [0.168, 0.168, 0.168];

/** CLEVR's lamps, each moved by up to `jitter` along every axis. */
export function drawLamps(random: Random, jitter: number): readonly Lamp[] {
  return LAMPS.map(({ centre, width, power }) => {
    const moved = add(centre, [
      between(random, -jitter, jitter),
      between(random, -jitter, jitter),
      between(random, -jitter, jitter),
    ]);
    const facing = unit(scale(moved, -1));
    const side = unit(cross(facing, [0, 0, 1]));
    return {
      centre: moved,
      facing,
      sides: [scale(side, width / 2), scale(cross(side, facing), width / 2)],
      power,
    };
  });
}

/** The point of the lamp at (u, v) in [-1, 1]². */
export const lampPoint = ({ centre, sides }: Lamp, u: number, v: number): Vec =>
  along(along(centre, sides[0], u), sides[1], v);

/** The light of a lamp in full sight that a white, matt surface at `point` with this normal reflects. */
export function irradiance({ centre, facing }: Lamp, point: Vec, normal: Vec): number {
  const d = sub(centre, point);
  const squared = dot(d, d);
  const distance = Math.sqrt(squared);
  return Math.max(dot(normal, d), 0) * Math.max(-dot(facing, d), 0) /
    (distance * distance * squared);
}

/** Square lamps, and the points on them that soften shadows and reflections. */

import { add, along, cross, scale, unit, type Vec } from "./vector.ts";

/** A square lamp. */
export interface Lamp {
  readonly centre: Vec;
  /** The direction in which it shines, a unit vector. */
  readonly facing: Vec;
  /** Linear RGB: the light that a white surface one unit in front of it reflects. */
  readonly power: Vec;
  /** The radius of the circle around it. */
  readonly reach: number;
  /**
   * 16 points on it, x y z each, by which shadows are softened: four to a phase, each phase's spread over the whole
   * lamp.
   */
  readonly points: Float64Array;
  /** The middle of each phase's quarter, and of the lamp: the points whose reflections are seen. */
  readonly centres: readonly Vec[];
}

/** A phase picks 4 of a lamp's 16 points; this one takes them all. */
export const ALL_POINTS = 4;

/** A square lamp of some width that faces a point. */
export function makeLamp(centre: Vec, target: Vec, width: number, power: Vec): Lamp {
  const facing = unit(add(target, scale(centre, -1)));
  const side = unit(cross(facing, [0, 0, 1]));
  const other = scale(cross(side, facing), width / 2);
  const point = (u: number, v: number) => along(along(centre, side, u * width / 2), other, v);
  const phases = [0, 1, 2, 3];
  return {
    centre,
    facing,
    power,
    reach: Math.SQRT1_2 * width,
    points: Float64Array.from(
      phases.flatMap((phase) =>
        phases.flatMap((quarter) =>
          point(
            ((quarter % 2) * 2 + phase % 2) / 2 - 0.75,
            ((quarter >> 1) * 2 + (phase >> 1)) / 2 - 0.75,
          )
        )
      ),
    ),
    centres: [...phases.map((phase) => point(phase % 2 - 0.5, (phase >> 1) - 0.5)), centre],
  };
}

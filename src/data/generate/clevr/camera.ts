/**
 * CLEVR's camera: a 35 mm lens on a 32 mm sensor that looks at the origin from a jittered position.
 *
 * Pixel coordinates are those of CLEVR's frame of 320×240. A picture of another size is what cropping
 * and resizing that frame would give.
 */

import { cross, dot, sub, unit, type Vec } from "./vector.ts";

/** Width and height of CLEVR's frame. */
export const FRAME = [320, 240] as const;

const FOCAL = 35 / 32 * FRAME[0];

/** The position of the camera, and its axes (unit vectors). */
export interface Camera {
  readonly position: Vec;
  readonly right: Vec;
  readonly up: Vec;
  readonly forward: Vec;
}

/** A camera at `position` that looks at the origin, upright. */
export function lookAtOrigin(position: Vec): Camera {
  const forward = unit(sub([0, 0, 0], position));
  const right = unit(cross(forward, [0, 0, 1]));
  return { position, right, up: cross(right, forward), forward };
}

/** The unit direction seen at (x, y) of the frame. */
export function rayThrough({ right, up, forward }: Camera, x: number, y: number): Vec {
  const u = (x - FRAME[0] / 2) / FOCAL;
  const v = (FRAME[1] / 2 - y) / FOCAL;
  return unit([
    forward[0] + u * right[0] + v * up[0],
    forward[1] + u * right[1] + v * up[1],
    forward[2] + u * right[2] + v * up[2],
  ]);
}

/** The place of a point in the frame: x, y and depth, the distance along the view axis. */
export function project({ position, right, up, forward }: Camera, point: Vec): Vec {
  const d = sub(point, position);
  const depth = dot(d, forward);
  return [
    FRAME[0] / 2 + FOCAL * dot(d, right) / depth,
    FRAME[1] / 2 - FOCAL * dot(d, up) / depth,
    depth,
  ];
}

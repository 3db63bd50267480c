/** A pinhole camera, and rays through the points of its picture. */

import { cross, dot, sub, unit, type Vec } from "./vector.ts";

/** The position of a camera, its axes (unit vectors), and the frame it projects to. */
export interface Camera {
  readonly position: Vec;
  readonly right: Vec;
  readonly up: Vec;
  readonly forward: Vec;
  /** The distance at which a unit of the world is a pixel of the frame wide. */
  readonly focal: number;
  /** Width and height of the frame, in whose pixels coordinates are given. */
  readonly frame: readonly [width: number, height: number];
}

/** The part of a camera's frame that a picture shows, and the number of pixels it has. */
export interface View {
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
  /** Width and height of a pixel of the picture, in pixels of the frame. */
  readonly stepX: number;
  readonly stepY: number;
}

/**
 * A ray: its origin, its direction (a unit vector), and its length, to which the things that it meets shorten it. One
 * array is filled again for ray after ray: numbers in it cost no allocation.
 */
export type Ray = Float64Array;

/** The index of a ray's length. */
export const LENGTH = 6;

/** A ray to be filled in. */
export const makeRay = (): Ray => new Float64Array(7);

/** An upright camera at `position` that looks at `target`. */
export function lookAt(
  position: Vec,
  target: Vec,
  lens: Pick<Camera, "focal" | "frame">,
): Camera {
  const forward = unit(sub(target, position));
  const right = unit(cross(forward, [0, 0, 1]));
  return { position, right, up: cross(right, forward), forward, ...lens };
}

/** The whole frame in a picture of `height` × `width`. */
export function wholeFrame({ frame }: Camera, height: number, width: number): View {
  return { height, width, top: 0, left: 0, stepX: frame[0] / width, stepY: frame[1] / height };
}

/** Fills in the endless ray from a camera through (x, y) of its frame. */
export function aim(ray: Ray, camera: Camera, x: number, y: number): void {
  const { position, right, up, forward, focal, frame } = camera;
  const u = (x - frame[0] / 2) / focal;
  const v = (frame[1] / 2 - y) / focal;
  // The axes are orthonormal.
  const norm = 1 / Math.sqrt(1 + u * u + v * v);
  ray[0] = position[0];
  ray[1] = position[1];
  ray[2] = position[2];
  ray[3] = (forward[0] + u * right[0] + v * up[0]) * norm;
  ray[4] = (forward[1] + u * right[1] + v * up[1]) * norm;
  ray[5] = (forward[2] + u * right[2] + v * up[2]) * norm;
  ray[LENGTH] = Infinity;
}

/** The place of a point in the frame: x, y and depth, the distance along the view axis. */
export function project({ position, right, up, forward, focal, frame }: Camera, point: Vec): Vec {
  const d = sub(point, position);
  const depth = dot(d, forward);
  return [
    frame[0] / 2 + focal * dot(d, right) / depth,
    frame[1] / 2 - focal * dot(d, up) / depth,
    depth,
  ];
}

/**
 * Places CLEVR's objects at random, apart from one another, and none in front of or next to another by
 * so little that "left of" would be ambiguous.
 */

import type { Random } from "../../seeded.ts";
import { between, choice } from "../threefry.ts";
import type { Camera } from "../rays/camera.ts";
import { dot, type Vec } from "../rays/vector.ts";

/** A circle on the ground. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

/** CLEVR's distances, in units of its world. */
export interface Placement {
  /** Centres lie in [-extent, extent]², 3. */
  readonly extent: number;
  /** Least distance between the circles around objects, 0.25. */
  readonly minDistance: number;
  /** Least distance between centres along each of left, right, front and behind, 0.4. */
  readonly margin: number;
}

/** The axes of the ground as the camera sees it. */
export function groundAxes({ right, forward }: Camera): { right: Vec; behind: Vec } {
  const norm = Math.hypot(forward[0], forward[1]);
  return { right, behind: [forward[0] / norm, forward[1] / norm, 0] };
}

/** Places for `count` objects of the given radii, or undefined when one of them found none. */
export function drawPlaces(
  random: Random,
  count: number,
  radii: readonly number[],
  camera: Camera,
  { extent, minDistance, margin }: Placement,
  allowed: (place: Place) => boolean,
): Place[] | undefined {
  const { right, behind } = groundAxes(camera);
  const places: Place[] = [];
  for (let tries = 0; places.length < count; tries++) {
    if (tries > 50 * count) return undefined;
    const place = {
      x: between(random, -extent, extent),
      y: between(random, -extent, extent),
      r: choice(random, radii),
    };
    const free = places.every(({ x, y, r }) => {
      const d: Vec = [place.x - x, place.y - y, 0];
      return Math.hypot(d[0], d[1]) >= place.r + r + minDistance &&
        Math.abs(dot(d, right)) >= margin && Math.abs(dot(d, behind)) >= margin;
    });
    if (free && allowed(place)) places.push(place);
  }
  return places;
}

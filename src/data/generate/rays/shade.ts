/**
 * The light that surfaces reflect: that of lamps, with soft shadows, and ambient light, dimmed where a solid stands close.
 * Light that bounces between surfaces is left out.
 *
 * Functions write colours into an array that is filled again for point after point.
 */

import { LENGTH, makeRay, type Ray } from "./camera.ts";
import { ALL_POINTS, type Lamp } from "./lamp.ts";
import { shorten, type Solid } from "./solid.ts";
import type { Finish, Stage } from "./stage.ts";

/** A point of a surface, a little outside it, and the unit normal there: x y z of each. */
export type Site = Float64Array;

/** Linear RGB. */
export type Light = Float64Array;

/** Shades points of a stage. */
export interface Shader {
  /** The light that a white, matt surface reflects. `own` is the body it belongs to, if any. */
  diffuse(light: Light, site: Site, phase: number, own: Solid | undefined): void;
  /** Adds the lamps' reflections in a surface of some roughness, seen along a ray (Blinn & Phong). */
  addGloss(light: Light, site: Site, ray: Ray, phase: number, finish: Finish): void;
}

/** A shader of a stage; it is used by one caller at a time. */
export function makeShader({ bodies, lamps, ambient }: Stage): Shader {
  const shadowRay = makeRay();
  // Filled again for every point, without making an array for each.
  const between: Solid[] = [...bodies];
  let hiding = 0;

  /** Finds the bodies whose surrounding spheres reach into the cone from a point to a lamp. */
  const findBetween = ({ centre, reach }: Lamp, site: Site, own: Solid | undefined): void => {
    const x = centre[0] - site[0]!;
    const y = centre[1] - site[1]!;
    const z = centre[2] - site[2]!;
    const inverse = 1 / (x * x + y * y + z * z);
    const widening = Math.sqrt(inverse);
    hiding = 0;
    for (const body of bodies) {
      const { bound } = body;
      const bx = body.x - site[0]!;
      const by = body.y - site[1]!;
      const bz = body.z - site[2]!;
      const along = (bx * x + by * y + bz * z) * inverse;
      const nearest = along < 0 ? 0 : along > 1 ? 1 : along;
      const ax = bx - nearest * x;
      const ay = by - nearest * y;
      const az = bz - nearest * z;
      // The cone is at most as wide as at the farthest point of the sphere.
      const near = bound + reach * Math.min(nearest + bound * widening, 1);
      if (ax * ax + ay * ay + az * az < near * near && body !== own) between[hiding++] = body;
    }
  };

  /** The part of a lamp that is seen from a point of `own`, which is convex and does not hide it. */
  const unhidden = (lamp: Lamp, site: Site, phase: number, own: Solid | undefined): number => {
    findBetween(lamp, site, own);
    if (hiding === 0) return 1;
    const all = phase === ALL_POINTS;
    const points = all ? 16 : 4;
    const first = all ? 0 : 12 * phase;
    let seen = 0;
    for (let n = 0; n < points; n++) {
      // The first four points are spread over the lamp: if they agree, so do the others.
      if (n === 4 && (seen === 0 || seen === 4)) return seen / 4;
      if (sees(lamp.points, first + 3 * n, site)) seen++;
    }
    return seen / points;
  };

  const sees = (points: Float64Array, at: number, site: Site): boolean => {
    const x = points[at]! - site[0]!;
    const y = points[at + 1]! - site[1]!;
    const z = points[at + 2]! - site[2]!;
    const far = Math.sqrt(x * x + y * y + z * z);
    shadowRay[0] = site[0]!;
    shadowRay[1] = site[1]!;
    shadowRay[2] = site[2]!;
    shadowRay[3] = x / far;
    shadowRay[4] = y / far;
    shadowRay[5] = z / far;
    shadowRay[LENGTH] = far;
    for (let k = 0; k < hiding; k++) if (shorten(between[k]!, shadowRay)) return false;
    return true;
  };

  return {
    diffuse(light, site, phase, own) {
      const everywhere = ambient * openness(bodies, site);
      let red = everywhere;
      let green = everywhere;
      let blue = everywhere;
      for (const lamp of lamps) {
        const { centre, facing } = lamp;
        const x = centre[0] - site[0]!;
        const y = centre[1] - site[1]!;
        const z = centre[2] - site[2]!;
        const cosine = site[3]! * x + site[4]! * y + site[5]! * z;
        const toward = -(facing[0] * x + facing[1] * y + facing[2] * z);
        if (cosine <= 0 || toward <= 0) continue;
        const squared = x * x + y * y + z * z;
        const strength = cosine * toward / (squared * squared) * unhidden(lamp, site, phase, own);
        red += strength * lamp.power[0];
        green += strength * lamp.power[1];
        blue += strength * lamp.power[2];
      }
      light[0] = red;
      light[1] = green;
      light[2] = blue;
    },
    addGloss(light, site, ray, phase, { exponent, strength }) {
      // Below this cosine the lobe has less than a thousandth of its height.
      const faintest = Math.max(1 - 6.9 / exponent, 0);
      for (const { centres, facing, power } of lamps) {
        const centre = centres[phase]!;
        const x = centre[0] - site[0]!;
        const y = centre[1] - site[1]!;
        const z = centre[2] - site[2]!;
        const squared = x * x + y * y + z * z;
        const norm = 1 / Math.sqrt(squared);
        const cosine = (site[3]! * x + site[4]! * y + site[5]! * z) * norm;
        if (cosine <= 0) continue;
        const hx = x * norm - ray[3]!;
        const hy = y * norm - ray[4]!;
        const hz = z * norm - ray[5]!;
        const half = (site[3]! * hx + site[4]! * hy + site[5]! * hz) /
          Math.sqrt(hx * hx + hy * hy + hz * hz);
        if (half <= faintest) continue;
        const lobe = (exponent + 8) / 8 * half ** exponent;
        const toward = -(facing[0] * x + facing[1] * y + facing[2] * z) * norm;
        const amount = strength * lobe * cosine * Math.max(toward, 0) / squared;
        light[0]! += amount * power[0];
        light[1]! += amount * power[1];
        light[2]! += amount * power[2];
      }
    },
  };
}

/** The part of the surroundings a point sees, taking solids for spheres of their mean width. */
function openness(bodies: readonly Solid[], site: Site): number {
  let open = 1;
  for (const { x, y, z, mean } of bodies) {
    const dx = x - site[0]!;
    const dy = y - site[1]!;
    const dz = z - site[2]!;
    const facing = site[3]! * dx + site[4]! * dy + site[5]! * dz;
    // A body's own surface does not hide itself: its centre lies behind.
    if (facing <= 0) continue;
    const squared = dx * dx + dy * dy + dz * dz;
    open *= 1 - Math.min(0.9, facing / Math.sqrt(squared) * mean * mean / squared);
  }
  return open;
}

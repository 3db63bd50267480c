/** The colour that a ray sees: matt and metal solids in front of planes, and mirror images of them. */

import { LENGTH, makeRay, type Ray } from "./camera.ts";
import { type Light, makeShader, type Site } from "./shade.ts";
import { normalAt, shorten } from "./solid.ts";
import type { Mirror, Plane, Stage } from "./stage.ts";
import type { Vec } from "./vector.ts";

/** Follows rays through a stage. */
export interface Tracer {
  /**
   * Writes the light, linear RGB, that comes back along a ray into `light`.
   *
   * @param phase picks which points of the lamps are looked at: averaging over phases 0 to 3 softens shadows and
   *   highlights; with `ALL_POINTS` one ray has soft shadows.
   */
  trace(light: Light, ray: Ray, phase: number): void;
}

const NEAR = 1e-4;
/** The number of mirror images that may follow one another. */
const DEPTH = 2;
/** The part of the light that a mirror reflects. */
const SILVER = 0.92;

/** Shortens a ray to where it meets the front of a mirror; false where it ends before, or misses it. */
export function shortenByMirror({ foot, normal, width, height }: Mirror, ray: Ray): boolean {
  const toward = normal[0] * ray[3]! + normal[1] * ray[4]!;
  const t = ((foot[0] - ray[0]!) * normal[0] + (foot[1] - ray[1]!) * normal[1]) / toward;
  if (!(toward < 0 && t > NEAR && t < ray[LENGTH]!)) return false;
  const x = ray[0]! + t * ray[3]! - foot[0];
  const y = ray[1]! + t * ray[4]! - foot[1];
  const z = ray[2]! + t * ray[5]!;
  const across = x * normal[1] - y * normal[0];
  if (!(Math.abs(across) < width / 2 && z < height && z > 0)) return false;
  ray[LENGTH] = t;
  return true;
}

/** Shortens a ray to where it meets a plane from the front; false where it ends before, or does not. */
function shortenByPlane({ normal, offset }: Plane, ray: Ray): boolean {
  const toward = normal[0] * ray[3]! + normal[1] * ray[4]! + normal[2] * ray[5]!;
  const t = (offset - normal[0] * ray[0]! - normal[1] * ray[1]! - normal[2] * ray[2]!) / toward;
  if (!(toward < 0 && t > 0 && t < ray[LENGTH]!)) return false;
  ray[LENGTH] = t;
  return true;
}

/** A tracer of a stage; it is used by one caller at a time. */
export function makeTracer(stage: Stage): Tracer {
  const { bodies, planes, mirror } = stage;
  const shader = makeShader(stage);
  const site: Site = new Float64Array(6);
  const matt: Light = new Float64Array(3);
  const mirrored: readonly Ray[] = Array.from({ length: DEPTH }, makeRay);

  /** The end of a ray becomes the site, a little outside the surface. */
  const settle = (ray: Ray) => {
    const t = ray[LENGTH]!;
    site[0] = ray[0]! + t * ray[3]! + NEAR * site[3]!;
    site[1] = ray[1]! + t * ray[4]! + NEAR * site[4]!;
    site[2] = ray[2]! + t * ray[5]! + NEAR * site[5]!;
  };
  const face = (normal: Vec) => {
    site[3] = normal[0];
    site[4] = normal[1];
    site[5] = normal[2];
  };
  /** The light along the mirror image of a ray at the site. */
  const follow = (light: Light, ray: Ray, phase: number, depth: number) => {
    const along = 2 * (ray[3]! * site[3]! + ray[4]! * site[4]! + ray[5]! * site[5]!);
    const next = mirrored[Math.max(depth - 1, 0)]!;
    const dz = ray[5]! - along * site[5]!;
    if (depth === 0) return sky(light, dz);
    next[3] = ray[3]! - along * site[3]!;
    next[4] = ray[4]! - along * site[4]!;
    next[5] = dz;
    next[0] = site[0]!;
    next[1] = site[1]!;
    next[2] = site[2]!;
    next[LENGTH] = Infinity;
    trace(light, next, phase, depth - 1);
  };
  const trace = (light: Light, ray: Ray, phase: number, depth: number): void => {
    let body;
    for (const candidate of bodies) if (shorten(candidate, ray)) body = candidate;
    let plane;
    for (const candidate of planes) if (shortenByPlane(candidate, ray)) plane = candidate;
    if (mirror !== undefined && shortenByMirror(mirror, ray)) {
      if (depth === 0) return sky(light, ray[5]!);
      face(mirror.normal);
      settle(ray);
      follow(light, ray, phase, depth);
      light[0]! *= SILVER;
      light[1]! *= SILVER;
      light[2]! *= SILVER;
      return;
    }
    if (plane !== undefined) {
      face(plane.normal);
      settle(ray);
      shader.diffuse(light, site, phase, undefined);
      light[0]! *= plane.albedo[0];
      light[1]! *= plane.albedo[1];
      light[2]! *= plane.albedo[2];
      return;
    }
    if (body === undefined) return sky(light, ray[5]!);
    const t = ray[LENGTH]!;
    normalAt(body, ray[0]! + t * ray[3]!, ray[1]! + t * ray[4]!, ray[2]! + t * ray[5]!, site, 3);
    turnToward(site, ray);
    settle(ray);
    const { albedo, finish } = body;
    shader.diffuse(matt, site, phase, body);
    // A metal's own colour is that of its mirror image, paler at grazing angles (Schlick).
    const share = finish.mirrors ? 0.1 : 1;
    const red = share * albedo[0] * matt[0]!;
    const green = share * albedo[1] * matt[1]!;
    const blue = share * albedo[2] * matt[2]!;
    if (!finish.mirrors) {
      light[0] = red;
      light[1] = green;
      light[2] = blue;
      shader.addGloss(light, site, ray, phase, finish);
      return;
    }
    matt.fill(0);
    shader.addGloss(matt, site, ray, phase, finish);
    const shine = [matt[0]!, matt[1]!, matt[2]!] as const;
    const cosine = -(ray[3]! * site[3]! + ray[4]! * site[4]! + ray[5]! * site[5]!);
    const grazing = 0.3 * (1 - Math.max(cosine, 0)) ** 5;
    follow(light, ray, phase, depth);
    light[0] = red + (albedo[0] + (1 - albedo[0]) * grazing) * (light[0]! + shine[0]);
    light[1] = green + (albedo[1] + (1 - albedo[1]) * grazing) * (light[1]! + shine[1]);
    light[2] = blue + (albedo[2] + (1 - albedo[2]) * grazing) * (light[2]! + shine[2]);
  };
  return { trace: (light, ray, phase) => trace(light, ray, phase, DEPTH) };
}

/** The surroundings as mirrors show them: as bright as the ground at the horizon, dark above. */
function sky(light: Light, up: number): void {
  light.fill(0.25 * (1 - Math.max(up, 0)) ** 2.5);
}

/** A bevel's normal may look away from a ray that meets its edge; then it is turned to just graze it. */
function turnToward(site: Site, ray: Ray): void {
  const away = site[3]! * ray[3]! + site[4]! * ray[4]! + site[5]! * ray[5]!;
  if (away < 0) return;
  const x = site[3]! - away * ray[3]!;
  const y = site[4]! - away * ray[4]!;
  const z = site[5]! - away * ray[5]!;
  const norm = Math.sqrt(x * x + y * y + z * z);
  site[3] = x / norm;
  site[4] = y / norm;
  site[5] = z / norm;
}

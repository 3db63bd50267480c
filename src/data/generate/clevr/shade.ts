/**
 * The colour that a ray sees: matt and metal solids on a grey ground, lamps with soft shadows, and a mirror.
 *
 * Light that bounces between surfaces is left out, but for mirror images; light from everywhere is
 * dimmed where a solid stands close.
 */

import { AMBIENT, irradiance, type Lamp, lampPoint } from "./light.ts";
import { BOUND, hitDistance, normalAt, type Solid } from "./solid.ts";
import { add, along, dot, length, mul, reflect, scale, sub, unit, type Vec } from "./vector.ts";

/** The materials of CLEVR. */
export type ClevrMaterial = "rubber" | "metal";

/** A solid with its looks. */
export interface Body extends Solid {
  readonly material: ClevrMaterial;
  /** Linear RGB. */
  readonly albedo: Vec;
}

/** An upright rectangle that stands on the ground and mirrors on its front. */
export interface Mirror {
  /** The middle of its lower edge. */
  readonly foot: Vec;
  /** The horizontal direction that it faces. */
  readonly normal: Vec;
  readonly width: number;
  readonly height: number;
}

/** All there is to see. */
export interface Stage {
  readonly bodies: readonly Body[];
  readonly lamps: readonly Lamp[];
  readonly mirror?: Mirror | undefined;
}

const GROUND: Vec = [0.8, 0.8, 0.8];
const NEAR = 1e-4;
const UP: Vec = [0, 0, 1];

/** The first body along a ray: its index and how far it is; index -1 and Infinity for none. */
export function nearestBody(
  bodies: readonly Solid[],
  origin: Vec,
  direction: Vec,
): [number, number] {
  let [index, distance] = [-1, Infinity];
  for (let k = 0; k < bodies.length; k++) {
    const t = hitDistance(bodies[k]!, origin, direction);
    if (t < distance) [index, distance] = [k, t];
  }
  return [index, distance];
}

/** The distance along the ray to the mirror's front. */
export function mirrorDistance(mirror: Mirror | undefined, origin: Vec, direction: Vec): number {
  if (mirror === undefined) return Infinity;
  const toward = dot(mirror.normal, direction);
  const t = dot(sub(mirror.foot, origin), mirror.normal) / toward;
  if (!(toward < 0 && t > NEAR)) return Infinity;
  const p = sub(along(origin, direction, t), mirror.foot);
  const across = p[0] * mirror.normal[1] - p[1] * mirror.normal[0];
  return Math.abs(across) < mirror.width / 2 && p[2] < mirror.height && p[2] > 0 ? t : Infinity;
}

/**
 * The light, linear RGB, that comes back along a ray.
 *
 * @param phase picks which points of the lamps are looked at; averaging over phases 0 to 3 softens
 *   shadows and highlights.
 * @param depth how many mirror images may follow.
 */
export function trace(stage: Stage, origin: Vec, direction: Vec, phase: number, depth = 2): Vec {
  const [index, distance] = nearestBody(stage.bodies, origin, direction);
  const ground = direction[2] < 0 ? -origin[2] / direction[2] : Infinity;
  const mirror = mirrorDistance(stage.mirror, origin, direction);
  if (mirror < distance && mirror < ground) {
    if (depth === 0) return sky(direction);
    const point = along(along(origin, direction, mirror), stage.mirror!.normal, NEAR);
    const image = trace(stage, point, reflect(direction, stage.mirror!.normal), phase, depth - 1);
    return scale(image, 0.92);
  }
  if (ground < distance) {
    const point = along(along(origin, direction, ground), UP, NEAR);
    return mul(GROUND, diffuse(stage, point, UP, phase));
  }
  const body = stage.bodies[index];
  if (body === undefined) return sky(direction);
  const surface = along(origin, direction, distance);
  const normal = facing(normalAt(body, surface), direction);
  const point = along(surface, normal, NEAR);
  const matt = mul(body.albedo, diffuse(stage, point, normal, phase));
  if (body.material === "rubber") {
    return add(matt, gloss(stage, point, normal, direction, phase, 12, 0.05));
  }
  const mirrored = reflect(direction, normal);
  const image = depth === 0 ? sky(mirrored) : trace(stage, point, mirrored, phase, depth - 1);
  const shine = add(image, gloss(stage, point, normal, direction, phase, 300, 1.2));
  return add(scale(matt, 0.1), mul(tint(body.albedo, -dot(direction, normal)), shine));
}

/** The studio as mirrors show it: as bright as the ground at the horizon, dark above. */
function sky(direction: Vec): Vec {
  const grey = 0.25 * (1 - Math.max(direction[2], 0)) ** 2.5;
  return [grey, grey, grey];
}

/** The colour of a metal's mirror image: nearly its own, paler at grazing angles (Schlick). */
function tint(albedo: Vec, cosine: number): Vec {
  const grazing = 0.3 * (1 - Math.max(cosine, 0)) ** 5;
  return [
    albedo[0] + (1 - albedo[0]) * grazing,
    albedo[1] + (1 - albedo[1]) * grazing,
    albedo[2] + (1 - albedo[2]) * grazing,
  ];
}

/** A bevel's normal may look away from a ray that meets its edge; then it is turned to just graze it. */
function facing(normal: Vec, direction: Vec): Vec {
  const away = dot(normal, direction);
  return away < 0 ? normal : unit(along(normal, direction, -away));
}

/** The light that a white, matt surface reflects. */
function diffuse(stage: Stage, point: Vec, normal: Vec, phase: number): Vec {
  let light = scale(AMBIENT, openness(stage.bodies, point, normal));
  for (const lamp of stage.lamps) {
    const strength = irradiance(lamp, point, normal);
    if (strength === 0) continue;
    light = along(light, lamp.power, strength * unhidden(stage, lamp, point, phase));
  }
  return light;
}

/** The part of a lamp that is seen from a point: 4 of its 16 points, another 4 in every phase. */
function unhidden({ bodies }: Stage, lamp: Lamp, point: Vec, phase: number): number {
  const between = bodies.filter((body) => mayHide(body, lamp, point));
  if (between.length === 0) return 1;
  let seen = 0;
  for (let quarter = 0; quarter < 4; quarter++) {
    const u = ((quarter % 2) * 2 + phase % 2) / 2 - 0.75;
    const v = ((quarter >> 1) * 2 + (phase >> 1)) / 2 - 0.75;
    const way = sub(lampPoint(lamp, u, v), point);
    const far = length(way);
    const direction = scale(way, 1 / far);
    if (between.every((body) => hitDistance(body, point, direction) > far)) seen++;
  }
  return seen / 4;
}

/** True if the sphere around a body comes as close to the way from a point to a lamp as the lamp is wide. */
function mayHide({ shape, x, y, z, r }: Solid, { centre, sides }: Lamp, point: Vec): boolean {
  const way = sub(centre, point);
  const body = sub([x, y, z], point);
  const nearest = Math.min(Math.max(dot(body, way) / dot(way, way), 0), 1);
  const aside = length(along(body, way, -nearest));
  return aside < r * Math.sqrt(BOUND[shape]) + Math.SQRT2 * length(sides[0]);
}

/** The lamps' reflections in a surface of some roughness (Blinn & Phong). */
function gloss(
  stage: Stage,
  point: Vec,
  normal: Vec,
  direction: Vec,
  phase: number,
  exponent: number,
  strength: number,
): Vec {
  let light: Vec = [0, 0, 0];
  for (const lamp of stage.lamps) {
    const u = (phase % 2) - 0.5;
    const v = (phase >> 1) - 0.5;
    const way = sub(lampPoint(lamp, u, v), point);
    const toLamp = unit(way);
    const facing = dot(normal, toLamp);
    if (facing <= 0) continue;
    const half = unit(sub(toLamp, direction));
    const lobe = (exponent + 8) / 8 * Math.max(dot(normal, half), 0) ** exponent;
    const falloff = Math.max(-dot(lamp.facing, toLamp), 0) / dot(way, way);
    light = along(light, lamp.power, strength * lobe * facing * falloff);
  }
  return light;
}

/** The part of the surroundings a point sees, taking solids for spheres of the same width. */
function openness(bodies: readonly Solid[], point: Vec, normal: Vec): number {
  let open = 1;
  for (const { x, y, z, r } of bodies) {
    const d = sub([x, y, z], point);
    const squared = dot(d, d);
    // The body's own surface is at distance r, and does not hide itself.
    const distance = Math.sqrt(squared);
    const above = dot(normal, d) / distance;
    if (above <= 0) continue;
    open *= 1 - Math.min(0.9, above * r * r / squared);
  }
  return open;
}

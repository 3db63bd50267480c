/**
 * Convex solids, turned about the vertical: the points at which rays enter them, and the normals there. Edges are bevelled
 * in their normals only.
 */

import { LENGTH, type Ray } from "./camera.ts";
import type { Vec } from "./vector.ts";

/** The shapes of solids. A capsule is an upright cylinder between two half spheres. */
export type SolidShape = "cube" | "sphere" | "cylinder" | "capsule";

/** A solid around (x, y, z). */
export interface Solid {
  readonly shape: SolidShape;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  /** Half its extents along its own axes. Round solids are as deep as wide, and spheres as high, too. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Cosine and sine of the angle it is turned by. */
  readonly cos: number;
  readonly sin: number;
  /** The radius of the sphere around it. */
  readonly bound: number;
  /** The mean (geometric) of its half-extents. */
  readonly mean: number;
}

/** A solid around `centre` with half-extents `half`, turned by `angle` (radians). */
export function makeSolid(shape: SolidShape, centre: Vec, half: Vec, angle = 0): Solid {
  const [x, y, z] = centre;
  const [a, b, c] = half;
  const bound = {
    cube: Math.sqrt(a * a + b * b + c * c),
    sphere: a,
    cylinder: Math.sqrt(a * a + c * c),
    capsule: c,
  }[shape];
  const [cos, sin, mean] = [Math.cos(angle), Math.sin(angle), Math.cbrt(a * b * c)];
  return { shape, x, y, z, a, b, c, cos, sin, bound, mean };
}

/** The bevel's width relative to the least half-extent. */
const BEVEL = 0.12;

/** Shortens a ray to where it enters a solid; false where it ends before, or misses it. */
export function shorten(solid: Solid, ray: Ray): boolean {
  const x = ray[0]! - solid.x;
  const y = ray[1]! - solid.y;
  const z = ray[2]! - solid.z;
  const dx = ray[3]!;
  const dy = ray[4]!;
  const dz = ray[5]!;
  const { shape, bound } = solid;
  const b = x * dx + y * dy + z * dz;
  const c = x * x + y * y + z * z - bound * bound;
  if (b * b < c || (c > 0 && b > 0)) return false;
  if (shape === "cube") return enterBox(solid, ray);
  if (shape === "sphere") return enterSphere(solid, ray, 0);
  if (shape === "cylinder") return enterCylinder(solid, ray, solid.c);
  const straight = solid.c - solid.a;
  const side = enterCylinder(solid, ray, straight);
  const top = enterSphere(solid, ray, straight);
  return enterSphere(solid, ray, -straight) || top || side;
}

// The ray is inside a convex body while it is inside all its slabs: from the last entry to the first exit.
function enterBox(solid: Solid, ray: Ray): boolean {
  const { a, b, c, cos, sin } = solid;
  const x = ray[0]! - solid.x;
  const y = ray[1]! - solid.y;
  const z = ray[2]! - solid.z;
  const u = cos * x + sin * y;
  const v = cos * y - sin * x;
  const du = cos * ray[3]! + sin * ray[4]!;
  const dv = cos * ray[4]! - sin * ray[3]!;
  const dz = ray[5]!;
  const nearU = du < 0 ? -a : a;
  const nearV = dv < 0 ? -b : b;
  const nearZ = dz < 0 ? -c : c;
  const enter = Math.max((-u - nearU) / du, (-v - nearV) / dv, (-z - nearZ) / dz);
  const leave = Math.min((-u + nearU) / du, (-v + nearV) / dv, (-z + nearZ) / dz);
  return enter < leave && shortenTo(enter, ray);
}

/** The cylinder of a solid's width, from h below to h above its middle. */
function enterCylinder(solid: Solid, ray: Ray, h: number): boolean {
  const x = ray[0]! - solid.x;
  const y = ray[1]! - solid.y;
  const z = ray[2]! - solid.z;
  const dx = ray[3]!;
  const dy = ray[4]!;
  const dz = ray[5]!;
  const a = dx * dx + dy * dy;
  const b = x * dx + y * dy;
  const discriminant = b * b - a * (x * x + y * y - solid.a * solid.a);
  if (discriminant < 0) return false;
  const half = Math.sqrt(discriminant);
  const near = dz < 0 ? -h : h;
  const enter = Math.max((-b - half) / a, (-z - near) / dz);
  const leave = Math.min((-b + half) / a, (-z + near) / dz);
  return enter < leave && shortenTo(enter, ray);
}

/** The sphere of a solid's width, so far above its middle. */
function enterSphere(solid: Solid, ray: Ray, above: number): boolean {
  const x = ray[0]! - solid.x;
  const y = ray[1]! - solid.y;
  const z = ray[2]! - solid.z - above;
  const b = x * ray[3]! + y * ray[4]! + z * ray[5]!;
  const discriminant = b * b - (x * x + y * y + z * z - solid.a * solid.a);
  return discriminant >= 0 && shortenTo(-b - Math.sqrt(discriminant), ray);
}

function shortenTo(distance: number, ray: Ray): boolean {
  if (!(distance > 0 && distance < ray[LENGTH]!)) return false;
  ray[LENGTH] = distance;
  return true;
}

/** Writes the outward unit normal at a point of the surface into `normal`, from index `at`. */
export function normalAt(
  { shape, x, y, z, a, b, c, cos, sin }: Solid,
  px: number,
  py: number,
  pz: number,
  normal: Float64Array,
  at: number,
): void {
  const dx = px - x;
  const dy = py - y;
  let dz = pz - z;
  if (shape === "sphere" || shape === "capsule") {
    // A capsule is the points within a radius of the segment between the centres of its half spheres.
    const straight = shape === "capsule" ? c - a : 0;
    dz -= Math.max(-straight, Math.min(straight, dz));
    normal[at] = dx / a;
    normal[at + 1] = dy / a;
    normal[at + 2] = dz / a;
    return;
  }
  // The bevelled solid is a smaller one, thickened: normals point away from the smaller one.
  const bevel = BEVEL * Math.min(a, b, c);
  const nz = beyond(dz, c - bevel);
  if (shape === "cylinder") {
    const distance = Math.sqrt(dx * dx + dy * dy);
    const radial = Math.max(distance - (a - bevel), 0);
    const norm = Math.sqrt(radial * radial + nz * nz);
    normal[at] = radial * dx / distance / norm;
    normal[at + 1] = radial * dy / distance / norm;
    normal[at + 2] = nz / norm;
    return;
  }
  const u = beyond(cos * dx + sin * dy, a - bevel);
  const v = beyond(cos * dy - sin * dx, b - bevel);
  const norm = Math.sqrt(u * u + v * v + nz * nz);
  normal[at] = (cos * u - sin * v) / norm;
  normal[at + 1] = (sin * u + cos * v) / norm;
  normal[at + 2] = nz / norm;
}

/** By how much p lies outside [-inner, inner]. */
const beyond = (p: number, inner: number) => p > inner ? p - inner : p < -inner ? p + inner : 0;

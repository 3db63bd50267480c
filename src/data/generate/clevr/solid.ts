/**
 * The three solids of CLEVR, standing on the ground z = 0: where a ray hits them, and how they face
 * there. Edges are bevelled in their normals only.
 */

import type { Vec } from "./vector.ts";

/** The shapes of CLEVR. */
export type ClevrShape = "cube" | "sphere" | "cylinder";

/** A solid of half-width (radius) r around (x, y, z), turned by an angle about the vertical. */
export interface Solid {
  readonly shape: ClevrShape;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly r: number;
  readonly cos: number;
  readonly sin: number;
}

/** A solid of CLEVR's nominal half-width, from its place on the ground and its rotation in radians. */
export const makeSolid = (
  shape: ClevrShape,
  x: number,
  y: number,
  r: number,
  angle: number,
): Solid => ({
  shape,
  x,
  y,
  z: r,
  r: r * EXTENT[shape],
  cos: Math.cos(angle),
  sin: Math.sin(angle),
});

/** The meshes' half-widths, where the nominal one is 1; fitted to rendered CLEVR images. */
const EXTENT = { sphere: 0.99, cylinder: 0.98, cube: 0.945 } as const;

/** Squared radius of the sphere around a solid of half-width 1. */
export const BOUND = { sphere: 1, cylinder: 2, cube: 3 } as const;

/** The bevel's width relative to r. */
const BEVEL = 0.12;

/** The distance along the ray (a unit direction) at which it meets the solid; Infinity if it misses, or behind the origin. */
export function hitDistance(solid: Solid, origin: Vec, direction: Vec): number {
  const { r, shape } = solid;
  const x = origin[0] - solid.x;
  const y = origin[1] - solid.y;
  const z = origin[2] - solid.z;
  const b = x * direction[0] + y * direction[1] + z * direction[2];
  const c = x * x + y * y + z * z - r * r * BOUND[shape];
  const discriminant = b * b - c;
  if (discriminant < 0 || (c > 0 && b > 0)) return Infinity;
  if (shape === "sphere") {
    const t = -b - Math.sqrt(discriminant);
    return t > 0 ? t : Infinity;
  }
  if (shape === "cylinder") return hitCylinder(r, x, y, z, direction);
  return hitBox(
    r,
    solid.cos * x + solid.sin * y,
    solid.cos * y - solid.sin * x,
    z,
    solid.cos * direction[0] + solid.sin * direction[1],
    solid.cos * direction[1] - solid.sin * direction[0],
    direction[2],
  );
}

// The ray is inside a convex body while it is inside all its slabs: from the last entry to the first
// exit.
function hitBox(
  r: number,
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
): number {
  const [rx, ry, rz] = [dx < 0 ? -r : r, dy < 0 ? -r : r, dz < 0 ? -r : r];
  const enter = Math.max((-x - rx) / dx, (-y - ry) / dy, (-z - rz) / dz);
  const leave = Math.min((-x + rx) / dx, (-y + ry) / dy, (-z + rz) / dz);
  return enter > 0 && enter < leave ? enter : Infinity;
}

function hitCylinder(r: number, x: number, y: number, z: number, [dx, dy, dz]: Vec): number {
  const a = dx * dx + dy * dy;
  const b = x * dx + y * dy;
  const discriminant = b * b - a * (x * x + y * y - r * r);
  if (discriminant < 0) return Infinity;
  const half = Math.sqrt(discriminant);
  const rz = dz < 0 ? -r : r;
  const enter = Math.max((-b - half) / a, (-z - rz) / dz);
  const leave = Math.min((-b + half) / a, (-z + rz) / dz);
  return enter > 0 && enter < leave ? enter : Infinity;
}

/** The outward unit normal at a point on the surface. */
export function normalAt({ shape, x, y, z, r, cos, sin }: Solid, point: Vec): Vec {
  const [px, py, pz] = [point[0] - x, point[1] - y, point[2] - z];
  if (shape === "sphere") return [px / r, py / r, pz / r];
  // The bevelled solid is a smaller one, thickened: normals point away from the smaller one.
  const inner = r * (1 - BEVEL);
  const beyond = (p: number) => Math.sign(p) * Math.max(Math.abs(p) - inner, 0);
  const nz = beyond(pz);
  if (shape === "cylinder") {
    const distance = Math.sqrt(px * px + py * py);
    const radial = Math.max(distance - inner, 0);
    const norm = Math.sqrt(radial * radial + nz * nz);
    return [radial * px / distance / norm, radial * py / distance / norm, nz / norm];
  }
  const u = beyond(cos * px + sin * py);
  const v = beyond(cos * py - sin * px);
  const norm = Math.sqrt(u * u + v * v + nz * nz);
  return [(cos * u - sin * v) / norm, (sin * u + cos * v) / norm, nz / norm];
}

/** The parts of a picture: solids with their looks, planes, lamps, and perhaps a mirror. */

import type { Lamp } from "./lamp.ts";
import type { Solid } from "./solid.ts";
import type { Vec } from "./vector.ts";

/** The gloss of a surface. */
export interface Finish {
  /** The sharpness of the lamps' reflections (Blinn & Phong's exponent), and their strength. */
  readonly exponent: number;
  readonly strength: number;
  /** True if it mirrors its surroundings, in its own colour. */
  readonly mirrors: boolean;
}

/** Finishes of CLEVR's materials. */
export const FINISHES = {
  rubber: { exponent: 12, strength: 0.05, mirrors: false },
  metal: { exponent: 300, strength: 1.2, mirrors: true },
} as const satisfies Record<string, Finish>;

/** A solid with its looks. */
export interface Body extends Solid {
  /** Linear RGB. */
  readonly albedo: Vec;
  readonly finish: Finish;
}

/** A plane, seen from the side it faces: points p with normal · p = offset. Planes throw no shadows. */
export interface Plane {
  readonly normal: Vec;
  readonly offset: number;
  /** Linear RGB. */
  readonly albedo: Vec;
}

/** The plane z = 0, seen from above. */
export const ground = (albedo: Vec): Plane => ({ normal: [0, 0, 1], offset: 0, albedo });

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
  readonly planes: readonly Plane[];
  readonly lamps: readonly Lamp[];
  /** The ambient light that a white surface reflects, linear. */
  readonly ambient: number;
  readonly mirror?: Mirror | undefined;
}

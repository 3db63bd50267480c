/**
 * CLEVR's studio: a 35 mm lens on a 32 mm sensor that looks at the origin, three square lamps that face it, light from
 * everywhere, and a grey ground.
 *
 * Places are those of CLEVR's scene file; strengths were fitted to the ground of rendered CLEVR images.
 * Pixel coordinates are those of CLEVR's frame of 320×240. A picture of another size is what cropping
 * and resizing that frame would give.
 */

import type { Random } from "../../seeded.ts";
import { type Camera, lookAt } from "../rays/camera.ts";
import { type Lamp, makeLamp } from "../rays/lamp.ts";
import type { Body, Mirror, Stage } from "../rays/stage.ts";
import { ground } from "../rays/stage.ts";
import { add, type Vec } from "../rays/vector.ts";
import { between } from "../threefry.ts";

/** Width and height of CLEVR's frame. */
export const FRAME = [320, 240] as const;

const LENS = { focal: 35 / 32 * FRAME[0], frame: FRAME };

/** The place of the camera unless it is moved. */
export const CAMERA: Vec = [7.481, -6.508, 5.344];

const LAMPS = [
  { centre: [6.447, -2.905, 4.258], power: [6.46, 5.94, 5.06] }, // key
  { centre: [-4.671, -4.014, 3.011], power: [1.1, 1.27, 1.66] }, // fill
  { centre: [-1.169, 2.646, 5.816], power: [2.72, 2.63, 2.56] }, // back
] as const satisfies { centre: Vec; power: Vec }[];

/** A camera at `position` that looks at the origin, upright. */
export const lookAtOrigin = (position: Vec): Camera => lookAt(position, [0, 0, 0], LENS);

/** A point moved by up to `jitter` along every axis. */
export const jittered = (random: Random, point: Vec, jitter: number): Vec =>
  add(point, [
    between(random, -jitter, jitter),
    between(random, -jitter, jitter),
    between(random, -jitter, jitter),
  ]);

/** CLEVR's lamps, each moved by up to `jitter` along every axis. */
export const drawLamps = (random: Random, jitter: number): readonly Lamp[] =>
  LAMPS.map(({ centre, power }) => makeLamp(jittered(random, centre, jitter), [0, 0, 0], 1, power));

/** Bodies, and perhaps a mirror, in the studio. */
export const studio = (
  bodies: readonly Body[],
  lamps: readonly Lamp[],
  mirror?: Mirror,
): Stage => ({ bodies, planes: [ground([0.8, 0.8, 0.8])], lamps, ambient: 0.168, mirror });

/**
 * Rooms like those of 3D Shapes (Burgess & Kim, 2018): one object in the middle of a room, made from six factors, each of
 * which takes the values that it has there.
 *
 * Pictures are ray-cast (`rays/`); they look like those of 3D Shapes without having the same pixels.
 */

import { type Kind, kind, oneOf, required, size as sizeKind } from "../../options/index.ts";
import { dataOptions } from "../options.ts";
import { type Camera, lookAt, wholeFrame } from "./rays/camera.ts";
import { ofHue } from "./rays/color.ts";
import { type Lamp, makeLamp } from "./rays/lamp.ts";
import { paint } from "./rays/paint.ts";
import { see } from "./rays/see.ts";
import { makeSolid } from "./rays/solid.ts";
import { FINISHES, ground, type Plane, type Stage } from "./rays/stage.ts";
import type { Vec } from "./rays/vector.ts";
import { makeScene, type Scene } from "./scene.ts";
import { choice, sceneRandom } from "./threefry.ts";

/** The values of the factors, in the order of 3D Shapes' labels. */
export const roomFactors = {
  /** Turns of the colour circle. */
  floorHue: tenths(),
  wallHue: tenths(),
  objectHue: tenths(),
  /** Relative to the middle one. */
  scale: steps(0.75, 1.25, 8),
  shape: ["cube", "cylinder", "sphere", "capsule"],
  /** Degrees by which the camera goes round. */
  orientation: steps(-30, 30, 15),
} as const;

/** The shape of a room's object. */
export type RoomShape = typeof roomFactors.shape[number];

/** One value of each of {@linkcode roomFactors}; numbers between those of 3D Shapes are allowed. */
export type RoomFactors = {
  /** Hue of the floor, in [0, 1]. */
  readonly floorHue: number;
  /** Hue of the walls, in [0, 1]. */
  readonly wallHue: number;
  /** Hue of the object, in [0, 1]. */
  readonly objectHue: number;
  /** Size of the object, about 1. */
  readonly scale: number;
  /** Shape of the object. */
  readonly shape: RoomShape;
  /** Degrees by which the camera goes round the object. */
  readonly orientation: number;
};

/** The object of a room. */
export type RoomObject = {
  readonly shape: RoomShape;
  readonly hue: number;
  readonly scale: number;
};

/** A room, with the factors that made it. Its one object is label 1 of the masks. */
export type RoomScene = Scene<RoomObject> & { readonly factors: RoomFactors };

/** Options of rooms. */
export interface RoomsOptions {
  /** Height and width in pixels, default 64. */
  readonly size?: number;
  /** Points per pixel along each axis where the picture has edges, default 2; one point does elsewhere. */
  readonly supersample?: number;
}

const roomsKinds = { size: sizeKind, supersample: sizeKind } as const;
const checkOptions = dataOptions<RoomsOptions>("roomScene", [], roomsKinds);
const checkRendered = dataOptions<RoomsOptions>("renderRoom", ["factors"], roomsKinds);

/**
 * The room that belongs to `seed` and `index`: every factor has one of its values, each as likely.
 *
 * ```ts
 * import { roomFactors, roomScene } from "trilevel/data";
 * const { image, masks, factors } = roomScene({}, 0, 7);
 * if (`${image.shape}` !== "64,64,3" || Math.max(...masks.data) !== 1) throw new Error("an object in a room");
 * if (!roomFactors.shape.includes(factors.shape)) throw new Error("one of four shapes");
 * ```
 */
export function roomScene(options: RoomsOptions, seed: number, index: number): RoomScene {
  checkOptions(options);
  const random = sceneRandom(seed, index);
  const factors: RoomFactors = {
    floorHue: choice(random, roomFactors.floorHue),
    wallHue: choice(random, roomFactors.wallHue),
    objectHue: choice(random, roomFactors.objectHue),
    scale: choice(random, roomFactors.scale),
    shape: choice(random, roomFactors.shape),
    orientation: choice(random, roomFactors.orientation),
  };
  return render(factors, options);
}

const checkFactors = dataOptions<RoomFactors>("renderRoom", [], {
  floorHue: required(numberIn(0, 1)),
  wallHue: required(numberIn(0, 1)),
  objectHue: required(numberIn(0, 1)),
  scale: required(numberIn(0.2, 2)),
  shape: required(oneOf(...roomFactors.shape)),
  orientation: required(numberIn(-90, 90)),
});

/**
 * The room of given factors, for example to vary one of them and keep the others.
 *
 * ```ts
 * import { renderRoom, roomScene } from "trilevel/data";
 * const { image, factors } = roomScene({ size: 16 }, 0, 0);
 * const turned = renderRoom({ ...factors, orientation: -factors.orientation - 1 }, { size: 16 });
 * if (turned.image.data.every((x, i) => x === image.data[i])) throw new Error("seen from elsewhere");
 * ```
 */
export function renderRoom(factors: RoomFactors, options: RoomsOptions = {}): RoomScene {
  checkRendered(options);
  checkFactors(factors);
  return render(factors, options);
}

function render(factors: RoomFactors, { size = 64, supersample = 2 }: RoomsOptions): RoomScene {
  const { shape, scale, objectHue: hue } = factors;
  const stage = furnish(factors);
  const camera = cameraAt(factors.orientation);
  const view = wholeFrame(camera, size, size);
  const seen = see(stage, camera, view);
  const image = paint(stage, camera, view, seen.masks, supersample);
  return { ...makeScene([size, size], image, seen, [{ shape, hue, scale }]), factors };
}

/** Half the room's width, and the camera's height and distance from the middle. */
const [HALF, ABOVE, AWAY] = [4.5, 2.3, 4.2];

function cameraAt(orientation: number): Camera {
  const angle = orientation * Math.PI / 180;
  const position: Vec = [AWAY * Math.sin(angle), -AWAY * Math.cos(angle), ABOVE];
  return lookAt(position, [0, 0, 0.75], { focal: 60, frame: [64, 64] });
}

const LAMPS: readonly Lamp[] = [
  makeLamp([2, -3, 4.2], [0, 0, 0.5], 1.5, [17, 17, 17]),
  makeLamp([-3, -2, 4], [0, 0, 0.5], 1.5, [5, 5, 5]),
];

/** Half the object's width and height at scale 1. */
const HALVES: { readonly [shape in RoomShape]: Vec } = {
  cube: [0.62, 0.62, 0.62],
  cylinder: [0.62, 0.62, 0.7],
  sphere: [0.75, 0.75, 0.75],
  capsule: [0.5, 0.5, 0.95],
};

function furnish({ floorHue, wallHue, objectHue, scale, shape }: RoomFactors): Stage {
  const wall = (normal: Vec): Plane => ({
    normal,
    offset: -HALF,
    albedo: ofHue(wallHue, 0.8, 0.85),
  });
  const [a, b, c] = HALVES[shape];
  const body = {
    ...makeSolid(shape, [0, 0, scale * c], [scale * a, scale * b, scale * c]),
    albedo: ofHue(objectHue, 0.9, 0.9),
    finish: FINISHES.rubber,
  };
  return {
    bodies: [body],
    planes: [
      ground(ofHue(floorHue, 0.8, 0.85)),
      wall([0, -1, 0]),
      wall([0, 1, 0]),
      wall([1, 0, 0]),
      wall([-1, 0, 0]),
    ],
    lamps: LAMPS,
    ambient: 0.4,
  };
}

function tenths(): readonly number[] {
  return Array.from({ length: 10 }, (_, k) => k / 10);
}

function steps(first: number, last: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, k) => first + (last - first) * k / (count - 1));
}

function numberIn(least: number, greatest: number): Kind<number> {
  return kind<number>(
    `a number from ${least} to ${greatest}`,
    `${least}`,
    (x) => typeof x === "number" && x >= least && x <= greatest,
  );
}

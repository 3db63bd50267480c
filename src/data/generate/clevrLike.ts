/**
 * CLEVR-like scenes (Johnson et al., 2017): spheres, cubes and cylinders of metal or rubber, in two
 * sizes and eight colours, on a grey ground, with exact masks.
 *
 * Camera, lamps, properties and the rules of placement are CLEVR's; instead of path tracing in Blender,
 * pictures are ray-cast with soft shadows and mirror images (`clevr/`).
 * A mirror can stand behind the objects, as in CLEVR-Mirror (Chang et al., 2022).
 */

import {
  boolean,
  count as countKind,
  nonNegative,
  pairOf,
  size as sizeKind,
} from "../../options/index.ts";
import { type Box, boxKind, dataOptions } from "../options.ts";
import type { Random } from "../seeded.ts";
import { type Camera, FRAME, lookAtOrigin, project, rayThrough } from "./clevr/camera.ts";
import { drawLamps } from "./clevr/light.ts";
import { drawPlaces, groundAxes, type Place } from "./clevr/place.ts";
import {
  type Body,
  type ClevrMaterial,
  type Mirror,
  mirrorDistance,
  type Stage,
  trace,
} from "./clevr/shade.ts";
import { type ClevrShape, hitDistance, makeSolid } from "./clevr/solid.ts";
import { add, dot, scale, sub, type Vec } from "./clevr/vector.ts";
import { type Coverage, coverage, makeScene, rejectionSample, type Scene } from "./scene.ts";
import { between, choice, integer, sceneRandom } from "./threefry.ts";

export type { ClevrMaterial, ClevrShape };

/** CLEVR's colours, as its properties.json has them. */
export const clevrColors = {
  gray: [87, 87, 87],
  red: [173, 35, 35],
  blue: [42, 75, 215],
  green: [29, 105, 20],
  brown: [129, 74, 25],
  purple: [129, 38, 192],
  cyan: [41, 208, 208],
  yellow: [255, 238, 51],
} as const;

/** CLEVR's sizes: half the width of an object in units of its world. */
export const clevrSizes = { large: 0.7, small: 0.35 } as const;

/** One object, with the fields of CLEVR's scene files. */
export type ClevrObject = {
  readonly shape: ClevrShape;
  readonly size: keyof typeof clevrSizes;
  readonly material: ClevrMaterial;
  readonly color: keyof typeof clevrColors;
  /** Degrees about the vertical. (CLEVR's own scene files give degrees and were rendered as radians.) */
  readonly rotation: number;
  /** Centre in the world; the ground is z = 0. */
  readonly "3d_coords": readonly [x: number, y: number, z: number];
  /** Centre in this picture, in pixels from its top left corner, and its depth in world units. */
  readonly pixel_coords: readonly [x: number, y: number, depth: number];
};

/** Options of CLEVR-like scenes. */
export interface ClevrOptions {
  /** In pixels, default 240. */
  readonly height?: number;
  /** In pixels, default 320. */
  readonly width?: number;
  /**
   * The part of CLEVR's frame of 240×320 pixels to show, resized to height × width; default all of it.
   * The experiments with CLEVR6 use {@linkcode clevrCrop}.
   */
  readonly crop?: Box;
  /** Least and greatest number of objects, default 3 and 10. */
  readonly count?: readonly [least: number, greatest: number];
  /**
   * Least visible area of every object in pixels of CLEVR's frame, default 200. CLEVR counts in the
   * frame, this generator in what the crop shows of it.
   */
  readonly minPixels?: number;
  /** Points per pixel along each axis, default 2. */
  readonly supersample?: number;
  /** The greatest distance along every axis between the camera and its usual place; 0.5. */
  readonly cameraJitter?: number;
  /** The greatest distance along every axis between the lamps and their usual places; 1. */
  readonly lightJitter?: number;
  /** If true, a mirror stands behind the objects. Default false. Mirror images belong to no object. */
  readonly mirror?: boolean;
}

const WHOLE: Box = { top: 0, left: 0, width: FRAME[0], height: FRAME[1] };
const CAMERA: Vec = [7.481, -6.508, 5.344];

const clevrKinds = {
  height: sizeKind,
  width: sizeKind,
  crop: boxKind,
  count: pairOf(countKind),
  minPixels: nonNegative,
  supersample: sizeKind,
  cameraJitter: nonNegative,
  lightJitter: nonNegative,
  mirror: boolean,
} as const;
const checkOptions = dataOptions<ClevrOptions>("clevrScene", [], clevrKinds);
const checkRendered = dataOptions<ClevrOptions>("renderClevr", ["description"], clevrKinds);

/**
 * The CLEVR-like scene that belongs to `seed` and `index`.
 *
 * @throws {OptionError} when such scenes hardly exist.
 *
 * ```ts
 * import { clevrScene } from "trilevel/data";
 * const { image, objects, visibility } = clevrScene({ height: 48, width: 64, count: [3, 6] }, 0, 0);
 * if (`${image.shape}` !== "48,64,3") throw new Error("48×64 pixels");
 * if (objects.length !== visibility.length) throw new Error("one visibility per object");
 * ```
 */
export function clevrScene(options: ClevrOptions, seed: number, index: number): Scene<ClevrObject> {
  checkOptions(options);
  const { count: [least, greatest] = [3, 10], cameraJitter = 0.5, lightJitter = 1 } = options;
  const random = sceneRandom(seed, index);
  const camera = lookAtOrigin(add(CAMERA, [
    between(random, -cameraJitter, cameraJitter),
    between(random, -cameraJitter, cameraJitter),
    between(random, -cameraJitter, cameraJitter),
  ]));
  const lamps = drawLamps(random, lightJitter);
  const mirror = options.mirror ? drawMirror(random, camera) : undefined;
  const count = integer(random, least, greatest);
  const { objects, stage, seen } = rejectionSample("arrangement of objects", () => {
    const objects = drawObjects(random, count, camera, mirror);
    if (objects === undefined) return undefined;
    const stage = { bodies: objects.map(toBody), lamps, mirror };
    const seen = clevrCoverage(stage, camera, options);
    return enoughVisible(seen, options) ? { objects, stage, seen } : undefined;
  });
  return assemble(objects, stage, camera, seen, options);
}

/** A scene given in full, for pictures of existing scene descriptions. */
export interface ClevrDescription {
  /** The objects, without their places in the picture, which follow from the camera. */
  readonly objects: readonly Omit<ClevrObject, "pixel_coords">[];
  /** Default: CLEVR's, without jitter. */
  readonly camera?: readonly [x: number, y: number, z: number];
}

/** The picture of a given scene, under CLEVR's lamps without jitter. */
export function renderClevr(
  { objects, camera: position = CAMERA }: ClevrDescription,
  options: ClevrOptions = {},
): Scene<ClevrObject> {
  checkRendered(options);
  const camera = lookAtOrigin(position);
  const lamps = drawLamps(sceneRandom(0, 0), 0);
  const stage = { bodies: objects.map(toBody), lamps };
  return assemble(objects, stage, camera, clevrCoverage(stage, camera, options), options);
}

type Undetermined = Omit<ClevrObject, "pixel_coords">;

function assemble(
  objects: readonly Undetermined[],
  stage: Stage,
  camera: Camera,
  seen: Coverage,
  options: ClevrOptions,
): Scene<ClevrObject> {
  const view = makeView(options);
  const projected = objects.map((object): ClevrObject => {
    const [x, y, depth] = project(camera, object["3d_coords"]);
    const pixel = [(x - view.left) / view.stepX, (y - view.top) / view.stepY, depth] as const;
    return { ...object, pixel_coords: pixel };
  });
  return makeScene([view.height, view.width], paint(stage, camera, options), seen, projected);
}

function drawMirror(random: Random, camera: Camera): Mirror {
  const { right, behind } = groundAxes(camera);
  const turn = between(random, -0.35, 0.35);
  const aside = between(random, -1, 1);
  return {
    foot: add(scale(behind, between(random, 3.2, 3.8)), scale(right, aside)),
    normal: add(scale(behind, -Math.cos(turn)), scale(right, Math.sin(turn))),
    width: between(random, 3.5, 5),
    height: between(random, 2.2, 3),
  };
}

function drawObjects(
  random: Random,
  count: number,
  camera: Camera,
  mirror: Mirror | undefined,
): Undetermined[] | undefined {
  const beforeMirror = ({ x, y, r }: Place) =>
    mirror === undefined || dot(sub([x, y, 0], mirror.foot), mirror.normal) > r * Math.SQRT2 + 0.1;
  const rules = { extent: 3, minDistance: 0.25, margin: 0.4 };
  const radii = Object.values(clevrSizes);
  const places = drawPlaces(random, count, radii, camera, rules, beforeMirror);
  return places?.map(({ x, y, r }) => ({
    shape: choice(random, ["cube", "sphere", "cylinder"] as const),
    size: r === clevrSizes.large ? "large" : "small",
    material: choice(random, ["rubber", "metal"] as const),
    color: choice(random, Object.keys(clevrColors) as ClevrObject["color"][]),
    rotation: between(random, 0, 360),
    "3d_coords": [x, y, r],
  }));
}

function toBody(
  { shape, size, material, color, rotation, "3d_coords": [x, y] }: Undetermined,
): Body {
  // Blender takes the numbers of properties.json for linear ones.
  const [red, green, blue] = clevrColors[color];
  return {
    ...makeSolid(shape, x, y, clevrSizes[size], rotation * Math.PI / 180),
    material,
    albedo: [red / 255, green / 255, blue / 255],
  };
}

/** The positions of the picture's pixels in CLEVR's frame. */
function makeView({ height = 240, width = 320, crop = WHOLE }: ClevrOptions) {
  const { top, left } = crop;
  return { height, width, top, left, stepX: crop.width / width, stepY: crop.height / height };
}

function clevrCoverage(stage: Stage, camera: Camera, options: ClevrOptions): Coverage {
  const view = makeView(options);
  return coverage(view.height * view.width, stage.bodies.length, (pixel, covered) => {
    const x = view.left + (pixel % view.width + 0.5) * view.stepX;
    const y = view.top + (Math.floor(pixel / view.width) + 0.5) * view.stepY;
    const direction = rayThrough(camera, x, y);
    let [front, distance] = [0, mirrorDistance(stage.mirror, camera.position, direction)];
    stage.bodies.forEach((body, k) => {
      const t = hitDistance(body, camera.position, direction);
      if (t === Infinity) return;
      covered(k);
      if (t < distance) [front, distance] = [k + 1, t];
    });
    return front;
  });
}

function enoughVisible({ visible }: Coverage, options: ClevrOptions): boolean {
  const { minPixels = 200 } = options;
  const { stepX, stepY } = makeView(options);
  return visible.every((pixels) => pixels > 0 && pixels * stepX * stepY >= minPixels);
}

function paint(stage: Stage, camera: Camera, options: ClevrOptions): Uint8Array {
  const { supersample: s = 2 } = options;
  const { height, width, top, left, stepX, stepY } = makeView(options);
  const image = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let [red, green, blue] = [0, 0, 0];
      for (let sub = 0; sub < s * s; sub++) {
        const [i, j] = [sub % s, Math.floor(sub / s)];
        const x = left + (column + (i + 0.5) / s) * stepX;
        const y = top + (row + (j + 0.5) / s) * stepY;
        const phase = i % 2 + 2 * (j % 2);
        const light = trace(stage, camera.position, rayThrough(camera, x, y), phase);
        red += encode(light[0]);
        green += encode(light[1]);
        blue += encode(light[2]);
      }
      const at = (row * width + column) * 3;
      image[at] = Math.round(red / (s * s));
      image[at + 1] = Math.round(green / (s * s));
      image[at + 2] = Math.round(blue / (s * s));
    }
  }
  return image;
}

/** Linear light to 0 … 255 by the sRGB curve; averaging afterwards keeps highlights from eating edges. */
function encode(linear: number): number {
  const x = Math.min(linear, 1);
  return 255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);
}

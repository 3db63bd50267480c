/**
 * CLEVR-like scenes (Johnson et al., 2017): spheres, cubes and cylinders of metal or rubber, in two
 * sizes and eight colours, on a grey ground, with exact masks.
 *
 * Camera, lamps, properties and the rules of placement are CLEVR's; instead of path tracing in Blender,
 * pictures are ray-cast with soft shadows and mirror images (`rays/`).
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
import { drawPlaces, groundAxes, type Place } from "./clevr/place.ts";
import { CAMERA, drawLamps, FRAME, jittered, lookAtOrigin, studio } from "./clevr/studio.ts";
import { type Camera, project, type View } from "./rays/camera.ts";
import { paint } from "./rays/paint.ts";
import { see } from "./rays/see.ts";
import { makeSolid } from "./rays/solid.ts";
import { type Body, FINISHES, type Mirror, type Stage } from "./rays/stage.ts";
import { add, dot, scale, sub } from "./rays/vector.ts";
import { type Coverage, makeScene, rejectionSample, type Scene } from "./scene.ts";
import { between, choice, integer, sceneRandom } from "./threefry.ts";

/** The materials of CLEVR. */
export type ClevrMaterial = "rubber" | "metal";

/** The shapes of CLEVR. */
export type ClevrShape = "cube" | "sphere" | "cylinder";

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
  /** Points per pixel along each axis where the picture has edges, default 2; one point does elsewhere. */
  readonly supersample?: number;
  /** The greatest distance along every axis between the camera and its usual place; 0.5. */
  readonly cameraJitter?: number;
  /** The greatest distance along every axis between the lamps and their usual places; 1. */
  readonly lightJitter?: number;
  /** If true, a mirror stands behind the objects. Default false. Mirror images belong to no object. */
  readonly mirror?: boolean;
}

const WHOLE: Box = { top: 0, left: 0, width: FRAME[0], height: FRAME[1] };

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
  const camera = lookAtOrigin(jittered(random, CAMERA, cameraJitter));
  const lamps = drawLamps(random, lightJitter);
  const mirror = options.mirror ? drawMirror(random, camera) : undefined;
  const count = integer(random, least, greatest);
  const view = makeView(options);
  const { objects, stage, seen } = rejectionSample("arrangement of objects", () => {
    const objects = drawObjects(random, count, camera, mirror);
    if (objects === undefined) return undefined;
    const stage = studio(objects.map(toBody), lamps, mirror);
    const seen = see(stage, camera, view);
    return enoughVisible(seen, view, options) ? { objects, stage, seen } : undefined;
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
  const stage = studio(objects.map(toBody), lamps);
  return assemble(objects, stage, camera, see(stage, camera, makeView(options)), options);
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
  const image = paint(stage, camera, view, seen.masks, options.supersample ?? 2);
  return makeScene([view.height, view.width], image, seen, projected);
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

/** The meshes' half-widths, where the nominal one is 1; fitted to rendered CLEVR images. */
const EXTENT = { sphere: 0.99, cylinder: 0.98, cube: 0.945 } as const;

function toBody(
  { shape, size, material, color, rotation, "3d_coords": [x, y] }: Undetermined,
): Body {
  // Blender takes the numbers of properties.json for linear ones.
  const [red, green, blue] = clevrColors[color];
  const r = clevrSizes[size] * EXTENT[shape];
  return {
    ...makeSolid(shape, [x, y, clevrSizes[size]], [r, r, r], rotation * Math.PI / 180),
    finish: FINISHES[material],
    albedo: [red / 255, green / 255, blue / 255],
  };
}

/** The positions of the picture's pixels in CLEVR's frame. */
function makeView({ height = 240, width = 320, crop = WHOLE }: ClevrOptions): View {
  const { top, left } = crop;
  return { height, width, top, left, stepX: crop.width / width, stepY: crop.height / height };
}

function enoughVisible(
  { visible }: Coverage,
  { stepX, stepY }: View,
  { minPixels = 200 }: ClevrOptions,
): boolean {
  return visible.every((pixels) => pixels > 0 && pixels * stepX * stepY >= minPixels);
}

/**
 * Towers of blocks like those of ShapeStacks (Groth et al., 2018): cubes, cylinders and spheres of six colours, one on the
 * other, in front of a wall, with the label that ShapeStacks asks for: whether the tower stands.
 *
 * Pictures are ray-cast (`rays/`); whether a tower stands is a matter of statics (`towers/balance.ts`), not simulated.
 */

import {
  boolean,
  count as countKind,
  kind,
  pairOf,
  size as sizeKind,
} from "../../options/index.ts";
import { dataOptions } from "../options.ts";
import type { Random } from "../seeded.ts";
import { lookAt, project, wholeFrame } from "./rays/camera.ts";
import { ofHue, ofRgb } from "./rays/color.ts";
import { makeLamp } from "./rays/lamp.ts";
import { paint } from "./rays/paint.ts";
import { see } from "./rays/see.ts";
import { makeSolid, type Solid } from "./rays/solid.ts";
import { FINISHES, ground, type Plane } from "./rays/stage.ts";
import type { Vec } from "./rays/vector.ts";
import { makeScene, rejectionSample, type Scene } from "./scene.ts";
import { between, choice, integer, sceneRandom } from "./threefry.ts";
import { balance } from "./towers/balance.ts";

/** The colours of blocks. */
export const blockColors = {
  red: [214, 40, 40],
  green: [40, 160, 60],
  blue: [45, 80, 220],
  yellow: [240, 210, 50],
  cyan: [50, 195, 205],
  magenta: [200, 60, 190],
} as const;

/** The shapes of blocks. */
export type BlockShape = "cube" | "cylinder" | "sphere";

/** One block; they come from the lowest to the highest. */
export type Block = {
  readonly shape: BlockShape;
  readonly color: keyof typeof blockColors;
  /** Half its extents along its own axes, in units of the world; cubes need not be cubical. */
  readonly halves: readonly [a: number, b: number, c: number];
  /** Degrees about the vertical. */
  readonly rotation: number;
  /** Centre in the world; the ground is z = 0. */
  readonly "3d_coords": readonly [x: number, y: number, z: number];
  /** Centre in the picture, in pixels from its top left corner, and its depth in world units. */
  readonly pixel_coords: readonly [x: number, y: number, depth: number];
};

/** A tower, and whether it stands. */
export type TowerScene = Scene<Block> & { readonly stable: boolean };

/** Options of towers. */
export interface TowersOptions {
  /** Height and width in pixels, default 64. */
  readonly size?: number;
  /** Least and greatest number of blocks, default 2 and 6. */
  readonly count?: readonly [least: number, greatest: number];
  /** If given, all towers stand, or all fall. Default: each with probability ½. */
  readonly stable?: boolean;
  /** Points per pixel along each axis where the picture has edges, default 2; one point does elsewhere. */
  readonly supersample?: number;
}

const checkOptions = dataOptions<TowersOptions>("towerScene", [], {
  size: sizeKind,
  count: kind(
    "two whole numbers from 2 to 6, the least first",
    "[2, 6]",
    (x) =>
      pairOf(countKind).accepts(x) && 2 <= Object(x)[0] && Object(x)[0] <= Object(x)[1] &&
      Object(x)[1] <= 6,
  ),
  stable: boolean,
  supersample: sizeKind,
});

/** Towers nearer than this to the border of standing are not made. */
const MARGIN = 0.05;
const PLACE = { focal: 110, frame: [64, 64] } as const;

/**
 * The tower that belongs to `seed` and `index`.
 *
 * @throws {OptionError} when such towers hardly exist.
 *
 * ```ts
 * import { towerScene } from "trilevel/data";
 * const { image, objects, stable } = towerScene({ count: [4, 4], stable: true }, 0, 3);
 * if (`${image.shape}` !== "64,64,3" || objects.length !== 4 || !stable) throw new Error("four blocks that stand");
 * ```
 */
export function towerScene(options: TowersOptions, seed: number, index: number): TowerScene {
  checkOptions(options);
  const { size = 64, count: [least, greatest] = [2, 6], supersample = 2 } = options;
  const random = sceneRandom(seed, index);
  const stable = options.stable ?? random.uniform() < 0.5;
  const count = integer(random, least, greatest);
  const angle = between(random, 0, 2 * Math.PI);
  const camera = lookAt(
    [13 * Math.cos(angle), 13 * Math.sin(angle), between(random, 3.2, 4.8)],
    [0, 0, 2.35],
    PLACE,
  );
  const view = wholeFrame(camera, size, size);
  const behind = drawBackground(random, angle);
  const sun = angle + between(random, -1.2, 1.2);
  const lamps = [
    makeLamp([9 * Math.cos(sun), 9 * Math.sin(sun), 9], [0, 0, 2], 3, [125, 122, 115]),
    makeLamp([10 * Math.cos(angle), 10 * Math.sin(angle), 6], [0, 0, 2], 3, [25, 26, 30]),
  ];
  const { blocks, stage, seen } = rejectionSample(stable ? "tower that stands" : "tower", () => {
    const blocks = drawBlocks(random, count);
    const solids = blocks.map(toSolid);
    const inside = balance(solids);
    if (stable ? inside < MARGIN : inside > -MARGIN) return undefined;
    const bodies = blocks.map(({ color }, k) => ({
      ...solids[k]!,
      albedo: ofRgb(blockColors[color]),
      finish: FINISHES.rubber,
    }));
    const stage = { bodies, planes: behind, lamps, ambient: 0.3 };
    const seen = see(stage, camera, view);
    // A fifth of each block, and at least four pixels of 64².
    const clear = seen.visible.every((n, k) =>
      n >= seen.covered[k]! / 5 && n >= 4 * (size / 64) ** 2
    );
    return clear ? { blocks, stage, seen } : undefined;
  });
  const image = paint(stage, camera, view, seen.masks, supersample);
  const objects = blocks.map((block): Block => {
    const [x, y, depth] = project(camera, block["3d_coords"]);
    return { ...block, pixel_coords: [x / view.stepX, y / view.stepY, depth] };
  });
  return { ...makeScene([size, size], image, seen, objects), stable };
}

type Placed = Omit<Block, "pixel_coords">;

/** A muted ground, and a muted wall that faces the camera more or less. */
function drawBackground(random: Random, angle: number): readonly Plane[] {
  const muted = (value: number) =>
    ofHue(random.uniform(), between(random, 0.05, 0.45), between(random, value, value + 0.3));
  const turned = angle + between(random, -0.5, 0.5);
  return [
    ground(muted(0.45)),
    { normal: [Math.cos(turned), Math.sin(turned), 0], offset: -7, albedo: muted(0.4) },
  ];
}

function drawBlocks(random: Random, count: number): Placed[] {
  const blocks: Placed[] = [];
  let [x, y, top] = [0, 0, 0];
  for (let k = 0; k < count; k++) {
    const shape = choice(random, ["cube", "cube", "cylinder", "cylinder", "sphere"] as const);
    const halves = drawHalves(random, shape);
    const reach = k === 0 ? 0 : 0.9 * Math.min(...halves);
    x += between(random, -reach, reach);
    y += between(random, -reach, reach);
    blocks.push({
      shape,
      color: choice(random, Object.keys(blockColors) as Block["color"][]),
      halves,
      rotation: between(random, 0, 360),
      "3d_coords": [x, y, top + halves[2]],
    });
    top += 2 * halves[2];
  }
  return blocks;
}

function drawHalves(random: Random, shape: BlockShape): Vec {
  const [a, b, c] = [
    between(random, 0.5, 0.85),
    between(random, 0.5, 0.85),
    between(random, 0.33, 0.5),
  ];
  switch (shape) {
    case "cube":
      return [a, b, c];
    case "cylinder":
      return [a, a, c];
    case "sphere":
      return [c, c, c];
  }
}

const toSolid = ({ shape, halves, rotation, "3d_coords": centre }: Placed): Solid =>
  makeSolid(shape, centre, halves, rotation * Math.PI / 180);

/**
 * Videos of sprites that move straight on and bounce off the walls, with all that models of videos are told about them:
 * optical flow, segments, boxes and centres of mass of every frame. Frames are the first axis of every array.
 */
import {
  count as countKind,
  fraction,
  kind,
  listOf,
  nonNegative,
  oneOf,
  pairOf,
  size as sizeKind,
} from "../../options/index.ts";
import { type NdArray, ndarray } from "../ndarray.ts";
import { dataOptions } from "../options.ts";
import type { Random } from "../seeded.ts";
import { segmentBoxes, segmentCenters } from "../segments.ts";
import { bounced } from "./motion.ts";
import { rejectionSample } from "./scene.ts";
import {
  colorKind,
  paintSprites,
  type Rgb,
  type Sprite,
  type SpriteColor,
  spriteColors,
  spriteCoverage,
  type SpriteShape,
} from "./sprites.ts";
import { between, choice, integer, sceneRandom } from "./threefry.ts";

/** A sprite as it is in the first frame, and its velocity in pixels per frame. */
export type MovingSprite = Sprite & { readonly vx: number; readonly vy: number };

/** A video; also a `Sample` of a `Dataset`. */
export type MovingSprites = {
  /** RGB, `[frames, height, width, 3]`. */
  readonly video: NdArray<Uint8Array>;
  /** The object seen at the centre of every pixel, `[frames, height, width]`: 0 for the background. */
  readonly segments: NdArray<Uint8Array>;
  /** The displacement of the point at each pixel until the next frame, in rows and columns, `[frames, height, width, 2]`. */
  readonly forwardFlow: NdArray<Float32Array>;
  /** Its displacement from here back to the frame before, `[frames, height, width, 2]`. */
  readonly backwardFlow: NdArray<Float32Array>;
  /**
   * The box around what is seen of each object, `[frames, objects, 4]`: ymin, xmin, ymax, xmax as fractions of height and
   * width; zeros where it is hidden.
   */
  readonly boxes: NdArray<Float32Array>;
  /** The centre of mass of what is seen of each object, `[frames, objects, 2]`: y, x as fractions. */
  readonly centers: NdArray<Float32Array>;
  /** The sprites; later ones lie over earlier ones. */
  readonly objects: readonly MovingSprite[];
};

/** Options of {@linkcode movingSprites}; lengths are fractions of the size. */
export interface MovingSpritesOptions {
  /** The number of frames, default 6. */
  readonly frames?: number;
  /** Height and width in pixels, default 24. */
  readonly size?: number;
  /** Least and greatest number of sprites, default 3 and 3. */
  readonly count?: readonly [least: number, greatest: number];
  /** Default: circles and squares. */
  readonly shapes?: readonly SpriteShape[];
  /** Default: all of `spriteColors`. */
  readonly colors?: readonly SpriteColor[];
  /** Least and greatest radius as fractions of the size, default 0.12 and 0.17. */
  readonly radius?: readonly [least: number, greatest: number];
  /** Least and greatest speed as fractions of the size per frame, default 0.033 and 0.083. */
  readonly speed?: readonly [least: number, greatest: number];
  /** The least fraction of each sprite that is visible in the first frame, default 0.5; later ones may hide it. */
  readonly minVisibility?: number;
  /** RGB, default black. */
  readonly background?: readonly [red: number, green: number, blue: number];
}

const checkOptions = dataOptions<MovingSpritesOptions>("movingSprites", [], {
  frames: sizeKind,
  size: sizeKind,
  count: pairOf(countKind),
  shapes: listOf(oneOf("square", "circle", "triangle")),
  colors: listOf(colorKind),
  radius: pairOf(nonNegative),
  speed: pairOf(nonNegative),
  minVisibility: fraction,
  background: kind<Rgb>(
    "three numbers, 0 or more",
    "[0, 0, 0]",
    (x) => listOf(nonNegative, 3).accepts(x),
  ),
});

/**
 * The video that belongs to `seed` and `index`.
 *
 * ```ts
 * import { movingSprites } from "trilevel/data";
 * const { video, segments, backwardFlow, boxes } = movingSprites({ frames: 4 }, 0, 7);
 * if (`${video.shape}` !== "4,24,24,3" || `${boxes.shape}` !== "4,3,4") throw new Error("four frames");
 * // The background stands still.
 * const still = segments.data.findIndex((label) => label === 0);
 * if (backwardFlow.data[2 * still] !== 0) throw new Error("no flow");
 * ```
 *
 * @throws {OptionError} when such videos hardly exist.
 */
export function movingSprites(
  options: MovingSpritesOptions,
  seed: number,
  index: number,
): MovingSprites {
  checkOptions(options);
  const {
    frames = 6,
    size = 24,
    count: [least, greatest] = [3, 3],
    minVisibility = 0.5,
    background = [0, 0, 0],
  } = options;
  const random = sceneRandom(seed, index);
  const count = integer(random, least, greatest);
  const objects = rejectionSample("arrangement of sprites", () => {
    const drawn = drawSprites(random, count, size, options);
    const { covered, visible } = spriteCoverage(drawn, size);
    const clear = visible.every((n, k) => n > 0 && n >= minVisibility * covered[k]!);
    return clear ? drawn : undefined;
  });

  const pixels = size * size;
  const video = new Uint8Array(frames * pixels * 3);
  const masks = new Uint8Array(frames * pixels);
  const forward = new Float32Array(frames * pixels * 2);
  const backward = new Float32Array(frames * pixels * 2);
  for (let t = 0; t < frames; t++) {
    const [before, now, after] = [t - 1, t, t + 1].map((at) =>
      objects.map((object) => moved(object, at, size))
    ) as [Sprite[], Sprite[], Sprite[]];
    const seen = spriteCoverage(now, size).masks;
    video.set(paintSprites(now, size, background), t * pixels * 3);
    masks.set(seen, t * pixels);
    seen.forEach((label, p) => {
      const k = label - 1;
      if (k < 0) return;
      const at = 2 * (t * pixels + p);
      const { x, y } = now[k]!;
      forward.set([after[k]!.y - y, after[k]!.x - x], at);
      backward.set([before[k]!.y - y, before[k]!.x - x], at);
    });
  }
  const segments = ndarray(masks, [frames, size, size]);
  const seen = { objects: count, hidden: "zeros" } as const;
  return {
    video: ndarray(video, [frames, size, size, 3]),
    segments,
    forwardFlow: ndarray(forward, [frames, size, size, 2]),
    backwardFlow: ndarray(backward, [frames, size, size, 2]),
    boxes: segmentBoxes(segments, seen),
    centers: segmentCenters(segments, seen),
    objects,
  };
}

function drawSprites(
  random: Random,
  count: number,
  size: number,
  {
    shapes = ["circle", "square"],
    colors = Object.keys(spriteColors) as SpriteColor[],
    radius: [smallest, largest] = [0.12, 0.17],
    speed: [slowest, fastest] = [0.033, 0.083],
  }: MovingSpritesOptions,
): MovingSprite[] {
  return Array.from({ length: count }, () => {
    const radius = size * between(random, smallest, largest);
    const speed = size * between(random, slowest, fastest);
    const direction = between(random, 0, 2 * Math.PI);
    return {
      shape: choice(random, shapes),
      color: choice(random, colors),
      x: between(random, radius, size - radius),
      y: between(random, radius, size - radius),
      radius,
      rotation: 0,
      vx: speed * Math.cos(direction),
      vy: speed * Math.sin(direction),
    };
  });
}

/** A sprite some frames after the first, or before it. */
function moved({ vx, vy, ...sprite }: MovingSprite, frames: number, size: number): Sprite {
  const along = (start: number, velocity: number) =>
    bounced(start + frames * velocity, sprite.radius, size - sprite.radius);
  return { ...sprite, x: along(sprite.x, vx), y: along(sprite.y, vy) };
}

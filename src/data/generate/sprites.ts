/**
 * Flat sprites before a plain background: the smallest data on which slots can learn objects.
 *
 * Squares, circles and triangles of any angle are laid one over the other; the default, 32×32 with
 * three sprites, is the data of the quick experiments.
 */

import {
  boolean,
  count as countKind,
  fraction,
  type Kind,
  kind,
  listOf,
  nonNegative,
  oneOf,
  pairOf,
  size as sizeKind,
} from "../../options/index.ts";
import { dataOptions } from "../options.ts";
import { OptionError } from "../errors.ts";
import type { Random } from "../seeded.ts";
import { type Coverage, coverage, makeScene, rejectionSample, type Scene } from "./scene.ts";
import { between, choice, integer, sceneRandom } from "./threefry.ts";

/** The shapes of sprites. */
export type SpriteShape = "square" | "circle" | "triangle";

/** Red, green and blue, from 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** The colours of sprites, by name. */
export const spriteColors = {
  red: [230, 50, 50],
  green: [50, 190, 60],
  blue: [60, 90, 235],
  yellow: [240, 220, 60],
  magenta: [215, 70, 215],
  cyan: [60, 205, 215],
  orange: [245, 145, 40],
  white: [235, 235, 235],
} as const satisfies { readonly [name: string]: Rgb };

/** A colour of {@linkcode spriteColors}. */
export type SpriteColor = keyof typeof spriteColors;

/** One sprite; later ones lie over earlier ones. */
export type Sprite = {
  readonly shape: SpriteShape;
  readonly color: SpriteColor;
  /** Centre in pixels from the left edge; pixel k spans [k, k+1]. */
  readonly x: number;
  /** Centre in pixels from the top edge. */
  readonly y: number;
  /** Radius of the circle around the shape, in pixels. */
  readonly radius: number;
  /** Degrees, clockwise. */
  readonly rotation: number;
};

/** Options of scenes of sprites. */
export interface SpritesOptions {
  /** Height and width in pixels, default 32. */
  readonly size?: number;
  /** Least and greatest number of sprites, default 3 and 3. */
  readonly count?: readonly [least: number, greatest: number];
  /** Default: all three; on a grid squares. */
  readonly shapes?: readonly SpriteShape[];
  /** Default: all of {@linkcode spriteColors}. */
  readonly colors?: readonly SpriteColor[];
  /** If true, the sprites of a scene all differ in colour. Default false. */
  readonly distinctColors?: boolean;
  /** Least and greatest radius as fractions of the size, default 0.15 and 0.2. */
  readonly radius?: readonly [least: number, greatest: number];
  /** If true, sprites are not turned: squares stand on a side, triangles point up. Default false. */
  readonly upright?: boolean;
  /** The least fraction of each sprite that the others may leave visible, default 0.5. */
  readonly minVisibility?: number;
  /**
   * Sprites stand upright on a grid of so many pixels, each two cells wide, and share no cell; squares fill their
   * cells. Default: they are anywhere, turned by any angle, and of any radius.
   */
  readonly grid?: number;
  /**
   * RGB, default black. `"random"`: a muted colour, another one in every scene; its sprites have those of `colors` that
   * are well apart from it.
   */
  readonly background?: readonly [red: number, green: number, blue: number] | "random";
}

/** The name of a colour. */
export const colorKind: Kind<SpriteColor> = kind(
  `one of ${Object.keys(spriteColors).map((name) => `"${name}"`).join(", ")}`,
  '"red"',
  (x) => typeof x === "string" && Object.hasOwn(spriteColors, x),
);

const checkOptions = dataOptions<SpritesOptions>("spritesScene", [], {
  size: sizeKind,
  count: pairOf(countKind),
  shapes: listOf(oneOf("square", "circle", "triangle")),
  colors: listOf(colorKind),
  distinctColors: boolean,
  radius: pairOf(nonNegative),
  upright: boolean,
  minVisibility: fraction,
  grid: sizeKind,
  background: kind(
    'three numbers, 0 or more, or "random"',
    "[0, 0, 0]",
    (x) => x === "random" || listOf(nonNegative, 3).accepts(x),
  ),
});

/**
 * The sprites scene that belongs to `seed` and `index`.
 *
 * Pixels are the mean of 3×3 points; masks are exact at pixel centres.
 *
 * @throws {OptionError} when such scenes hardly exist.
 *
 * ```ts
 * import { spritesScene } from "trilevel/data";
 * const { image, masks, objects } = spritesScene({}, 0, 7);
 * if (`${image.shape}` !== "32,32,3" || objects.length !== 3) throw new Error("three sprites");
 * if (new Set(masks.data).size !== 4) throw new Error("background and three sprites are seen");
 * ```
 */
export function spritesScene(options: SpritesOptions, seed: number, index: number): Scene<Sprite> {
  checkOptions(options);
  const {
    size = 32,
    count: [least, greatest] = [3, 3],
    minVisibility = 0.5,
    colors = Object.keys(spriteColors) as SpriteColor[],
  } = options;
  const random = sceneRandom(seed, index);
  const count = integer(random, least, greatest);
  const { background, usable } = backgroundAmong(colors, options.background ?? [0, 0, 0], random);
  const { sprites, seen } = rejectionSample("arrangement of sprites", () => {
    const sprites = drawSprites(random, count, size, { ...options, colors: usable });
    const seen = spriteCoverage(sprites, size);
    const clear = seen.visible.every((n, k) => n > 0 && n >= minVisibility * seen.covered[k]!);
    return clear && apart(sprites, options) ? { sprites, seen } : undefined;
  });
  return makeScene([size, size], paintSprites(sprites, size, background), seen, sprites);
}

/** True unless sprites on a grid share a cell. */
function apart(sprites: readonly Sprite[], { grid }: SpritesOptions): boolean {
  if (grid === undefined) return true;
  return sprites.every(({ x, y }, i) =>
    sprites.slice(0, i).every((other) =>
      Math.max(Math.abs(x - other.x), Math.abs(y - other.y)) >= 2 * grid
    )
  );
}

/** The least distance of a random background from the colours of its sprites: 100 of the 442 from black to white. */
const leastDistance = 100;

/** The background of a scene, and the colours that its sprites may have. */
function backgroundAmong(
  colors: readonly SpriteColor[],
  background: NonNullable<SpritesOptions["background"]>,
  random: Random,
): { readonly background: Rgb; readonly usable: readonly SpriteColor[] } {
  if (background !== "random") return { background, usable: colors };
  const channel = () => integer(random, 20, 120); // colours of sprites reach from 40 to 245
  const drawn: Rgb = [channel(), channel(), channel()];
  const distance = (color: SpriteColor) =>
    Math.hypot(...spriteColors[color].map((value, i) => value - drawn[i]!));
  const usable = colors.filter((color) => distance(color) >= leastDistance);
  return { background: drawn, usable: usable.length > 0 ? usable : colors };
}

function drawSprites(
  random: Random,
  count: number,
  size: number,
  {
    grid,
    upright = false,
    shapes = grid === undefined ? ["square", "circle", "triangle"] : ["square"],
    colors,
    distinctColors = false,
    radius: [smallest, largest] = [0.15, 0.2],
  }: SpritesOptions & { readonly colors: readonly SpriteColor[] },
): Sprite[] {
  if (grid !== undefined && 2 * grid > size) {
    throw new OptionError(
      `sprites of two cells of ${grid} pixels do not fit into a scene of ${size}`,
      {
        hint: "Give a smaller grid, or a larger size",
      },
    );
  }
  if (distinctColors && colors.length < count) {
    throw new OptionError(`${count} sprites cannot have distinct colours out of ${colors.length}`, {
      hint: "Give more colours, ask for fewer sprites, or let colours repeat",
    });
  }
  const left = [...colors];
  return Array.from({ length: count }, () => {
    const color = choice(random, left);
    if (distinctColors) left.splice(left.indexOf(color), 1);
    if (grid !== undefined) {
      const place = () => grid * integer(random, 1, Math.floor(size / grid) - 1);
      const shape = choice(random, shapes);
      const radius = shape === "square" ? grid * Math.SQRT2 : grid;
      return { shape, color, x: place(), y: place(), radius, rotation: 0 };
    }
    const radius = size * between(random, smallest, largest);
    return {
      shape: choice(random, shapes),
      color,
      x: between(random, radius, size - radius),
      y: between(random, radius, size - radius),
      radius,
      rotation: upright ? 0 : between(random, 0, 360),
    };
  });
}

/** True if the point (x, y) lies in a sprite. */
function inside({ shape, radius, rotation, ...centre }: Sprite): (x: number, y: number) => boolean {
  const [sin, cos] = [Math.sin(rotation * Math.PI / 180), Math.cos(rotation * Math.PI / 180)];
  // In the sprite's own frame, scaled to radius 1.
  const within = {
    circle: (u: number, v: number) => u * u + v * v <= 1,
    square: (u: number, v: number) => Math.max(Math.abs(u), Math.abs(v)) <= Math.SQRT1_2,
    // The three sides of the triangle inscribed in the unit circle are at distance ½.
    triangle: (u: number, v: number) => Math.max(v, Math.abs(u) * Math.sqrt(3) / 2 - v / 2) <= 0.5,
  }[shape];
  return (x, y) => {
    const [dx, dy] = [(x - centre.x) / radius, (y - centre.y) / radius];
    return within(cos * dx + sin * dy, cos * dy - sin * dx);
  };
}

/** The pixels of each sprite, and the one that is seen at each pixel. */
export function spriteCoverage(sprites: readonly Sprite[], size: number): Coverage {
  const tests = sprites.map(inside);
  return coverage(size * size, sprites.length, (pixel, covered) => {
    const [x, y] = [pixel % size + 0.5, Math.floor(pixel / size) + 0.5];
    let front = 0;
    tests.forEach((test, k) => {
      if (!test(x, y)) return;
      covered(k);
      front = k + 1;
    });
    return front;
  });
}

/** The picture of sprites, `[size, size, 3]`. */
export function paintSprites(
  sprites: readonly Sprite[],
  size: number,
  background: Rgb,
): Uint8Array {
  const tests = sprites.map(inside);
  const colors = sprites.map(({ color }): Rgb => spriteColors[color]);
  const image = new Uint8Array(size * size * 3);
  const empty = background.map(Math.round);
  for (let pixel = 0; pixel < size * size; pixel++) {
    const [column, row] = [pixel % size, Math.floor(pixel / size)];
    // Most pixels are far from every sprite.
    const far = sprites.every(({ x, y, radius }) =>
      (x - column) ** 2 + (y - row) ** 2 > (radius + 2) ** 2
    );
    if (far) {
      image.set(empty, pixel * 3);
      continue;
    }
    const sum = [0, 0, 0];
    for (let sub = 0; sub < 9; sub++) {
      const front = tests.findLastIndex((test) =>
        test(column + (sub % 3 + 0.5) / 3, row + (Math.floor(sub / 3) + 0.5) / 3)
      );
      const color = colors[front] ?? background;
      for (let channel = 0; channel < 3; channel++) sum[channel]! += color[channel]!;
    }
    for (let channel = 0; channel < 3; channel++) {
      image[pixel * 3 + channel] = Math.round(sum[channel]! / 9);
    }
  }
  return image;
}

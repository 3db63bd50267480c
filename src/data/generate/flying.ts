/**
 * Videos of things that fly straight on, over one another, and are thrown back by the edges: the flying shapes and the
 * flying digits of neural expectation maximization (Greff et al., 2017).
 */
import {
  count as countKind,
  kind,
  listOf,
  nonNegative,
  oneOf,
  pairOf,
  required,
  size as sizeKind,
} from "../../options/index.ts";
import { OptionError } from "../errors.ts";
import { type NdArray, ndarray } from "../ndarray.ts";
import { dataOptions } from "../options.ts";
import type { Random } from "../seeded.ts";
import { bounced } from "./motion.ts";
import { type Stamp, type StampName, stamps } from "./stamps.ts";
import { between, choice, integer, sceneRandom } from "./threefry.ts";

/** Something that flies: the pixel of its upper left corner in the first frame, and its velocity in pixels per frame. */
export type Flying<Name> = {
  /** The shape, or the number of the digit in the list that was given. */
  readonly of: Name;
  readonly row: number;
  readonly column: number;
  readonly rowSpeed: number;
  readonly columnSpeed: number;
};

/** A video; also a `Sample` of a `Dataset`. */
export type FlyingVideo<Name> = {
  /** `[frames, height, width]`: of shapes 0 or 1, of digits 0 … 255. */
  readonly video: NdArray<Uint8Array>;
  /** Thing k alone is where this is k, `[frames, height, width]`; 0 for the background and where things overlap. */
  readonly groups: NdArray<Uint8Array>;
  /** Thing k − 1 of the list has the label k. */
  readonly objects: readonly Flying<Name>[];
};

/** Options of {@linkcode flyingShapes}. */
export interface FlyingShapesOptions {
  /** The number of frames, default 21. */
  readonly frames?: number;
  /** Height and width in pixels, default 28. */
  readonly size?: number;
  /** Least and greatest number of shapes, default 3 and 3. */
  readonly count?: readonly [least: number, greatest: number];
  /** Least and greatest speed in pixels per frame, default 0.5 and 2. */
  readonly speed?: readonly [least: number, greatest: number];
  /** Filled shapes (the default), or outlines two pixels wide. */
  readonly style?: "filled" | "outline";
}

const motionKinds = {
  frames: sizeKind,
  size: sizeKind,
  count: pairOf(countKind),
  speed: pairOf(nonNegative),
} as const;
const checkShapes = dataOptions<FlyingShapesOptions>("flyingShapes", [], {
  ...motionKinds,
  style: oneOf("filled", "outline"),
});

/**
 * The video of flying shapes that belongs to `seed` and `index`: squares and triangles, drawn with replacement.
 *
 * ```ts
 * import { flyingShapes } from "trilevel/data";
 * const { video, groups, objects } = flyingShapes({ frames: 5 }, 0, 3);
 * if (`${video.shape}` !== "5,28,28" || objects.length !== 3) throw new Error("three shapes");
 * if (groups.data.some((k, p) => k > 0 && video.data[p] === 0)) throw new Error("groups are on shapes");
 * ```
 *
 * @throws {OptionError} when the video is smaller than a shape.
 */
export function flyingShapes(
  options: FlyingShapesOptions,
  seed: number,
  index: number,
): FlyingVideo<StampName> {
  checkShapes(options);
  const all = stamps(options.style ?? "filled");
  return fly("flyingShapes", options, sceneRandom(seed, index), (random) => {
    const { name, stamp } = choice(random, all);
    return { of: name, stamp };
  });
}

/** Options of {@linkcode flyingDigits}. */
export interface FlyingDigitsOptions {
  /** Images of digits, `[height, width]` or `[height, width, 1]`, 0 … 255: those of `openMnist`. */
  readonly digits: readonly NdArray<Uint8Array>[];
  /** The number of frames, default 21. */
  readonly frames?: number;
  /** Height and width in pixels, default 24. */
  readonly size?: number;
  /** Least and greatest number of digits, default 2 and 2. */
  readonly count?: readonly [least: number, greatest: number];
  /** Least and greatest speed in pixels per frame, default 0.5 and 2. */
  readonly speed?: readonly [least: number, greatest: number];
}

const image = kind<NdArray<Uint8Array>>(
  "an image of bytes, [height, width] or [height, width, 1]",
  "ndarray(bytes, [28, 28])",
  (x) => {
    const { data, shape } = Object(x);
    return data instanceof Uint8Array && Array.isArray(shape) &&
      (shape.length === 2 || (shape.length === 3 && shape[2] === 1));
  },
);
const checkDigits = dataOptions<FlyingDigitsOptions>("flyingDigits", [], {
  digits: required(listOf(image)),
  ...motionKinds,
});

/**
 * The video of flying digits that belongs to `seed` and `index`: digits at half their size, drawn with replacement. Where
 * they overlap, the brighter one is seen.
 *
 * ```ts
 * import { flyingDigits, ndarray } from "trilevel/data";
 * const one = ndarray(new Uint8Array(28 * 28).fill(200), [28, 28]);
 * const { video, groups } = flyingDigits({ digits: [one], frames: 4, count: [1, 1] }, 0, 0);
 * if (`${video.shape}` !== "4,24,24") throw new Error("four frames");
 * if (groups.data.filter((k) => k === 1).length !== 4 * 14 * 14) throw new Error("half the size");
 * ```
 *
 * With MNIST: `const digits = await openMnist()`, and `Promise.all` of the images of some of its samples.
 *
 * @throws {OptionError} when there is no digit, or the video is smaller than one.
 */
export function flyingDigits(
  options: FlyingDigitsOptions,
  seed: number,
  index: number,
): FlyingVideo<number> {
  checkDigits(options);
  const { digits, ...motion } = options;
  if (digits.length === 0) {
    throw new OptionError("flyingDigits: `digits` is empty", { hint: "Give images of digits" });
  }
  const defaults = { size: 24, count: [2, 2] } as const;
  return fly("flyingDigits", { ...defaults, ...motion }, sceneRandom(seed, index), (random) => {
    const of = random.below(digits.length);
    return { of, stamp: halved(digits[of]!) };
  });
}

/** Draws things, their places and velocities, and the video of them. */
function fly<Name>(
  name: string,
  { frames = 21, size = 28, count: [least, greatest] = [3, 3], speed: [slow, fast] = [0.5, 2] }:
    FlyingShapesOptions,
  random: Random,
  drawn: (random: Random) => { readonly of: Name; readonly stamp: Stamp },
): FlyingVideo<Name> {
  const things = Array.from({ length: integer(random, least, greatest) }, () => {
    const { of, stamp } = drawn(random);
    if (stamp.width > size || stamp.height > size) {
      throw new OptionError(
        `${name}: a video of ${size} pixels is too small for an object of ${stamp.height}×${stamp.width}`,
        { hint: "Give a larger size" },
      );
    }
    const pace = between(random, slow, fast);
    const direction = between(random, 0, 2 * Math.PI);
    const flying: Flying<Name> = {
      of,
      row: between(random, 0, size - stamp.height),
      column: between(random, 0, size - stamp.width),
      rowSpeed: pace * Math.sin(direction),
      columnSpeed: pace * Math.cos(direction),
    };
    return { flying, stamp };
  });
  const video = new Uint8Array(frames * size * size);
  const groups = new Uint8Array(frames * size * size);
  for (let t = 0; t < frames; t++) {
    things.forEach(({ flying, stamp: { data, height, width } }, k) => {
      const { row, column, rowSpeed, columnSpeed } = flying;
      const top = Math.round(bounced(row + t * rowSpeed, 0, size - height));
      const left = Math.round(bounced(column + t * columnSpeed, 0, size - width));
      data.forEach((value, p) => {
        if (value === 0) return;
        const at = (t * size + top + Math.floor(p / width)) * size + left + p % width;
        groups[at] = video[at] === 0 ? k + 1 : 0;
        video[at] = Math.max(video[at]!, value);
      });
    });
  }
  const shape = [frames, size, size];
  return {
    video: ndarray(video, shape),
    groups: ndarray(groups, shape),
    objects: things.map(({ flying }) => flying),
  };
}

/** An image at half its size: the means of 2×2 pixels. */
function halved({ data, shape: [rows, columns] }: NdArray<Uint8Array>): Stamp {
  const [height, width] = [Math.floor(rows! / 2), Math.floor(columns! / 2)];
  const at = (row: number, column: number) => data[row * columns! + column]!;
  return {
    height,
    width,
    data: Uint8Array.from({ length: height * width }, (_, p) => {
      const [row, column] = [2 * Math.floor(p / width), 2 * (p % width)];
      const sum = at(row, column) + at(row, column + 1) + at(row + 1, column) +
        at(row + 1, column + 1);
      return Math.round(sum / 4);
    }),
  };
}

/**
 * Shapes on a binary image, as neural expectation maximization is tried on: squares and triangles of one colour,
 * which differ in nothing but their form.
 */
import { count as countKind, oneOf, size as sizeKind } from "../../options/index.ts";
import { OptionError } from "../errors.ts";
import { type NdArray, ndarray } from "../ndarray.ts";
import { dataOptions } from "../options.ts";
import { seeded } from "../seeded.ts";
import { largest, type StampName, stamps } from "./stamps.ts";

/** A shape of an image: a square, or a triangle that points up or down, and the pixel of its upper left corner. */
export type BinaryShape = {
  readonly shape: StampName;
  readonly row: number;
  readonly column: number;
};

/** A binary image, and the shape that each of its pixels belongs to. */
export type BinaryShapes = {
  /** `[height, width]`, 1 where a shape is. */
  readonly image: NdArray<Uint8Array>;
  /** `[height, width]`: k where shape k alone is; 0 for the background, and where shapes overlap. */
  readonly labels: NdArray<Uint8Array>;
  /** Shape k − 1 of the list has the label k. */
  readonly objects: readonly BinaryShape[];
};

/** Options of {@linkcode binaryShapes}. */
export interface BinaryShapesOptions {
  /** Height and width in pixels, default 24; at least 13, the width of a triangle. */
  readonly size?: number;
  /** The number of shapes, default 3. */
  readonly count?: number;
  /** Filled shapes (the default), or outlines two pixels wide. */
  readonly style?: "filled" | "outline";
}

const checkOptions = dataOptions<BinaryShapesOptions>("binaryShapes", [], {
  size: sizeKind,
  count: countKind,
  style: oneOf("filled", "outline"),
});

/**
 * The binary image that belongs to `seed` and `index`: shapes are drawn with replacement, each somewhere in the image,
 * and laid over one another.
 *
 * ```ts
 * import { binaryShapes } from "trilevel/data";
 * const { image, labels } = binaryShapes({}, 0, 5);
 * if (image.shape.join() !== "24,24") throw new Error("24×24");
 * if (labels.data.some((label, p) => label > 0 && image.data[p] === 0)) throw new Error("shapes are on");
 * ```
 *
 * @throws {OptionError} when the image is smaller than a shape.
 */
export function binaryShapes(
  options: BinaryShapesOptions,
  seed: number,
  index: number,
): BinaryShapes {
  checkOptions(options);
  const { size = 24, count = 3, style = "filled" } = options;
  if (size < largest) {
    throw new OptionError(`an image of ${size} pixels is smaller than triangles of ${largest}`, {
      hint: "Give a larger size",
    });
  }
  const shapes = stamps(style);
  const random = seeded(seed, index);
  const image = new Uint8Array(size * size);
  const labels = new Uint8Array(size * size);
  const objects: BinaryShape[] = [];
  for (let k = 1; k <= count; k++) {
    const { name, stamp: { height, width, data } } = shapes[random.below(shapes.length)]!;
    const top = random.below(size - height + 1);
    const left = random.below(size - width + 1);
    objects.push({ shape: name, row: top, column: left });
    data.forEach((on, p) => {
      if (on === 0) return;
      const pixel = (top + Math.floor(p / width)) * size + left + p % width;
      labels[pixel] = image[pixel] === 1 ? 0 : k;
      image[pixel] = 1;
    });
  }
  return { image: ndarray(image, [size, size]), labels: ndarray(labels, [size, size]), objects };
}

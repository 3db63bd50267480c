/**
 * Random changes of samples, for the `augment` option of `batches`.
 *
 * Geometry (crop, flips) is drawn once a sample and applied to every picture in it, so that masks stay
 * aligned with their image; colour changes touch only the fields named as images.
 */

import type { Sample } from "./dataset.ts";
import { SampleShapeError } from "./errors.ts";
import { boolean, fraction, nonNegative, pairOf, size } from "../options/index.ts";
import { dataOptions, names } from "./options.ts";
import { crop, flipHorizontal, flipVertical, resize } from "./image.ts";
import { isNdArray, type NdArray } from "./ndarray.ts";
import type { Random } from "./seeded.ts";

/** The changes of {@linkcode augment}, and their extents. */
export interface AugmentOptions {
  /** Fields with pictures to interpolate and recolour; `["image"]` unless given. */
  readonly images?: readonly string[];
  /** Fields with masks or labels, which move with the images but are never mixed. */
  readonly masks?: readonly string[];
  /** Mirror left and right, half of the time. */
  readonly flipHorizontal?: boolean;
  /** Mirror top and bottom, half of the time. */
  readonly flipVertical?: boolean;
  /** Cut out a random part of this `[height, width]`, uniform over positions. */
  readonly crop?: readonly [height: number, width: number];
  /** Resize the part to this `[height, width]`. */
  readonly size?: readonly [height: number, width: number];
  /** Add a number from ±brightness × 255. */
  readonly brightness?: number;
  /** Scale the distance from the mean by a factor from 1 ± contrast. */
  readonly contrast?: number;
  /** Scale the distance from grey (luma) by a factor from 1 ± saturation. */
  readonly saturation?: number;
}

const checkOptions = dataOptions<AugmentOptions>("augmentWith", [], {
  images: names,
  masks: names,
  flipHorizontal: boolean,
  flipVertical: boolean,
  crop: pairOf(size),
  size: pairOf(size),
  brightness: nonNegative,
  contrast: fraction,
  saturation: fraction,
});

/**
 * A function that changes a sample at random as `options` say.
 *
 * ```ts
 * import { augmentWith, ndarray, seeded } from "trilevel/data";
 * const augment = augmentWith({ flipHorizontal: true, masks: ["mask"] });
 * const image = ndarray(Uint8Array.of(1, 2), [1, 2, 1]);
 * const { image: a, mask: b } = augment({ image, mask: image }, seeded(5));
 * if (a.data[0] !== b.data[0]) throw new Error("image and mask move together");
 * ```
 */
export function augmentWith(
  options: AugmentOptions,
): <S extends Sample>(sample: S, random: Random) => S {
  checkOptions(options);
  const { images = ["image"], masks = [], brightness = 0, contrast = 0, saturation = 0 } = options;
  return <S extends Sample>(sample: S, random: Random): S => {
    const first = picture(sample, images[0] ?? masks[0] ?? "image");
    const [height, width] = first.shape.slice(-3) as [number, number];
    // All numbers are drawn, used or not, so that switching one change on leaves the others alone.
    const [mirrorX, mirrorY] = [random.uniform() < 0.5, random.uniform() < 0.5];
    const [atY, atX] = [random.uniform(), random.uniform()];
    const around = (centre: number, spread: number) => centre + spread * (2 * random.uniform() - 1);
    const colour: Colour = {
      shift: around(0, brightness * 255),
      contrast: around(1, contrast),
      saturation: around(1, saturation),
    };
    const [cropHeight, cropWidth] = options.crop ?? [height, width];
    const box = {
      top: Math.floor(atY * (height - cropHeight + 1)),
      left: Math.floor(atX * (width - cropWidth + 1)),
      height: cropHeight,
      width: cropWidth,
    };
    const move = (field: NdArray, method: "bilinear" | "nearest"): NdArray => {
      let moved = options.crop === undefined ? field : crop(field, box);
      if (options.size !== undefined) moved = resize(moved, options.size, { method });
      if (options.flipHorizontal && mirrorX) moved = flipHorizontal(moved);
      return options.flipVertical && mirrorY ? flipVertical(moved) : moved;
    };
    const changed: Record<string, NdArray> = {};
    for (const name of masks) {
      const { data, shape } = move(picture(sample, name), "nearest");
      changed[name] = { data, shape: isLabelMap(sample[name]) ? shape.slice(0, 2) : shape };
    }
    for (const name of images) {
      const moved = move(picture(sample, name), "bilinear");
      const recoloured = brightness > 0 || contrast > 0 || saturation > 0;
      changed[name] = recoloured ? recolour(moved, colour) : moved;
    }
    return { ...sample, ...changed };
  };
}

const isLabelMap = (field: unknown) => isNdArray(field) && field.shape.length === 2;

// The field as a picture; a label map [height, width] becomes one of one channel.
function picture(sample: Sample, name: string): NdArray {
  const field = sample[name];
  if (isNdArray(field) && isLabelMap(field)) {
    return { data: field.data, shape: [...field.shape, 1] };
  }
  if (!isNdArray(field) || field.shape.length < 3) {
    throw new SampleShapeError(`the sample has no picture "${name}"`, {
      hint: `Name fields of shape […, height, width, channels]; it has ${Object.keys(sample)}`,
    });
  }
  return field;
}

interface Colour {
  readonly shift: number;
  readonly contrast: number;
  readonly saturation: number;
}

// x ← mean + contrast·(x − mean) + shift, after x ← luma + saturation·(x − luma); clamped to 0 … 255.
function recolour(image: NdArray, { shift, contrast, saturation }: Colour): NdArray {
  const channels = image.shape.at(-1)!;
  if (!(image.data instanceof Uint8Array)) {
    throw new SampleShapeError("colours can be augmented on uint8 images only", {
      hint: "Augment before converting to floats",
    });
  }
  const { data } = image;
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const out = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += channels) {
    const luma = channels < 3
      ? data[i]!
      : 0.299 * data[i]! + 0.587 * data[i + 1]! + 0.114 * data[i + 2]!;
    for (let c = 0; c < channels; c++) {
      const saturated = luma + saturation * (data[i + c]! - luma);
      out[i + c] = mean + contrast * (saturated - mean) + shift;
    }
  }
  return { data: new Uint8Array(out.buffer), shape: image.shape };
}

/**
 * Picture arithmetic on arrays `[…, height, width, channels]`: crop, resize, flip, channels, ranges.
 *
 * What a reader does to every picture is one {@linkcode Prepare}: crop, then resize, then choose
 * channels. The same value prepares images (bilinear) and masks (nearest), so that they stay aligned.
 */

import { OptionError, SampleShapeError } from "./errors.ts";
import { boolean, oneOf } from "../options/index.ts";
import { type Box, dataOptions, imageKinds } from "./options.ts";
import type { Limits } from "./limits.ts";
import { allocate, dtypeOf, elements, type NdArray, type TypedArray } from "./ndarray.ts";

/** The preparation of every picture that is read. */
export interface Prepare {
  /**
   * The part to keep: a box, `"square"` for the largest centred square, or `"clevr"` for the region of the CLEVR6
   * experiments, see {@linkcode clevrBox}.
   */
  readonly crop?: Box | "square" | "clevr" | undefined;
  /** The final `[height, width]`. */
  readonly size?: readonly [height: number, width: number] | undefined;
  /** 3 (the default) repeats grey and drops alpha; 1 is luma; `"file"` keeps what is there. */
  readonly channels?: 1 | 3 | "file" | undefined;
  /** True (the default) if shrinking averages, false if it samples, as TensorFlow's `resize` does by default. */
  readonly antialias?: boolean | undefined;
}

/** The crop of the CLEVR6 experiments for 320×240 images: rows 29 … 220, columns 64 … 255. */
export const clevrCrop: Box = { top: 29, left: 64, height: 192, width: 192 };

/**
 * The region of {@linkcode clevrCrop} in renderings of CLEVR's scenes of another size.
 *
 * CLEVR-with-masks has 320×240 pixels, CLEVR_v1.0 480×320. Blender fits the field of view to the width, so a
 * picture of 480×320 shows the middle 213 rows of what one of 320×240 shows: the scale is that of the widths, and
 * centres coincide. In 480×320 this makes rows 24 … 311, columns 96 … 383.
 *
 * @throws {OptionError} for other sizes, which are no CLEVR.
 */
export function clevrBox(height: number, width: number): Box {
  if (width === 320 && height === 240) return clevrCrop;
  if (width === 480 && height === 320) return { top: 24, left: 96, height: 288, width: 288 };
  throw new OptionError(`the crop of CLEVR is not known for ${width}×${height} pixels`, {
    hint:
      "It is for images of 320×240 (CLEVR with masks) and 480×320 (CLEVR_v1.0); give a box, or none",
  });
}

interface Axes {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly leading: readonly number[];
}

function axesOf(shape: readonly number[]): Axes {
  if (shape.length < 3) {
    throw new SampleShapeError(`expected the shape of a picture, got [${shape}]`, {
      hint: "Pictures have the axes […, height, width, channels]",
    });
  }
  const leading = shape.slice(0, -3);
  const [height, width, channels] = shape.slice(-3) as [number, number, number];
  return { batch: elements(leading), height, width, channels, leading };
}

// Builds a picture pixel by pixel: out[n, y, x, :] = picture[n, row(y), column(x), :].
function gather<D extends TypedArray>(
  picture: NdArray<D>,
  [outHeight, outWidth]: readonly [number, number],
  row: (y: number) => number,
  column: (x: number) => number,
): NdArray<D> {
  const { batch, height, width, channels, leading } = axesOf(picture.shape);
  const data = allocate(dtypeOf(picture.data), batch * outHeight * outWidth * channels) as D;
  const columns = Array.from({ length: outWidth }, (_, x) => column(x) * channels);
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (let y = 0; y < outHeight; y++) {
      const start = (n * height + row(y)) * width * channels;
      for (let x = 0; x < outWidth; x++) {
        const from = start + columns[x]!;
        for (let c = 0; c < channels; c++) data[to++] = picture.data[from + c]!;
      }
    }
  }
  return { data, shape: [...leading, outHeight, outWidth, channels] };
}

/**
 * The pixels inside `box`.
 *
 * @throws {OptionError} when the box is empty or reaches outside.
 */
export function crop<D extends TypedArray>(picture: NdArray<D>, box: Box): NdArray<D> {
  const { height, width } = axesOf(picture.shape);
  const inside = Object.values(box).every((x) => Number.isInteger(x) && x >= 0) &&
    box.height > 0 && box.width > 0 &&
    box.top + box.height <= height && box.left + box.width <= width;
  if (!inside) {
    throw new OptionError(
      `the crop ${JSON.stringify(box)} does not lie inside ${height}×${width} pixels`,
      { hint: "Give whole pixels inside the picture" },
    );
  }
  return gather(picture, [box.height, box.width], (y) => box.top + y, (x) => box.left + x);
}

/** The largest centred square. */
export function centerSquare<D extends TypedArray>(picture: NdArray<D>): NdArray<D> {
  const { height, width } = axesOf(picture.shape);
  const side = Math.min(height, width);
  return crop(picture, {
    top: (height - side) >> 1,
    left: (width - side) >> 1,
    height: side,
    width: side,
  });
}

/** Mirrors left and right. */
export function flipHorizontal<D extends TypedArray>(picture: NdArray<D>): NdArray<D> {
  const { height, width } = axesOf(picture.shape);
  return gather(picture, [height, width], (y) => y, (x) => width - 1 - x);
}

/** Mirrors top and bottom. */
export function flipVertical<D extends TypedArray>(picture: NdArray<D>): NdArray<D> {
  const { height, width } = axesOf(picture.shape);
  return gather(picture, [height, width], (y) => height - 1 - y, (x) => x);
}

// The pixels, and their weights, that make output pixel i of a triangle filter with half-pixel
// centres; the triangle is as wide as a source pixel, or as an output pixel when antialiasing.
function taps(from: number, to: number, antialias: boolean) {
  const scale = from / to;
  const radius = antialias ? Math.max(1, scale) : 1;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(centre - radius));
    const last = Math.min(from - 1, Math.floor(centre + radius));
    const weights: number[] = [];
    for (let j = first; j <= last; j++) {
      weights.push(Math.max(0, 1 - Math.abs(j - centre) / radius));
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

/** Options of {@linkcode resize}. */
export interface ResizeOptions {
  /** `"bilinear"` unless given; masks want `"nearest"`. */
  readonly method?: "bilinear" | "nearest";
  /** True if shrinking averages; true unless given. */
  readonly antialias?: boolean;
}

const checkResize = dataOptions<ResizeOptions>("resize", ["picture", "[height, width]"], {
  method: oneOf("bilinear", "nearest"),
  antialias: boolean,
});

/**
 * Resizes to `[height, width]` with half-pixel centres.
 *
 * `"bilinear"` averages over the shrunken pixel when `antialias` is set (PIL, and TensorFlow with
 * `antialias=True`), otherwise it interpolates between two neighbours (TensorFlow's default).
 * `"nearest"` takes source pixel ⌊(i+½)·from/to⌋, which is what masks need. Integer types round.
 *
 * ```ts
 * import { ndarray, resize } from "trilevel/data";
 * const picture = ndarray(Uint8Array.of(0, 100, 200, 100), [2, 2, 1]);
 * const { data } = resize(picture, [1, 1]);
 * if (data[0] !== 100) throw new Error("the mean of the four");
 * ```
 */
export function resize<D extends TypedArray>(
  picture: NdArray<D>,
  [outHeight, outWidth]: readonly [number, number],
  options: ResizeOptions = {},
): NdArray<D> {
  checkResize(options);
  const { method = "bilinear", antialias = true } = options;
  if (
    !(Number.isInteger(outHeight) && Number.isInteger(outWidth) && outHeight > 0 && outWidth > 0)
  ) {
    throw new OptionError(`expected the size of a picture, got ${outHeight}×${outWidth}`, {
      hint: "Give positive whole numbers",
    });
  }
  const { batch, height, width, channels, leading } = axesOf(picture.shape);
  if (height === outHeight && width === outWidth) {
    return { data: picture.data.slice() as D, shape: picture.shape };
  }
  if (method === "nearest") {
    const nearest = (from: number, to: number) => (i: number) =>
      Math.min(from - 1, Math.floor(((i + 0.5) * from) / to));
    return gather(
      picture,
      [outHeight, outWidth],
      nearest(height, outHeight),
      nearest(width, outWidth),
    );
  }
  const rows = taps(height, outHeight, antialias);
  const columns = taps(width, outWidth, antialias);
  const dtype = dtypeOf(picture.data);
  const data = allocate(dtype, batch * outHeight * outWidth * channels) as D;
  const round = dtype.startsWith("float") ? (x: number) => x : Math.round;
  const line = new Float64Array(width * channels); // one output row before its columns are mixed
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (const { first, weights } of rows) {
      line.fill(0);
      weights.forEach((weight, j) => {
        const start = (n * height + first + j) * width * channels;
        for (let i = 0; i < line.length; i++) line[i]! += weight * picture.data[start + i]!;
      });
      for (const { first, weights } of columns) {
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let j = 0; j < weights.length; j++) {
            sum += weights[j]! * line[(first + j) * channels + c]!;
          }
          data[to++] = round(sum);
        }
      }
    }
  }
  return { data, shape: [...leading, outHeight, outWidth, channels] };
}

/**
 * Chooses channels: 3 repeats grey and drops alpha, 1 is Rec. 601 luma .299 R + .587 G + .114 B.
 */
export function withChannels(image: NdArray<Uint8Array>, channels: 1 | 3): NdArray<Uint8Array> {
  const { channels: have } = axesOf(image.shape);
  if (have === channels) return image;
  const pixels = image.data.length / have;
  const data = new Uint8Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    const red = image.data[i * have]!;
    const green = have < 3 ? red : image.data[i * have + 1]!;
    const blue = have < 3 ? red : image.data[i * have + 2]!;
    if (channels === 1) {
      data[i] = have < 3 ? red : Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    } else {
      data[3 * i] = red;
      data[3 * i + 1] = green;
      data[3 * i + 2] = blue;
    }
  }
  return { data, shape: [...image.shape.slice(0, -1), channels] };
}

/** Openers hand on all of their options, some of which are the reader's. */
type Handed = Prepare & {
  readonly rotate?: boolean | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly workers?: number | undefined;
};
const checkGeometry = dataOptions<Handed>("prepareGeometry", ["picture"], imageKinds);
const checkPrepare = dataOptions<Handed>("prepareImage", ["image"], imageKinds);
const checkShape = dataOptions<Handed>("preparedShape", [], imageKinds);

/** Crops and resizes as `prepare` says; masks use `method: "nearest"`. */
export function prepareGeometry<D extends TypedArray>(
  picture: NdArray<D>,
  prepare: Prepare,
  method: "bilinear" | "nearest",
): NdArray<D> {
  checkGeometry(prepare);
  const { crop: box, size, antialias = true } = prepare;
  const { height, width } = axesOf(picture.shape);
  const cropped = box === undefined
    ? picture
    : box === "square"
    ? centerSquare(picture)
    : crop(picture, box === "clevr" ? clevrBox(height, width) : box);
  return size === undefined ? cropped : resize(cropped, size, { method, antialias });
}

/** Crops, resizes and chooses channels of an image as `prepare` says. */
export function prepareImage(image: NdArray<Uint8Array>, prepare: Prepare): NdArray<Uint8Array> {
  checkPrepare(prepare);
  const { channels = 3 } = prepare;
  const chosen = channels === "file" ? image : withChannels(image, channels);
  return prepareGeometry(chosen, prepare, "bilinear");
}

/** The shape that images have after {@linkcode prepareImage}, `null` where it depends on the file. */
export function preparedShape(prepare: Prepare): readonly (number | null)[] {
  checkShape(prepare);
  const { crop: box, size, channels = 3 } = prepare;
  const [height, width] = size ??
    (typeof box === "object" ? [box.height, box.width] : [null, null]);
  return [height, width, channels === "file" ? null : channels];
}

/**
 * Pixels 0 … 255 as float32 in `[low, high]`.
 *
 * ```ts
 * import { ndarray, toFloat } from "trilevel/data";
 * const { data } = toFloat(ndarray(Uint8Array.of(0, 255), [1, 2, 1]), [-1, 1]);
 * if (data[0] !== -1 || data[1] !== 1) throw new Error("expected -1 and 1");
 * ```
 */
export function toFloat(
  image: NdArray<Uint8Array>,
  [low, high]: readonly [low: number, high: number] = [0, 1],
): NdArray<Float32Array> {
  const data = new Float32Array(image.data.length);
  const scale = (high - low) / 255;
  for (let i = 0; i < data.length; i++) data[i] = image.data[i]! * scale + low;
  return { data, shape: image.shape };
}

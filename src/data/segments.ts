/** Descriptions of objects whose pixels are known: boxes, centres of mass, and optical flow as colours. */
import { count, oneOf, required } from "../options/index.ts";
import { OptionError } from "./errors.ts";
import { type NdArray, ndarray } from "./ndarray.ts";
import { dataOptions } from "./options.ts";

/** Options of {@linkcode segmentBoxes} and {@linkcode segmentCenters}. */
export interface SegmentOptions {
  /** The number of objects: labels run from 1 to it, and 0 is the background. */
  readonly objects: number;
  /** An object without a pixel is an `"error"` (the default), or gets `"zeros"`. */
  readonly hidden?: "error" | "zeros";
}

const kinds = { objects: required(count), hidden: oneOf("error", "zeros") } as const;
const checkBoxes = dataOptions<SegmentOptions>("segmentBoxes", ["segments"], kinds);
const checkCenters = dataOptions<SegmentOptions>("segmentCenters", ["segments"], kinds);

/** The object of each pixel, from 1; 0 for the background. */
export type Segments = NdArray<Uint8Array | Int32Array>;

/**
 * The box of each object, `[frames, objects, 4]`, from labels `[frames, height, width]`: ymin, xmin, ymax, xmax as fractions
 * of height and width. Pixels have edges, so that the box of all of a frame is 0, 0, 1, 1.
 *
 * ```ts
 * import { ndarray, segmentBoxes } from "trilevel/data";
 * const labels = ndarray(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1), [1, 2, 4]);
 * const boxes = segmentBoxes(labels, { objects: 1 });
 * if (String(boxes.data) !== "0,0.75,1,1") throw new Error("the last column");
 * ```
 *
 * @throws {OptionError} for an object without a pixel, unless `hidden` is `"zeros"`.
 */
export function segmentBoxes(segments: Segments, options: SegmentOptions): NdArray<Float32Array> {
  checkBoxes(options);
  return described("segmentBoxes", segments, options, 4, (extent, height, width) => [
    extent.top / height,
    extent.left / width,
    (extent.bottom + 1) / height,
    (extent.right + 1) / width,
  ]);
}

/**
 * The centre of mass of each object, `[frames, objects, 2]`, from labels `[frames, height, width]`: y and x as fractions of
 * height and width, pixels being where their centres are.
 *
 * ```ts
 * import { ndarray, segmentCenters } from "trilevel/data";
 * const labels = ndarray(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1), [1, 2, 4]);
 * const centers = segmentCenters(labels, { objects: 1 });
 * if (String(centers.data) !== "0.5,0.875") throw new Error("the last column");
 * ```
 *
 * @throws {OptionError} for an object without a pixel, unless `hidden` is `"zeros"`.
 */
export function segmentCenters(segments: Segments, options: SegmentOptions): NdArray<Float32Array> {
  checkCenters(options);
  return described(
    "segmentCenters",
    segments,
    options,
    2,
    ({ pixels, rows, columns }, height, width) => [
      (rows / pixels + 0.5) / height,
      (columns / pixels + 0.5) / width,
    ],
  );
}

/** The pixels of one object in one frame: their number, the sums of their rows and columns, the first and last of both. */
interface Extent {
  pixels: number;
  rows: number;
  columns: number;
  top: number;
  left: number;
  bottom: number;
  right: number;
}

function described(
  name: string,
  { data, shape }: Segments,
  { objects, hidden = "error" }: SegmentOptions,
  size: number,
  describe: (extent: Extent, height: number, width: number) => number[],
): NdArray<Float32Array> {
  const [frames, height, width] = shape;
  if (shape.length !== 3 || frames === undefined || height === undefined || width === undefined) {
    throw new OptionError(
      `${name}: expected labels of shape [frames, height, width], got [${shape.join(", ")}]`,
      {
        hint: "Give one frame for a single picture",
      },
    );
  }
  const found = new Float32Array(frames * objects * size);
  for (let t = 0; t < frames; t++) {
    const extents = extentsOf(data.subarray(t * height * width, (t + 1) * height * width), {
      width,
      objects,
    });
    extents.forEach((extent, k) => {
      if (extent.pixels > 0) {
        found.set(describe(extent, height, width), (t * objects + k) * size);
      } else if (hidden === "error") {
        throw new OptionError(`${name}: object ${k + 1} has no pixel in frame ${t}`, {
          hint: 'Leave the object out, or give hidden: "zeros"',
        });
      }
    });
  }
  return ndarray(found, [frames, objects, size]);
}

function extentsOf(
  labels: Segments["data"],
  { width, objects }: { readonly width: number; readonly objects: number },
): readonly Extent[] {
  const extents = Array.from({ length: objects }, (): Extent => ({
    ...{ pixels: 0, rows: 0, columns: 0 },
    ...{ top: Infinity, left: Infinity, bottom: -1, right: -1 },
  }));
  labels.forEach((label, p) => {
    const extent = extents[label - 1];
    if (extent === undefined) return; // the background, or an object that was not asked for
    const column = p % width;
    const row = (p - column) / width;
    extent.pixels++;
    extent.rows += row;
    extent.columns += column;
    extent.top = Math.min(extent.top, row);
    extent.left = Math.min(extent.left, column);
    extent.bottom = Math.max(extent.bottom, row);
    extent.right = Math.max(extent.right, column);
  });
  return extents;
}

/**
 * Optical flow as colours, RGB from 0 to 1 with the same axes: `[…, height, width, 2]` → `[…, height, width, 3]`. The hue is
 * the direction, the saturation how far, and what stands still is white (Kipf et al., 2022):
 *
 *     hue = (atan2(f₁, f₀) / π + 1) / 2,  saturation = min(1, 50 ‖f‖ / √(height² + width²)),  value = 1
 *
 * ```ts
 * import { flowColors, ndarray } from "trilevel/data";
 * const flow = ndarray(Float32Array.of(0, 0, 5, 0), [1, 2, 2]);
 * const { data } = flowColors(flow);
 * if (String(data) !== "1,1,1,0,1,1") throw new Error("white, and cyan for straight down");
 * ```
 *
 * @throws {OptionError} for arrays of other axes.
 */
export function flowColors({ data, shape }: NdArray<Float32Array>): NdArray<Float32Array> {
  const [height, width, channels] = shape.slice(-3);
  if (height === undefined || width === undefined || channels !== 2) {
    throw new OptionError(
      `flowColors: expected flow of shape [height, width, 2], got [${shape.join(", ")}]`,
      {
        hint: "Give two components for each pixel; more axes may come before",
      },
    );
  }
  const diagonal = Math.hypot(height, width);
  const colors = new Float32Array(data.length / 2 * 3);
  for (let p = 0; p < data.length / 2; p++) {
    const [first, second] = [data[2 * p]!, data[2 * p + 1]!];
    const hue = (Math.atan2(second, first) / Math.PI + 1) / 2;
    const saturation = Math.min(1, 50 * Math.hypot(first, second) / diagonal);
    for (let c = 0; c < 3; c++) {
      // Red is strongest at hue 0, green at a third, blue at two thirds (Smith, 1978).
      const part = Math.abs(((hue + 1 - c / 3) % 1) * 6 - 3) - 1;
      colors[3 * p + c] = 1 - saturation * (1 - Math.min(1, Math.max(0, part)));
    }
  }
  return ndarray(colors, [...shape.slice(0, -1), 3]);
}

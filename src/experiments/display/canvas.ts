/** Drawing on pixels: pictures, points, colours of labels. */
import { labelBackground, labelColor } from "./palette.ts";

/** A picture, RGB in [0, 1]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
  /** The opacity of each pixel, in [0, 1]; 1 unless given. A checkerboard shows through, which no data looks like. */
  readonly alpha?: Float32Array;
}

/** A picture of one colour. */
export function blank(
  width: number,
  height: number,
  [r, g, b]: readonly [number, number, number] = [1, 1, 1],
): Picture {
  const data = new Float32Array(width * height * 3);
  for (let i = 0; i < data.length; i += 3) {
    data[i] = r;
    data[i + 1] = g;
    data[i + 2] = b;
  }
  return { width, height, data };
}

/**
 * A picture with points of the plane as dots in colours. `points` are x and y in turn; the y axis points up.
 * `label` gives the colour of a point, and `size` half the width of a dot in pixels.
 */
export function scatter(
  picture: Picture,
  points: ArrayLike<number>,
  { domain: [low, high], label, size = 1 }: {
    /** The least and the greatest coordinate that the picture shows, on both axes. */
    readonly domain: readonly [number, number];
    readonly label: (point: number) => number;
    readonly size?: number;
  },
): Picture {
  const { width, height } = picture;
  const data = picture.data.slice();
  const at = (x: number, length: number) => Math.round((x - low) / (high - low) * (length - 1));
  for (let n = 0; 2 * n + 1 < points.length; n++) {
    const [x, y] = [at(points[2 * n]!, width), height - 1 - at(points[2 * n + 1]!, height)];
    const color = labelColor(label(n));
    for (let i = Math.max(0, y - size); i <= Math.min(height - 1, y + size); i++) {
      for (let j = Math.max(0, x - size); j <= Math.min(width - 1, x + size); j++) {
        data.set(color, 3 * (i * width + j));
      }
    }
  }
  return { width, height, data };
}

/** A label map in colours; `background`, if there is one, is almost black. */
export function colored(
  labels: ArrayLike<number>,
  width: number,
  height: number,
  background?: number,
): Picture {
  const picture = blank(width, height, labelBackground);
  for (let p = 0; p < width * height; p++) {
    const label = labels[p]!;
    if (label === background || Number.isNaN(label)) continue; // NaN: no label
    picture.data.set(labelColor(label), 3 * p);
  }
  return picture;
}

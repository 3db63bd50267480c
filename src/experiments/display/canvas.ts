/** Drawing on pixels: tiles in a grid, points, colours of labels, and PNG files. */
import { encode } from "fast-png";

/** An encoded PNG and its size. */
export interface Png {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/** A picture, RGB in [0, 1]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
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

/** Repeats pixels so that small pictures can be looked at. */
export function enlarge({ width, height, data }: Picture, times: number): Picture {
  const large = blank(width * times, height * times);
  for (let y = 0; y < large.height; y++) {
    for (let x = 0; x < large.width; x++) {
      const from = (Math.floor(y / times) * width + Math.floor(x / times)) * 3;
      large.data.set(data.subarray(from, from + 3), (y * large.width + x) * 3);
    }
  }
  return large;
}

/** Tiles of equal size, enlarged by a whole number to about a hundred pixels. */
export function magnified(rows: readonly (readonly Picture[])[]): Picture[][] {
  const times = Math.max(1, Math.round(96 / (rows[0]?.[0]?.height ?? 96)));
  return rows.map((row) => row.map((tile) => enlarge(tile, times)));
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
    const color = palette[label(n) % palette.length]!;
    for (let i = Math.max(0, y - size); i <= Math.min(height - 1, y + size); i++) {
      for (let j = Math.max(0, x - size); j <= Math.min(width - 1, x + size); j++) {
        data.set(color, 3 * (i * width + j));
      }
    }
  }
  return { width, height, data };
}

/** Rows of tiles of equal size on white, with gaps between them and a wider one after `headColumns`. */
export function grid(
  rows: readonly (readonly Picture[])[],
  { gap = 2, headColumns = 0 }: { readonly gap?: number; readonly headColumns?: number } = {},
): Picture {
  const { width = 1, height = 1 } = rows[0]?.[0] ?? {};
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const aside = headColumns > 0 && headColumns < columns ? 3 * gap : 0;
  const whole = blank(
    columns * (width + gap) + gap + aside,
    rows.length * (height + gap) + gap,
  );
  rows.forEach((row, r) =>
    row.forEach((tile, c) => {
      const left = gap + c * (width + gap) + (c >= headColumns ? aside : 0);
      const top = gap + r * (height + gap);
      for (let y = 0; y < tile.height; y++) {
        const line = tile.data.subarray(y * tile.width * 3, (y + 1) * tile.width * 3);
        whole.data.set(line, ((top + y) * whole.width + left) * 3);
      }
    })
  );
  return whole;
}

/** As a PNG file; values outside of [0, 1] are clipped. */
export function toPng({ width, height, data }: Picture): Png {
  const bytes = Uint8Array.from(data, (x) => Math.round(255 * Math.min(1, Math.max(0, x))));
  return { width, height, bytes: encode({ width, height, channels: 3, data: bytes }) };
}

/** Colours that are told apart easily, for labels; more repeat them. */
export const palette: readonly (readonly [number, number, number])[] = [
  [0.90, 0.62, 0.00],
  [0.34, 0.71, 0.91],
  [0.00, 0.62, 0.45],
  [0.94, 0.89, 0.26],
  [0.00, 0.45, 0.70],
  [0.84, 0.37, 0.00],
  [0.80, 0.47, 0.65],
  [0.55, 0.55, 0.55],
  [0.45, 0.20, 0.60],
  [0.60, 0.80, 0.20],
  [0.50, 0.30, 0.15],
  [0.20, 0.20, 0.20],
];

/** A label map in colours; `background`, if there is one, is almost black. */
export function colored(
  labels: ArrayLike<number>,
  width: number,
  height: number,
  background?: number,
): Picture {
  const picture = blank(width, height, [0.08, 0.08, 0.1]);
  for (let p = 0; p < width * height; p++) {
    const label = labels[p]!;
    if (label === background || Number.isNaN(label)) continue; // NaN: no label
    picture.data.set(palette[label % palette.length]!, 3 * p);
  }
  return picture;
}

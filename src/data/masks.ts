/**
 * Masks: COCO's polygons and run-length codes to pixels, and masks to label maps.
 *
 * COCO counts pixels down the columns; here masks come out as rows, 1 inside and 0 outside.
 */

import { CorruptError, SampleShapeError } from "./errors.ts";
import { count as countKind, text as textKind } from "../options/index.ts";
import { dataOptions, limitsKind } from "./options.ts";
import { checkLimit, type Limits } from "./limits.ts";
import { elements, type NdArray } from "./ndarray.ts";

/** Run lengths down the columns, alternately outside and inside, first outside. */
export interface RunLengths {
  /** `[height, width]` */
  readonly size: readonly [height: number, width: number];
  /** The lengths, or COCO's text for them. */
  readonly counts: readonly number[] | string;
}

/** The origin of a mask, for errors. */
export interface MaskSource {
  /** The file. */
  readonly path?: string;
  /** The name of the mask within the file. */
  readonly what?: string;
}

/**
 * COCO's text for run lengths: base 32 with a continuation bit, 48 added to make characters; from the
 * fourth on, each length is the difference from the one two before.
 *
 * @throws {CorruptError} when the text stops inside a number or has other characters.
 *
 * ```ts
 * import { decodeCounts } from "trilevel/data";
 * if (`${decodeCounts("12345")}` !== "1,2,3,6,8") throw new Error("differences from two before");
 * ```
 */
export function decodeCounts(text: string, where: MaskSource = {}): number[] {
  const counts: number[] = [];
  for (let p = 0; p < text.length;) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; shift += 5) {
      const code = text.charCodeAt(p++) - 48;
      // Seven digits of five bits hold more than any length.
      if (!(code >= 0 && code < 64) || shift > 30) {
        throw new CorruptError(`${where.what ?? "a run-length code"} breaks off`, {
          ...(where.path === undefined ? {} : { path: where.path, offset: 0 }),
          hint: "Check the annotations, and download them again",
        });
      }
      value |= (code & 31) << shift;
      more = (code & 32) !== 0;
      if (!more && (code & 16) !== 0) value |= -1 << (shift + 5); // the sign
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2]! : value);
  }
  return counts;
}

/**
 * The mask of run lengths, `[height, width, 1]`.
 *
 * @throws {CorruptError} when the lengths do not add up to height × width.
 */
export function runLengthsToMask(
  { size: [height, width], counts }: RunLengths,
  where: MaskSource = {},
): NdArray<Uint8Array> {
  const lengths = typeof counts === "string" ? decodeCounts(counts, where) : counts;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const whole = lengths.every((length) => Number.isSafeInteger(length) && length >= 0);
  if (total !== height * width || !whole) {
    throw new CorruptError(
      `${where.what ?? "a run-length code"} covers ${total} of ${height}×${width} pixels`,
      {
        ...(where.path === undefined ? {} : { path: where.path, offset: 0 }),
        hint: "Check the annotations, and download them again",
      },
    );
  }
  const data = new Uint8Array(height * width);
  let at = 0;
  lengths.forEach((length, i) => {
    if (i % 2 === 1) {
      for (let p = at; p < at + length; p++) {
        data[(p % height) * width + Math.floor(p / height)] = 1;
      }
    }
    at += length;
  });
  return { data, shape: [height, width, 1] };
}

/** Options of {@linkcode polygonsToMask}. */
export interface PolygonOptions extends MaskSource {
  /** Bounds of the sizes that polygons may claim. */
  readonly limits?: Partial<Limits> | undefined;
}

const checkPolygons = dataOptions<PolygonOptions>(
  "polygonsToMask",
  ["polygons", "[height, width]"],
  {
    limits: limitsKind,
    path: textKind,
    what: textKind,
  },
);

/**
 * The mask of polygons `[x0, y0, x1, y1, …]` (their union), `[height, width, 1]`, with the very pixels
 * that COCO's own tools choose.
 *
 * They walk each edge on a grid five times finer, and switch between outside and inside wherever the
 * walk crosses the centre line of a column; the boundary of one column is shared by its neighbours, so
 * what counts is parity.
 *
 * @throws {LimitError} when the walk is longer than `limits.outline`, as for corners far outside of any picture.
 */
export function polygonsToMask(
  polygons: readonly (readonly number[])[],
  [height, width]: readonly [height: number, width: number],
  options: PolygonOptions = {},
): NdArray<Uint8Array> {
  checkPolygons(options);
  const { limits, path, what = "a mask" } = options;
  const steps = polygons.reduce((sum, polygon) => sum + outline(polygon), 0);
  const pixels = polygons.length * height * width;
  checkLimit("outline", steps, `${what} has an outline of ${steps} steps`, limits, { path });
  checkLimit("maskPixels", pixels, `the polygons of ${what} have ${pixels} pixels`, limits, {
    path,
  });
  const data = new Uint8Array(height * width);
  for (const polygon of polygons) {
    const switches = new Uint8Array(height * width + 1); // down the columns
    for (const [column, row] of columnCrossings(polygon, height, width)) {
      switches[column * height + row]! ^= 1;
    }
    let inside = 0;
    for (let p = 0; p < height * width; p++) {
      inside ^= switches[p]!;
      if (inside === 1) data[(p % height) * width + Math.floor(p / height)] = 1;
    }
  }
  return { data, shape: [height, width, 1] };
}

const FINE = 5;

function* columnCrossings(
  polygon: readonly number[],
  height: number,
  width: number,
): Generator<[column: number, row: number]> {
  let before: [x: number, y: number] | undefined;
  for (const [x, y] of finePoints(polygon)) {
    if (before !== undefined && x !== before[0]) {
      const column = ((x < before[0] ? x : x - 1) + 0.5) / FINE - 0.5;
      if (Number.isInteger(column) && column >= 0 && column <= width - 1) {
        const row = (Math.min(y, before[1]) + 0.5) / FINE - 0.5;
        yield [column, Math.ceil(Math.min(Math.max(row, 0), height))];
      }
    }
    before = [x, y];
  }
}

// The length of a walk.
function outline(polygon: readonly number[]): number {
  let steps = 0;
  for (let i = 0; i < polygon.length; i += 2) {
    const next = (i + 2) % polygon.length;
    const [dx, dy] = [polygon[next]! - polygon[i]!, polygon[next + 1]! - polygon[i + 1]!];
    steps += Math.ceil(FINE * Math.max(Math.abs(dx), Math.abs(dy))) + 1;
  }
  return steps;
}

// Every point of the fine grid along the edges, in order.
function* finePoints(polygon: readonly number[]): Generator<[x: number, y: number]> {
  const corners = polygon.length >> 1;
  const fine = (i: number) => Math.trunc(FINE * polygon[i]! + 0.5);
  for (let j = 0; j < corners; j++) {
    const next = (j + 1) % corners;
    const [x0, y0, x1, y1] = [fine(2 * j), fine(2 * j + 1), fine(2 * next), fine(2 * next + 1)];
    const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
    const steps = Math.max(dx, dy);
    // Interpolating always upwards makes an edge the same set of points in both directions.
    const down = dx >= dy ? x0 > x1 : y0 > y1;
    const [xs, ys, xe, ye] = down ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
    const slope = steps === 0 ? 0 : dx >= dy ? (ye - ys) / dx : (xe - xs) / dy;
    for (let d = 0; d <= steps; d++) {
      const t = down ? steps - d : d;
      yield dx >= dy
        ? [xs + t, Math.trunc(ys + slope * t + 0.5)]
        : [Math.trunc(xs + slope * t + 0.5), ys + t];
    }
  }
}

const checkLabels = dataOptions<{ readonly backgrounds?: number }>("masksToLabels", ["masks"], {
  backgrounds: countKind,
});

/**
 * The mask that owns each pixel: turns masks `[n, height, width, 1]` into a label map `[height, width]`.
 *
 * The largest value wins, the first among equals. The first `backgrounds` masks (1 unless
 * given, 4 in Objects Room, 0 in COCO) and pixels in no mask are 0; the masks after them are 1, 2, ….
 *
 * @throws {SampleShapeError} for another shape, or more than 255 labels.
 *
 * ```ts
 * import { masksToLabels, ndarray } from "trilevel/data";
 * const masks = ndarray(Uint8Array.of(255, 0, 0, 255), [2, 1, 2, 1]);
 * const { data } = masksToLabels(masks, { backgrounds: 0 });
 * if (data[0] !== 1 || data[1] !== 2) throw new Error("labels 1 and 2");
 * ```
 */
export function masksToLabels(
  { data, shape }: NdArray,
  options: { readonly backgrounds?: number } = {},
): NdArray<Uint8Array> {
  checkLabels(options);
  const { backgrounds = 1 } = options;
  const [count, height, width, channels] = shape;
  if (shape.length !== 4 || channels !== 1 || count! - backgrounds > 255) {
    throw new SampleShapeError(`masks of shape [${shape}] have no label map of bytes`, {
      hint: "Give masks [n, height, width, 1], at most 255 of objects",
    });
  }
  const pixels = elements([height!, width!]);
  const labels = new Uint8Array(pixels);
  for (let p = 0; p < pixels; p++) {
    let most = 0;
    for (let n = 0; n < count!; n++) {
      const value = data[n * pixels + p]!;
      if (value > most) [most, labels[p]] = [value, Math.max(0, n + 1 - backgrounds)];
    }
  }
  return { data: labels, shape: [height!, width!] };
}

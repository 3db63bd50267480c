/**
 * Panels: tiles in rows under the heads of their columns, as reports, event files and papers show them. Pixels are
 * repeated, never blended, and transparent pixels lie on a checkerboard.
 */
import type { Picture } from "./canvas.ts";
import { encodeApng, encodePng, type Pixels, type Png } from "./png.ts";
import { fontFamily, rasterize } from "./rasterize.ts";

/** Rows of tiles of one size. */
export interface Panel {
  /** The heads of the columns. */
  readonly heads: readonly string[];
  readonly rows: readonly (readonly Picture[])[];
  /** The number of first columns that stand apart from the others, as images do from what a model makes of them. */
  readonly headColumns?: number;
}

/** Pictures or panels of one size, one after another, such as the frames of a video: an animated PNG. */
export interface Film {
  readonly frames: readonly (Picture | Panel)[];
  readonly framesPerSecond?: number;
}

/** A single picture, a panel of many, or a film of them. */
export type Figure = Picture | Panel | Film;

/** The least width and height of a tile in pixels: half an inch in print. */
export const tileSize = 160;

const gap = 6;
const squares = [0.74, 0.9] as const;

/** A figure as a PNG file: single pictures as they are, tiles of panels enlarged by a whole number, films animated. */
export async function toPng(figure: Figure): Promise<Png> {
  if (!("frames" in figure)) return encodePng(await stillPixels(figure));
  const frames = await Promise.all(figure.frames.map(stillPixels));
  const { framesPerSecond } = figure;
  return encodeApng(frames, framesPerSecond === undefined ? {} : { framesPerSecond });
}

const stillPixels = async (still: Picture | Panel): Promise<Pixels> =>
  "rows" in still ? await panelPixels(still) : pixelsOf(still);

/** A panel as pixels. */
async function panelPixels({ heads, rows, headColumns = 0 }: Panel): Promise<Pixels> {
  const { width = 1, height = 1 } = rows[0]?.[0] ?? {};
  const times = Math.max(1, Math.ceil(tileSize / Math.min(width, height)));
  const [tileWidth, tileHeight] = [width * times, height * times];
  const columns = Math.max(heads.length, ...rows.map(({ length }) => length));
  const aside = headColumns > 0 && headColumns < columns ? 3 * gap : 0;
  const left = (c: number) => gap + c * (tileWidth + gap) + (c >= headColumns ? aside : 0);
  const wide = columns * (tileWidth + gap) + gap + aside;
  const centers = heads.map((_, c) => left(c) + tileWidth / 2);
  const strip = heads.length === 0 ? undefined : await headStrip(heads, centers, wide, tileWidth);
  const top = strip?.height ?? 0;
  const high = top + rows.length * (tileHeight + gap) + gap;
  const data = new Uint8Array(3 * wide * high).fill(255);
  if (strip !== undefined) data.set(strip.data);
  rows.forEach((row, r) =>
    row.forEach((tile, c) => {
      const pixels = pixelsOf(tile, times).data;
      for (let y = 0; y < tileHeight; y++) {
        const line = pixels.subarray(3 * y * tileWidth, 3 * (y + 1) * tileWidth);
        data.set(line, 3 * ((top + gap + r * (tileHeight + gap) + y) * wide + left(c)));
      }
    })
  );
  return { width: wide, height: high, channels: 3, data };
}

/** The heads of columns on white, as large as the longest one allows. */
async function headStrip(
  heads: readonly string[],
  centers: readonly number[],
  width: number,
  tileWidth: number,
): Promise<Pixels> {
  // A character is about half as wide as it is high.
  const longest = Math.max(1, ...heads.map(({ length }) => length));
  const size = Math.max(11, Math.min(26, Math.floor(tileWidth / (0.5 * longest))));
  const height = Math.ceil(1.5 * size);
  const texts = heads.map((head, c) =>
    `<text x="${centers[c]}" y="${size + 2}" text-anchor="middle">${escaped(head)}</text>`
  );
  const { data } = await rasterize(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-size="${size}" ` +
      `font-family="${fontFamily}"><rect width="100%" height="100%" fill="#fff"/>${
        texts.join("")
      }</svg>`,
  );
  const opaque = new Uint8Array(3 * width * height);
  for (let i = 0; i < opaque.length; i++) opaque[i] = data[i + Math.floor(i / 3)]!;
  return { width, height, channels: 3, data: opaque };
}

const escaped = (text: string) => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * The bytes of a picture, each pixel repeated in both directions so that small pictures can be looked at. Values outside of
 * [0, 1] are clipped, and transparent pixels show the checkerboard.
 */
function pixelsOf({ width, height, data, alpha }: Picture, times = 1): Pixels {
  const clipped = (x: number) => Math.min(1, Math.max(0, x));
  const [wide, high] = [width * times, height * times];
  const bytes = new Uint8Array(3 * wide * high);
  for (let y = 0; y < high; y++) {
    if (alpha === undefined && y % times > 0) {
      bytes.copyWithin(3 * y * wide, 3 * (y - 1) * wide, 3 * y * wide); // the same row again
      continue;
    }
    for (let x = 0; x < wide; x++) {
      const from = Math.floor(y / times) * width + Math.floor(x / times);
      const a = alpha === undefined ? 1 : clipped(alpha[from]!);
      const behind = (1 - a) * squares[((x >> 3) + (y >> 3)) % 2]!;
      for (let c = 0; c < 3; c++) {
        bytes[3 * (y * wide + x) + c] = Math.round(
          255 * (a * clipped(data[3 * from + c]!) + behind),
        );
      }
    }
  }
  return { width: wide, height: high, channels: 3, data: bytes };
}

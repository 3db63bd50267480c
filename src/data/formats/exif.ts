/** The orientation that cameras store with the pixels (Exif 2.32, tag 274), and turning pictures by it. */

import type { Image } from "./decoded.ts";

const ORIENTATION = 0x0112;

/** The orientation in the TIFF structure of an Exif block; 1, upright, where it has none that makes sense. */
export function orientationOf(exif: Uint8Array | undefined): number {
  if (exif === undefined || exif.length < 14) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const mark = view.getUint16(0);
  if (mark !== 0x4949 && mark !== 0x4d4d) return 1;
  const little = mark === 0x4949;
  const start = view.getUint32(4, little);
  if (start + 2 > exif.length) return 1;
  const count = view.getUint16(start, little);
  for (let i = 0, at = start + 2; i < count && at + 12 <= exif.length; i++, at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return view.getUint16(at + 2, little) === 3 && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/**
 * The upright form of an image with an orientation: 2 is mirrored left to right, 3 turned by half, 4 mirrored
 * top to bottom, 5 transposed, 6 to be turned clockwise, 7 transposed along the other diagonal, 8 to be turned
 * counterclockwise.
 */
export function upright({ data, shape }: Image, orientation: number): Image {
  if (orientation === 1) return { data, shape };
  const [height, width, channels] = shape as [number, number, number];
  const swapped = orientation >= 5;
  const [rows, columns] = swapped ? [width, height] : [height, width];
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  let to = 0;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [row, column] = swapped ? [x, y] : [y, x];
      const sourceRow = fromBottom ? height - 1 - row : row;
      const sourceColumn = fromRight ? width - 1 - column : column;
      const from = (sourceRow * width + sourceColumn) * channels;
      for (let c = 0; c < channels; c++) out[to++] = data[from + c]!;
    }
  }
  return { data: out, shape: [rows, columns, channels] };
}

/**
 * PNG files to pixels (W3C PNG, third edition): all colour types, 1 to 16 bits, interlaced or not.
 *
 * All chunks are checked before anything is inflated, and the pixels may inflate to exactly what the header
 * announces. Chunks that do not change pixels as stored (text, colour profiles, suggested palettes) have no effect.
 */

import { crc32, inflateSync } from "node:zlib";
import { CorruptError, TruncatedError, UnsupportedError } from "../errors.ts";
import { checkLimit, type Limits } from "../limits.ts";
import type { Decoded } from "./decoded.ts";
import { orientationOf } from "./exif.ts";
import { mostInflated } from "./inflate.ts";

/** The first bytes of every PNG. */
export const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;

const again = "Download the file again";

// Channels as stored and possible depths of each colour type.
const colourTypes: { readonly [type: number]: { channels: number; depths: readonly number[] } } = {
  0: { channels: 1, depths: [1, 2, 4, 8, 16] },
  2: { channels: 3, depths: [8, 16] },
  3: { channels: 1, depths: [1, 2, 4, 8] },
  4: { channels: 2, depths: [8, 16] },
  6: { channels: 4, depths: [8, 16] },
};
const PALETTE = 3;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly channels: number;
  readonly interlaced: boolean;
}

interface Chunks {
  readonly header: Header;
  readonly palette: Uint8Array | undefined;
  readonly transparency: Uint8Array | undefined;
  readonly exif: Uint8Array | undefined;
  readonly data: readonly Uint8Array[];
}

/**
 * Decodes a PNG file: 1 channel for grey, 2 for grey and alpha, 3 for colour (palettes too), 4 with alpha.
 * Values of 16 bits are scaled to 8 and rounded, those of fewer bits are scaled up.
 *
 * @throws {TruncatedError}, {@linkcode CorruptError}, {@linkcode LimitError}; {@linkcode UnsupportedError} for
 * critical chunks that the standard does not know.
 */
export function decodePng(bytes: Uint8Array, path?: string, limits?: Partial<Limits>): Decoded {
  const fault = (what: string, offset?: number) =>
    new CorruptError(`the PNG image cannot be decoded: ${what}`, { path, offset, hint: again });
  const { header, palette, transparency, exif, data } = readChunks(bytes, path, limits, fault);
  const { width, height, depth, colourType, channels } = header;
  const passes = passesOf(header);
  const expected = passes.reduce((sum, { rows, rowBytes }) => sum + rows * (1 + rowBytes), 0);
  const keyed = transparency !== undefined && colourType < PALETTE;
  // 16 bits are kept only where a transparent colour is to be found among them.
  const wide = depth === 16 && keyed;
  const stored = new (wide ? Uint16Array : Uint8Array)(width * height * channels);
  const raw = inflateExactly(data, expected, bytes, path);
  let at = 0;
  for (const pass of passes) {
    if (!unfilter(raw, at, pass, Math.max(1, (depth * channels) >> 3))) {
      throw fault("a row has an unknown filter");
    }
    scatter(raw, at, pass, header, stored);
    at += pass.rows * (1 + pass.rowBytes);
  }
  if (colourType === PALETTE) {
    const image = fromPalette(stored as Uint8Array, header, palette!, transparency);
    if (image === undefined) throw fault("a pixel has a colour that the palette lacks");
    return { image, orientation: orientationOf(exif) };
  }
  const alpha = keyed ? transparencyOf(stored, channels, transparency) : undefined;
  const most = wide ? 65535 : Math.min(255, 2 ** depth - 1);
  const done = alpha === undefined && most === 255;
  const out = done
    ? stored as Uint8Array
    : new Uint8Array(width * height * (channels + (alpha ? 1 : 0)));
  if (!done) {
    const scaled = Uint8Array.from({ length: most + 1 }, (_, v) => Math.round((v * 255) / most));
    for (let i = 0, from = 0, to = 0; i < width * height; i++) {
      for (let c = 0; c < channels; c++) out[to++] = scaled[stored[from++]!]!;
      if (alpha !== undefined) out[to++] = alpha[i]!;
    }
  }
  const shape = [height, width, channels + (alpha ? 1 : 0)];
  return { image: { data: out, shape }, orientation: orientationOf(exif) };
}

// A PNG is a signature and chunks (length, type, data, CRC of type and data), from IHDR to IEND.
function readChunks(
  bytes: Uint8Array,
  path: string | undefined,
  limits: Partial<Limits> | undefined,
  fault: (what: string, offset?: number) => CorruptError,
): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  let transparency: Uint8Array | undefined;
  let exif: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  let before = "";
  for (let offset: number = pngSignature.length;;) {
    const length = offset + 12 <= bytes.length ? view.getUint32(offset) : 0;
    const end = offset + 12 + length;
    if (end > bytes.length) {
      throw new TruncatedError("the PNG image ends before its last chunk", {
        path,
        offset: bytes.length,
        hint: again,
      });
    }
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    if (crc32(bytes.subarray(offset + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw fault(`the checksum of the chunk ${JSON.stringify(type)} is wrong`, offset);
    }
    const body = bytes.subarray(offset + 8, end - 4);
    if ((type === "IHDR") !== (before === "")) throw fault(`${type} is out of place`, offset);
    if (type === "IHDR") header = readHeader(body, offset, path, limits, fault);
    else if (type === "PLTE") {
      if (palette !== undefined || data.length > 0) throw fault("PLTE is out of place", offset);
      if (body.length % 3 !== 0 || body.length === 0 || body.length > 768) {
        throw fault(`the palette has ${body.length} bytes`, offset);
      }
      palette = body;
    } else if (type === "tRNS") transparency = body;
    else if (type === "eXIf") exif = body;
    else if (type === "IDAT") {
      if (data.length > 0 && before !== "IDAT") throw fault("IDAT is out of place", offset);
      data.push(body);
    } else if (type === "IEND") break;
    else if ((bytes[offset + 4]! & 0x20) === 0) { // an upper-case letter: pixels depend on it
      throw new UnsupportedError(
        `a PNG image with the chunk ${JSON.stringify(type)} is not supported`,
        {
          path,
          offset,
          hint: "Convert it to an ordinary PNG",
        },
      );
    }
    before = type;
    offset = end;
  }
  if (header === undefined || data.length === 0) throw fault("it has no pixels");
  if (header.colourType === PALETTE && palette === undefined) throw fault("its palette is missing");
  if (transparency !== undefined && header.colourType < PALETTE) {
    if (transparency.length !== 2 * header.channels) throw fault("its tRNS has a wrong length");
  }
  return { header, palette, transparency, exif, data };
}

function readHeader(
  body: Uint8Array,
  offset: number,
  path: string | undefined,
  limits: Partial<Limits> | undefined,
  fault: (what: string, offset?: number) => CorruptError,
): Header {
  if (body.length !== 13) throw fault(`the header has ${body.length} bytes, not 13`, offset);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = body.subarray(8) as unknown as [
    number,
    number,
    number,
    number,
    number,
  ];
  const kind = colourTypes[colourType];
  const known = kind?.depths.includes(depth) && compression === 0 && filter === 0 && interlace <= 1;
  if (!known || width === 0 || height === 0 || width > 2 ** 31 - 1 || height > 2 ** 31 - 1) {
    throw fault("its header is not one that the PNG standard allows", offset);
  }
  const what = `the image has ${width}×${height} pixels`;
  checkLimit("pixels", width * height, what, limits, { path, offset });
  return {
    width,
    height,
    depth,
    colourType,
    channels: kind!.channels,
    interlaced: interlace === 1,
  };
}

/** A part of the pixels that is stored together: every one, or those of one pass of Adam7. */
interface Pass {
  readonly rows: number;
  readonly columns: number;
  readonly rowBytes: number;
  /** The first row and column in the image, and the steps between them. */
  readonly y0: number;
  readonly x0: number;
  readonly dy: number;
  readonly dx: number;
}

const adam7 = [
  [0, 0, 8, 8],
  [0, 4, 8, 8],
  [4, 0, 8, 4],
  [0, 2, 4, 4],
  [2, 0, 4, 2],
  [0, 1, 2, 2],
  [1, 0, 2, 1],
] as const;

function passesOf({ width, height, depth, channels, interlaced }: Header): Pass[] {
  return (interlaced ? adam7 : [[0, 0, 1, 1]] as const).map(([y0, x0, dy, dx]) => {
    const rows = Math.ceil((height - y0) / dy);
    const columns = Math.ceil((width - x0) / dx);
    const rowBytes = Math.ceil((columns * channels * depth) / 8);
    return { rows, columns, rowBytes, y0, x0, dy, dx };
  }).filter(({ rows, columns }) => rows > 0 && columns > 0);
}

function inflateExactly(
  data: readonly Uint8Array[],
  expected: number,
  { length: offset }: Uint8Array,
  path: string | undefined,
): Uint8Array {
  const compressed = data.length === 1 ? data[0]! : Buffer.concat(data);
  const short = () =>
    new TruncatedError("the PNG image has fewer pixels than its header says", {
      path,
      offset,
      hint: again,
    });
  if (mostInflated(compressed.length) < expected) throw short();
  let raw: Uint8Array;
  try {
    // One piece of full size, so that nothing has to be joined.
    raw = inflateSync(compressed, {
      maxOutputLength: expected,
      chunkSize: Math.max(64, expected + 16),
    });
  } catch (cause) {
    const more = cause instanceof RangeError;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CorruptError(
      more
        ? "the PNG image inflates to more pixels than its header says"
        : `the pixels of the PNG image cannot be inflated: ${reason}`,
      { path, hint: again, cause },
    );
  }
  if (raw.length < expected) throw short();
  return raw;
}

// Undoes the filters of a pass in place; false when a row has an unknown one.
function unfilter(raw: Uint8Array, start: number, { rows, rowBytes }: Pass, bpp: number): boolean {
  const zeros = new Uint8Array(rowBytes);
  let above: Uint8Array = zeros;
  for (let y = 0; y < rows; y++) {
    const at = start + y * (1 + rowBytes) + 1;
    const filter = raw[at - 1]!;
    const row = raw.subarray(at, at + rowBytes);
    if (filter === 1) {
      for (let i = bpp; i < rowBytes; i++) row[i] = row[i]! + row[i - bpp]!;
    } else if (filter === 2) {
      for (let i = 0; i < rowBytes; i++) row[i] = row[i]! + above[i]!;
    } else if (filter === 3) {
      for (let i = 0; i < rowBytes; i++) {
        row[i] = row[i]! + (((i < bpp ? 0 : row[i - bpp]!) + above[i]!) >> 1);
      }
    } else if (filter === 4) {
      // In the first pixel of a row only the one above is known, and it is the nearest.
      for (let i = 0; i < bpp; i++) row[i] = row[i]! + above[i]!;
      for (let i = bpp; i < rowBytes; i++) {
        row[i] = row[i]! + paeth(row[i - bpp]!, above[i]!, above[i - bpp]!);
      }
    } else if (filter !== 0) return false;
    above = row;
  }
  return true;
}

// The neighbour nearest to left + up − corner: left, if it is at least as near as the others, else up, else the
// corner. It is chosen by sign bits, since branches that depend on noise take several times as long.
function paeth(left: number, up: number, corner: number): number {
  const a = Math.abs(up - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + up - 2 * corner);
  const other = up ^ ((up ^ corner) & ((c - b) >> 31));
  return left ^ ((left ^ other) & (((b - a) | (c - a)) >> 31));
}

// Puts the samples of a pass where they belong; those of 16 bits are scaled to 8 and rounded for arrays of bytes.
function scatter(
  raw: Uint8Array,
  start: number,
  { rows, columns, rowBytes, y0, x0, dy, dx }: Pass,
  { width, depth, channels }: Header,
  out: Uint8Array | Uint16Array,
): void {
  const mask = 2 ** depth - 1;
  const scaled = out instanceof Uint8Array;
  for (let y = 0; y < rows; y++) {
    const row = start + y * (1 + rowBytes) + 1;
    const line = (y0 + y * dy) * width;
    if (depth === 8 && dx === 1) {
      out.set(raw.subarray(row, row + rowBytes), line * channels);
      continue;
    }
    for (let x = 0; x < columns; x++) {
      let to = (line + x0 + x * dx) * channels;
      for (let i = x * channels; i < (x + 1) * channels; i++) {
        if (depth === 8) out[to++] = raw[row + i]!;
        else if (depth === 16) {
          const value = (raw[row + 2 * i]! << 8) | raw[row + 2 * i + 1]!;
          out[to++] = scaled ? (value * 255 + 32895) >> 16 : value; // round(value / 257)
        } else {
          const bit = i * depth;
          out[to++] = (raw[row + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
        }
      }
    }
  }
}

function fromPalette(
  indices: Uint8Array,
  { width, height }: Header,
  palette: Uint8Array,
  transparency: Uint8Array | undefined,
) {
  const channels = transparency === undefined ? 3 : 4;
  const data = new Uint8Array(indices.length * channels);
  for (let i = 0, to = 0; i < indices.length; i++) {
    const from = 3 * indices[i]!;
    if (from >= palette.length) return undefined;
    data[to++] = palette[from]!;
    data[to++] = palette[from + 1]!;
    data[to++] = palette[from + 2]!;
    if (transparency !== undefined) data[to++] = transparency[indices[i]!] ?? 255;
  }
  return { data, shape: [height, width, channels] };
}

// Alpha where one colour is transparent.
function transparencyOf(
  samples: Uint8Array | Uint16Array,
  channels: number,
  key: Uint8Array,
): Uint8Array {
  const alpha = new Uint8Array(samples.length / channels);
  for (let i = 0; i < alpha.length; i++) {
    for (let c = 0; c < channels; c++) {
      if (samples[i * channels + c] !== ((key[2 * c]! << 8) | key[2 * c + 1]!)) alpha[i] = 255;
    }
  }
  return alpha;
}

/**
 * PNG and JPEG files to pixels.
 *
 * Decoders are lenient where readers must not be: a PNG without its end, or a JPEG whose second half
 * never arrived, decodes to something. So the structure of a file is walked first, and every fault is
 * reported with its offset.
 */

import { convertIndexedToRgb, decode as decodePng } from "fast-png";
import jpeg from "jpeg-js";
import { crc32 } from "node:zlib";
import { CorruptError, DataError, TruncatedError, WrongKindError } from "./errors.ts";
import type { NdArray } from "./ndarray.ts";

/** Pixels 0 … 255, shape `[height, width, channels]`. */
export type Image = NdArray<Uint8Array>;

const again = "Download the file again";

/**
 * Decodes a PNG (any colour type, 1 to 16 bits) or a JPEG (baseline or progressive).
 *
 * @param path named in errors.
 * @returns as many channels as the file has: 1 grey, 2 grey and alpha, 3 colour (palettes too), 4 with
 * alpha. 16-bit values are scaled to 8 bits; grey of fewer bits is scaled up.
 * @throws {WrongKindError} for anything but PNG and JPEG, {@linkcode TruncatedError},
 * {@linkcode CorruptError}.
 */
export function decodeImage(bytes: Uint8Array, path?: string): Image {
  const kind = imageKind(bytes);
  if (kind === undefined) {
    throw new (bytes.length === 0 ? TruncatedError : WrongKindError)(
      bytes.length === 0 ? "the file is empty" : `this is no PNG or JPEG: it starts ${hex(bytes)}`,
      { path, offset: 0, cure: "Check that the file is an image, and download it again" },
    );
  }
  try {
    if (kind === "jpeg") return fromJpeg(bytes, checkJpeg(bytes, path));
    checkPng(bytes, path);
    return fromPng(bytes);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new CorruptError(`the ${kind.toUpperCase()} image cannot be decoded: ${what}`, {
      path,
      offset: 0,
      cure: again,
      cause: error,
    });
  }
}

const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function imageKind(bytes: Uint8Array): "png" | "jpeg" | undefined {
  const starts = (signature: readonly number[]) =>
    signature.every((byte, i) => bytes[i] === byte || (i > 0 && i >= bytes.length));
  if (bytes.length === 0) return undefined;
  if (starts(pngSignature)) return "png";
  return starts([0xff, 0xd8, 0xff]) ? "jpeg" : undefined;
}

const hex = (bytes: Uint8Array): string =>
  [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

// A PNG is a signature and chunks (length, type, data, CRC of type and data), the last one IEND.
function checkPng(bytes: Uint8Array, path: string | undefined): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = pngSignature.length;
  for (let type = ""; type !== "IEND";) {
    const length = offset + 12 <= bytes.length ? view.getUint32(offset) : 0;
    const end = offset + 12 + length;
    if (end > bytes.length) {
      throw new TruncatedError("the PNG image ends before its last chunk", {
        path,
        offset: bytes.length,
        cure: again,
      });
    }
    type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    const crc = crc32(bytes.subarray(offset + 4, end - 4));
    if (crc !== view.getUint32(end - 4)) {
      throw new CorruptError(`the checksum of the PNG chunk ${JSON.stringify(type)} is wrong`, {
        path,
        offset,
        cure: again,
      });
    }
    offset = end;
  }
}

// A JPEG is markers (0xff, code), most of them with a length; after start-of-scan comes coded data in
// which 0xff is followed by 0 or a restart code; it ends with the marker d9. Returns the number of
// colour components, which the start-of-frame markers c0 … c2 tell.
function checkJpeg(bytes: Uint8Array, path: string | undefined): number {
  let components = 3;
  let offset = 2;
  while (offset + 1 < bytes.length) {
    if (bytes[offset] !== 0xff) {
      throw new CorruptError("a JPEG marker was expected", { path, offset, cure: again });
    }
    const marker = bytes[offset + 1]!;
    if (marker === 0xff) { // a fill byte
      offset++;
      continue;
    }
    if (marker === 0xd9) return components;
    if (marker >= 0xc0 && marker <= 0xc2) components = bytes[offset + 9] ?? 3;
    offset += 2 + (((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0));
    if (marker !== 0xda) continue;
    const inData = (code: number | undefined) =>
      code === 0 || (code !== undefined && code >= 0xd0 && code <= 0xd7);
    for (
      offset = bytes.indexOf(0xff, offset);
      offset >= 0 && inData(bytes[offset + 1]);
      offset = bytes.indexOf(0xff, offset + 2)
    );
    if (offset < 0) break;
  }
  throw new TruncatedError("the JPEG image ends before its end marker", {
    path,
    offset: bytes.length,
    cure: again,
  });
}

function fromPng(bytes: Uint8Array): Image {
  const png = decodePng(bytes);
  const { width, height, depth } = png;
  if (png.palette !== undefined) {
    const data = Uint8Array.from(convertIndexedToRgb(png));
    return { data, shape: [height, width, data.length / (width * height)] };
  }
  // Below 8 bits, rows are packed and padded to whole bytes.
  const scale = depth === 16 ? 1 / 257 : 255 / (2 ** depth - 1);
  const source = png.data;
  if (depth === 8) {
    return { data: Uint8Array.from(source), shape: [height, width, png.channels] };
  }
  const data = new Uint8Array(width * height * png.channels);
  if (depth === 16) {
    for (let i = 0; i < data.length; i++) data[i] = Math.round(source[i]! * scale);
  } else {
    const rowBytes = Math.ceil((width * depth) / 8);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const bit = x * depth;
        const byte = source[y * rowBytes + (bit >> 3)]!;
        data[y * width + x] = ((byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1)) * scale;
      }
    }
  }
  return { data, shape: [height, width, png.channels] };
}

function fromJpeg(bytes: Uint8Array, components: number): Image {
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxMemoryUsageInMB: 2048,
  });
  // The decoder repeats grey three times.
  const channels = components === 1 ? 1 : 3;
  const pixels = channels === 1 ? data.filter((_, i) => i % 3 === 0) : data;
  return { data: new Uint8Array(pixels), shape: [height, width, channels] };
}

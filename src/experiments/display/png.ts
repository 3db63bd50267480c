/** PNG files for print and screen, and animated ones (APNG), which browsers and viewers play. */
import { crc32 } from "node:zlib";
import { encode } from "fast-png";

/** An encoded PNG and its size. */
export interface Png {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/** Pixels of one byte a channel. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

/** The resolution that files say they have, which decides how large they are in print. */
export const dotsPerInch = 300;

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** A PNG file of 300 dots per inch. */
export function encodePng(pixels: Pixels): Png {
  const [header, ...rest] = chunksOf(encode(pixels));
  return { ...sizeOf(pixels), bytes: file([header!, resolution(), ...rest]) };
}

/**
 * An animation: all frames have one size, and it is repeated for ever. Viewers that know nothing of APNG show the first
 * frame.
 */
export function encodeApng(
  frames: readonly Pixels[],
  { framesPerSecond = 8 }: { readonly framesPerSecond?: number } = {},
): Png {
  const [first, ...others] = frames;
  if (first === undefined) {
    throw new RangeError("encodeApng: expected at least one frame, got none");
  }
  if (others.some(({ width, height }) => width !== first.width || height !== first.height)) {
    throw new RangeError("encodeApng: expected all frames to have the size of the first");
  }
  let sequence = 0;
  const control = (): Chunk => ({
    type: "fcTL",
    data: numbers(
      [4, sequence++],
      [4, first.width],
      [4, first.height],
      [4, 0],
      [4, 0],
      [2, 1000],
      [2, Math.round(1000 * framesPerSecond)],
      [1, 0], // leave the frame as it is
      [1, 0], // replace, do not blend
    ),
  });
  const images = (frame: Pixels) =>
    chunksOf(encode(frame)).filter(({ type }) => type === "IDAT").map(({ data }) => data);
  const [header] = chunksOf(encode(first));
  const parts: Chunk[] = [
    header!,
    resolution(),
    { type: "acTL", data: numbers([4, frames.length], [4, 0]) },
    control(),
    ...images(first).map((data) => ({ type: "IDAT", data })),
  ];
  for (const frame of others) {
    parts.push(control());
    for (const data of images(frame)) {
      parts.push({ type: "fdAT", data: joined([numbers([4, sequence++]), data]) });
    }
  }
  return {
    ...sizeOf(first),
    bytes: file([...parts, { type: "IEND", data: new Uint8Array() }]),
  };
}

const sizeOf = ({ width, height }: Pixels) => ({ width, height });

/** Dots per metre, on both axes. */
function resolution(): Chunk {
  const perMetre = Math.round(dotsPerInch / 0.0254);
  return { type: "pHYs", data: numbers([4, perMetre], [4, perMetre], [1, 1]) };
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** A file is its signature, then chunks: length, type, data, and a checksum of type and data. */
function file(chunks: readonly Chunk[]): Uint8Array {
  return joined([
    signature,
    ...chunks.flatMap(({ type, data }) => {
      const body = joined([new TextEncoder().encode(type), data]);
      return [numbers([4, data.length]), body, numbers([4, crc32(body)])];
    }),
  ]);
}

function chunksOf(png: Uint8Array): Chunk[] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: Chunk[] = [];
  for (let at = signature.length; at < png.length;) {
    const length = view.getUint32(at);
    const type = new TextDecoder().decode(png.subarray(at + 4, at + 8));
    chunks.push({ type, data: png.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return chunks;
}

/** Whole numbers of 1, 2 or 4 bytes, the greatest byte first. */
function numbers(...fields: readonly (readonly [size: 1 | 2 | 4, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of fields) {
    for (let i = size - 1; i >= 0; i--) bytes[at++] = Math.floor(value / 256 ** i) % 256;
  }
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * PNG and JPEG files to pixels.
 *
 * The decoders are our own, apart from zlib: those of JavaScript that could be had give other pixels than
 * libjpeg and libpng for many kinds of files, native ones are not there on every machine, and a data set
 * must not depend on either. They give the pixels of Pillow to the last bit, or refuse.
 */

import { TruncatedError, WrongKindError } from "./errors.ts";
import { boolean } from "../options/index.ts";
import { dataOptions, limitsKind } from "./options.ts";
import type { Image } from "./formats/decoded.ts";
import { upright } from "./formats/exif.ts";
import { decodeJpeg } from "./formats/jpeg/index.ts";
import { decodePng, pngSignature } from "./formats/png.ts";
import type { Limits } from "./limits.ts";

export type { Image } from "./formats/decoded.ts";

/** Options of {@linkcode decodeImage}. */
export interface DecodeOptions {
  /** If true, which is the default, an image is turned as the camera noted (Exif). */
  readonly rotate?: boolean | undefined;
  /** See {@linkcode Limits}. */
  readonly limits?: Partial<Pick<Limits, "pixels" | "scans">> | undefined;
}

const checkOptions = dataOptions<DecodeOptions>("decodeImage", ["bytes", "path"], {
  rotate: boolean,
  limits: limitsKind,
});

/**
 * Decodes a PNG (any colour type, 1 to 16 bits) or a JPEG (8 bits, baseline or progressive).
 *
 * Pixels are those that libpng and libjpeg give, to the last bit. Colour profiles are not applied.
 *
 * @param path named in errors.
 * @returns as many channels as the file has: 1 grey, 2 grey and alpha, 3 colour (palettes and CMYK too), 4 with
 * alpha. 16-bit values are scaled to 8 bits; grey of fewer bits is scaled up.
 * @throws {WrongKindError} for anything but PNG and JPEG, {@linkcode TruncatedError},
 * {@linkcode CorruptError}, {@linkcode UnsupportedError} for kinds that are not read, {@linkcode LimitError} for
 * more pixels than 2²⁵ unless given.
 */
export function decodeImage(
  bytes: Uint8Array,
  path?: string,
  options: DecodeOptions = {},
): Image {
  checkOptions(options);
  const { rotate = true, limits } = options;
  const decode = decoderOf(bytes);
  if (decode === undefined) {
    throw new (bytes.length === 0 ? TruncatedError : WrongKindError)(
      bytes.length === 0
        ? "the file is empty"
        : `this is neither a PNG nor a JPEG image: it starts with ${hex(bytes)}`,
      { path, offset: 0, hint: "Check that the file is an image, and download it again" },
    );
  }
  const { image, orientation } = decode(bytes, path, limits);
  return rotate ? upright(image, orientation) : image;
}

function decoderOf(bytes: Uint8Array): typeof decodePng | undefined {
  const starts = (signature: readonly number[]) =>
    signature.every((byte, i) => bytes[i] === byte || (i > 0 && i >= bytes.length));
  if (bytes.length === 0) return undefined;
  if (starts(pngSignature)) return decodePng;
  return starts([0xff, 0xd8, 0xff]) ? decodeJpeg : undefined;
}

const hex = (bytes: Uint8Array): string =>
  [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

/**
 * dSprites: 737,280 binary pictures of one sprite, and the six factors that made each.
 *
 * Uncompressed the pictures are 3 GB, one byte a pixel. They are inflated once, when opened, into one
 * bit a pixel (377 MB), which gives random access from memory.
 */

import { type Dataset, makeDataset } from "../dataset.ts";
import { CorruptError, WrongKindError } from "../errors.ts";
import { boolean, positive } from "../../options/index.ts";
import { dataOptions, geometryKinds, limitsKind } from "../options.ts";
import { type Prepare, preparedShape, prepareGeometry } from "../image.ts";
import type { Limits } from "../limits.ts";
import { elements, fromBytes, type NdArray } from "../ndarray.ts";
import { type NpzFile, openNpz } from "../formats/npz.ts";

/** The columns of the latents. */
export const dspritesFactors = ["color", "shape", "scale", "orientation", "x", "y"] as const;

/** One picture of dSprites. */
export type DspritesSample = {
  /** 0 or 255, `[64, 64, 1]` or as prepared. */
  readonly image: NdArray<Uint8Array>;
  /** `[6]`: shape 1 square, 2 ellipse, 3 heart; orientation in radians; positions in [0, 1]. */
  readonly latents: NdArray<Float64Array>;
  /** The same as indices of the values each factor takes, `[6]`. */
  readonly classes: NdArray<Int32Array>;
};

/** Options of {@linkcode openDsprites}. */
export interface DspritesOptions extends Omit<Prepare, "channels"> {
  /** Keep only the first pictures. */
  readonly limit?: number;
  /**
   * True (the default) to verify the checksum of all pictures, for which the archive is inflated to its end, a few seconds for
   * the whole of dSprites. `false` reads no further than `limit`, and checks nothing of
   * the pictures but that they are 0 and 1.
   */
  readonly verify?: boolean;
  /** Bounds of the sizes that the file may claim, see {@linkcode Limits}. */
  readonly limits?: Partial<Limits> | undefined;
}

const checkOpenDsprites = dataOptions<DspritesOptions>("openDsprites", ["path"], {
  limit: positive,
  verify: boolean,
  limits: limitsKind,
  ...geometryKinds,
});

/**
 * Opens `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`.
 *
 * @throws {WrongKindError}, {@linkcode TruncatedError}, {@linkcode CorruptError}
 */
export async function openDsprites(
  path: string,
  options: DspritesOptions = {},
): Promise<Dataset<DspritesSample>> {
  checkOpenDsprites(options);
  const { limit = Infinity, verify = true, limits, ...prepare } = options;
  const archive = await openNpz(path, limits);
  try {
    const { bits, shape: [count = 0, height = 0, width = 0] } = await readBits(
      archive,
      limit,
      verify,
    );
    const latents = await readFactors(archive, "latents_values", count);
    const classes = await readFactors(archive, "latents_classes", count);
    const pixels = height * width;
    const unpack = (i: number): NdArray<Uint8Array> => {
      const data = new Uint8Array(pixels);
      for (let p = 0, bit = i * pixels; p < pixels; p++, bit++) {
        data[p] = ((bits[bit >> 3]! >> (bit & 7)) & 1) * 255;
      }
      return { data, shape: [height, width, 1] };
    };
    const row = (table: Float64Array, i: number) => table.slice(6 * i, 6 * i + 6);
    const [outHeight, outWidth] = preparedShape({ size: [height, width], ...prepare });
    return makeDataset<DspritesSample>({
      size: Math.min(count, limit),
      schema: {
        image: { shape: [outHeight!, outWidth!, 1], dtype: "uint8" },
        latents: { shape: [6], dtype: "float64" },
        classes: { shape: [6], dtype: "int32" },
      },
      get: (i) => ({
        image: prepareGeometry(unpack(i), prepare, "bilinear"),
        latents: { data: row(latents, i), shape: [6] },
        classes: { data: Int32Array.from(row(classes, i)), shape: [6] },
      }),
    });
  } finally {
    await archive.close();
  }
}

async function readBits(archive: NpzFile, limit: number, verify: boolean) {
  const { header: { dtype, shape }, data } = await archive.stream("imgs");
  const { path } = archive;
  if (dtype !== "uint8" || shape.length !== 3) {
    throw new WrongKindError(`"imgs" is ${dtype}[${shape}], not uint8[N, height, width]`, {
      path,
      offset: 0,
      hint: "Check that the file is dSprites",
    });
  }
  const wanted = Math.min(shape[0]!, limit) * shape[1]! * shape[2]!;
  const bits = new Uint8Array(Math.ceil(wanted / 8));
  let at = 0;
  for await (const piece of data) {
    const length = Math.min(piece.length, wanted - at);
    for (let i = 0; i < length; i++, at++) {
      const value = piece[i]!;
      if (value > 1) {
        throw new CorruptError(`pixel ${at} of "imgs" is ${value}, not 0 or 1`, {
          path,
          offset: archive.entries.get("imgs")!.offset,
          hint: "Check that the file is dSprites, and download it again",
        });
      }
      bits[at >> 3]! |= value << (at & 7);
    }
    if (at === wanted && limit < shape[0]! && !verify) break;
  }
  return { bits, shape };
}

async function readFactors(archive: NpzFile, name: string, count: number): Promise<Float64Array> {
  const { header: { dtype, shape }, data } = await archive.stream(name);
  const { path } = archive;
  if (shape.length !== 2 || shape[0] !== count || shape[1] !== 6) {
    throw new WrongKindError(`"${name}" has the shape [${shape}], not [${count}, 6]`, {
      path,
      offset: 0,
      hint: "Check that the file is dSprites",
    });
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of data) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  if (dtype !== "int64") return Float64Array.from(fromBytes(dtype, bytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from(
    { length: elements(shape) },
    (_, i) => Number(view.getBigInt64(8 * i, true)),
  );
}

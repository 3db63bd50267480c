/** A folder of images. */

import { join } from "node:path";
import { type Dataset, makeDataset } from "../dataset.ts";
import { type ImageOptions, openDecoder } from "../decoder.ts";
import { MissingFileError } from "../errors.ts";
import { boolean } from "../../options/index.ts";
import { dataOptions, imageKinds } from "../options.ts";
import { listFiles } from "../files.ts";
import { preparedShape } from "../image.ts";
import type { NdArray } from "../ndarray.ts";

/** One image. */
export type FolderSample = {
  /** `[height, width, 3]`, or as prepared. */
  readonly image: NdArray<Uint8Array>;
  /** The path of the file below the folder, with `/`. */
  readonly name: string;
};

/** Options of {@linkcode openFolder}. */
export interface FolderOptions extends ImageOptions {
  /** If true, which is the default, folders below are searched too. */
  readonly recursive?: boolean;
}

const checkOpenFolder = dataOptions<FolderOptions>("openFolder", ["path"], {
  recursive: boolean,
  ...imageKinds,
});

/**
 * Opens all `.png`, `.jpg` and `.jpeg` files of a folder, sorted by path.
 *
 * Give `size` when images differ in size and are to be batched. Images are turned as the camera noted (Exif),
 * unless `rotate` is false.
 *
 * @throws {MissingFileError} when there is no folder or no image; the errors of images when read.
 */
export async function openFolder(
  path: string,
  options: FolderOptions = {},
): Promise<Dataset<FolderSample>> {
  checkOpenFolder(options);
  const { recursive = true, ...imageOptions } = options;
  const names = await listFiles(path, /\.(png|jpe?g)$/i, { recursive });
  if (names.length === 0) {
    throw new MissingFileError("there are no PNG or JPEG images here", {
      path,
      hint: "Give a folder of .png, .jpg or .jpeg files",
    });
  }
  const decoder = openDecoder(imageOptions);
  return makeDataset<FolderSample>({
    size: names.length,
    schema: {
      image: { shape: preparedShape(imageOptions), dtype: "uint8" },
      name: { shape: [], dtype: "json" },
    },
    get: async (i) => ({ image: await decoder.decode(join(path, names[i]!)), name: names[i]! }),
    close: () => decoder.close(),
  });
}

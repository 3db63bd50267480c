/** 3D Shapes: 480,000 pictures of one object in a room, and the six factors that made each. */

import { type Dataset, makeDataset } from "../dataset.ts";
import { WrongKindError } from "../errors.ts";
import { dataOptions, limitsKind, prepareKinds } from "../options.ts";
import { openHdf5 } from "../formats/hdf5.ts";
import { type Prepare, preparedShape, prepareImage } from "../image.ts";
import type { Limits } from "../limits.ts";
import type { NdArray } from "../ndarray.ts";

/** The columns of the labels. */
export const shapes3dFactors = [
  "floorHue",
  "wallHue",
  "objectHue",
  "scale",
  "shape",
  "orientation",
] as const;

/** One picture of 3D Shapes. */
export type Shapes3dSample = {
  /** `[64, 64, 3]`, or as prepared. */
  readonly image: NdArray<Uint8Array>;
  /** `[6]`, in the order of {@linkcode shapes3dFactors}; hues in [0, 1), orientation in degrees. */
  readonly labels: NdArray<Float64Array>;
};

const checkOpenShapes3d = dataOptions<Prepare & { readonly limits?: Partial<Limits> }>(
  "openShapes3d",
  ["path"],
  { ...prepareKinds, limits: limitsKind },
);

/**
 * Opens `3dshapes.h5`. The file is read lazily; it is chunked, so wrap it in `cached` for training.
 *
 * @throws {WrongKindError}, {@linkcode TruncatedError}, {@linkcode UnsupportedError},
 * {@linkcode CorruptError}
 */
export async function openShapes3d(
  path: string,
  options: Prepare & { readonly limits?: Partial<Limits> } = {},
): Promise<Dataset<Shapes3dSample>> {
  checkOpenShapes3d(options);
  const { limits, ...prepare } = options;
  const file = await openHdf5(path, limits);
  try {
    const images = await file.array("images");
    const labels = await file.array("labels");
    const [size = 0, height, width] = images.shape;
    const fits = images.shape.length === 4 && images.dtype === "uint8" && images.shape[3] === 3 &&
      labels.shape.length === 2 && labels.shape[0] === size && labels.shape[1] === 6 &&
      labels.dtype === "float64";
    if (!fits) {
      throw new WrongKindError(
        `images ${images.dtype}[${images.shape}] and labels ${labels.dtype}[${labels.shape}] are not ` +
          "3D Shapes (uint8[N, 64, 64, 3] and float64[N, 6])",
        { path, offset: 0, hint: "Check that the file is 3dshapes.h5" },
      );
    }
    const shape = preparedShape({ size: [height!, width!], ...prepare });
    return makeDataset<Shapes3dSample>({
      size,
      schema: { image: { shape, dtype: "uint8" }, labels: { shape: [6], dtype: "float64" } },
      get: (i) => ({
        image: prepareImage(images.take(i) as NdArray<Uint8Array>, prepare),
        labels: labels.take(i) as NdArray<Float64Array>,
      }),
      close: () => file.close(),
    });
  } catch (error) {
    file.close();
    throw error;
  }
}

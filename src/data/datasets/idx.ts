/** MNIST, and whatever else is published in its form: idx files of images and of labels. */

import { type Dataset, makeDataset } from "../dataset.ts";
import { SampleShapeError, TruncatedError, WrongKindError } from "../errors.ts";
import { openFile, type RandomAccessFile } from "../files.ts";
import { type NdArray, ndarray } from "../ndarray.ts";

/** One image with its label. */
export type IdxSample = {
  /** 0 … 255, `[height, width, 1]`. */
  readonly image: NdArray<Uint8Array>;
  /** The class, `[]`. */
  readonly label: NdArray<Uint8Array>;
};

/** A file whose header was read. */
interface IdxFile {
  readonly file: RandomAccessFile;
  readonly shape: readonly number[];
  readonly start: number;
}

/**
 * Opens a file of images and the file of their labels, for example `train-images-idx3-ubyte` and
 * `train-labels-idx1-ubyte` of MNIST or Fashion-MNIST, unpacked. Files are read lazily.
 *
 * The format: two zero bytes, the type (8: unsigned bytes), the number of axes, each length as a big-endian 32-bit number,
 * and the elements.
 *
 * @throws {WrongKindError} for other files; {@linkcode TruncatedError} when elements are missing;
 * {@linkcode SampleShapeError} when there are more images than labels, or fewer; {@linkcode MissingFileError}.
 *
 * ```ts
 * import { openIdx } from "trilevel/data";
 * const folder = await Deno.makeTempDir();
 * const header = (...lengths: number[]) => [0, 0, 8, lengths.length, ...lengths.flatMap((n) => [0, 0, 0, n])];
 * await Deno.writeFile(`${folder}/images`, Uint8Array.from([...header(2, 1, 3), 1, 2, 3, 4, 5, 6]));
 * await Deno.writeFile(`${folder}/labels`, Uint8Array.from([...header(2), 7, 9]));
 * await using digits = await openIdx(`${folder}/images`, `${folder}/labels`);
 * const { image, label } = await digits.get(1);
 * if (`${image.data} ${image.shape} ${label.data}` !== "4,5,6 1,3,1 9") throw new Error("the second image");
 * ```
 */
export async function openIdx(images: string, labels: string): Promise<Dataset<IdxSample>> {
  const pictures = await openPart(images, 3);
  let classes: IdxFile | undefined;
  try {
    classes = await openPart(labels, 1);
    const [size, height, width] = pictures.shape as [number, number, number]; // three axes
    if (classes.shape[0] !== size) {
      throw new SampleShapeError(`${size} images have ${classes.shape[0]} labels`, {
        path: labels,
        hint: "Give the images and the labels of one part",
      });
    }
    const { file, start } = classes;
    const all = await file.read(start, size);
    const pixels = height * width;
    return makeDataset<IdxSample>({
      size,
      schema: {
        image: { shape: [height, width, 1], dtype: "uint8" },
        label: { shape: [], dtype: "uint8" },
      },
      get: async (i) => ({
        image: ndarray(await pictures.file.read(pictures.start + i * pixels, pixels), [
          height,
          width,
          1,
        ]),
        label: ndarray(all.slice(i, i + 1), []),
      }),
      close: () => pictures.file.close(),
    });
  } catch (error) {
    await pictures.file.close();
    throw error;
  } finally {
    await classes?.file.close();
  }
}

async function openPart(path: string, axes: number): Promise<IdxFile> {
  const file = await openFile(path);
  try {
    const start = 4 + 4 * axes;
    const head = await file.read(0, Math.min(start, file.size));
    if (head[0] === 0x1f && head[1] === 0x8b) {
      throw new WrongKindError("the file is compressed by gzip", {
        path,
        offset: 0,
        hint: "Decompress it: gunzip file.gz",
      });
    }
    if (
      head.length < start || head[0] !== 0 || head[1] !== 0 || head[2] !== 8 || head[3] !== axes
    ) {
      throw new WrongKindError(`this is not an idx file of unsigned bytes with ${axes} axes`, {
        path,
        offset: 0,
        hint: "Images are in files idx3-ubyte, labels in files idx1-ubyte",
      });
    }
    const view = new DataView(head.buffer, head.byteOffset);
    const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
    const expected = start + shape.reduce((product, length) => product * length, 1);
    if (file.size < expected) {
      throw new TruncatedError(`expected a file of ${expected} bytes, found ${file.size}`, {
        path,
        offset: file.size,
        hint: "Download the file again",
      });
    }
    return { file, shape, start };
  } catch (error) {
    await file.close();
    throw error;
  }
}

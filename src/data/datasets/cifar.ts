/** CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their binary form. */

import { basename } from "node:path";
import { type Dataset, makeDataset } from "../dataset.ts";
import { MissingFileError, TruncatedError, WrongKindError } from "../errors.ts";
import { openFile, type RandomAccessFile } from "../files.ts";
import { type NdArray, ndarray } from "../ndarray.ts";

/** One image with its class. */
export type CifarSample = {
  /** RGB, `[32, 32, 3]`. */
  readonly image: NdArray<Uint8Array>;
  /** The class, `[]`; of CIFAR-100 the fine one of a hundred. */
  readonly label: NdArray<Uint8Array>;
};

const SIDE = 32;
const PIXELS = SIDE * SIDE;
/** The bytes of labels before the pixels of a record, and the classes that the last of them tells apart. */
const kinds = { "CIFAR-10": [1, 10], "CIFAR-100": [2, 100] } as const;

/**
 * Opens binary files of CIFAR-10 (`data_batch_1.bin` … `data_batch_5.bin`, `test_batch.bin`) or of CIFAR-100 (`train.bin`,
 * `test.bin`) as one dataset, in their order. Which of the two they are follows from their names. Files are read lazily.
 *
 * A record is the label (of CIFAR-100 the coarse one, then the fine one) and 1024 bytes each of red, green and blue.
 *
 * @throws {WrongKindError} for files of other sizes or labels; {@linkcode TruncatedError} when one ends inside a record;
 * {@linkcode MissingFileError}.
 *
 * ```ts
 * import { openCifar } from "trilevel/data";
 * const path = `${await Deno.makeTempDir()}/test_batch.bin`;
 * await Deno.writeFile(path, Uint8Array.from({ length: 2 * 3073 }, (_, i) => i < 3073 ? 3 : 7));
 * await using images = await openCifar([path]);
 * const { image, label } = await images.get(1);
 * if (`${image.shape} ${label.data}` !== "32,32,3 7") throw new Error("the second record");
 * ```
 */
export async function openCifar(paths: readonly string[]): Promise<Dataset<CifarSample>> {
  if (paths.length === 0) {
    throw new MissingFileError("no files were given", {
      hint: "Give data_batch_1.bin … data_batch_5.bin, or train.bin",
    });
  }
  const files: { readonly file: RandomAccessFile; readonly first: number }[] = [];
  const name = /(^|[\\/])(train|test)\.bin$/.test(paths[0]!) ? "CIFAR-100" : "CIFAR-10";
  const [labels, classes] = kinds[name];
  const record = labels + 3 * PIXELS;
  let size = 0;
  const close = async () => {
    for (const { file } of files) await file.close();
  };
  try {
    for (const path of paths) {
      const file = await openFile(path);
      files.push({ file, first: size });
      if (file.size % record !== 0) {
        throw new TruncatedError(
          `the file ends inside record ${Math.floor(file.size / record)} of ${record} bytes`,
          { path, offset: file.size, hint: `Check that it is a binary file of ${name}` },
        );
      }
      size += file.size / record;
    }
  } catch (error) {
    await close();
    throw error;
  }
  return makeDataset<CifarSample>({
    size,
    schema: {
      image: { shape: [SIDE, SIDE, 3], dtype: "uint8" },
      label: { shape: [], dtype: "uint8" },
    },
    async get(i) {
      const { file, first } = files.findLast((one) => one.first <= i)!; // the first one begins at 0
      const offset = (i - first) * record;
      const bytes = await file.read(offset, record);
      const label = bytes[labels - 1]!;
      if (label >= classes) {
        throw new WrongKindError(`${name} has no class ${label}`, {
          path: file.path,
          offset: offset + labels - 1,
          hint: `Check that ${basename(file.path)} is a binary file of ${name}`,
        });
      }
      const image = new Uint8Array(3 * PIXELS);
      for (let p = 0; p < PIXELS; p++) {
        for (let c = 0; c < 3; c++) image[3 * p + c] = bytes[labels + c * PIXELS + p]!;
      }
      return {
        image: ndarray(image, [SIDE, SIDE, 3]),
        label: ndarray(Uint8Array.of(label), []),
      };
    },
    close,
  });
}

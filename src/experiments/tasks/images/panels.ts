/**
 * Panels of what a model with slots sees, one row an image:
 *
 * - `overview`: the first image alone, with all outputs of its slots
 * - `reconstruction`: image, reconstruction, and each slot's own picture where its mask is
 * - `masks`: image, true objects (where known), and whose pixel it is
 * - `attention`: image, and the image where each slot looks
 */
import { argmaxMasks } from "../../../metrics/index.ts";
import { blank, colored, type Picture } from "../../display/canvas.ts";
import type { Panel } from "../../display/panel.ts";
import type { HostArray, Seen } from "../task.ts";
import { type Example, imagePicture, labelPicture, pictureOf } from "./examples.ts";
import { matchedLabels } from "./matching.ts";

/** Entry k of a stack, `[slots, …]`. */
export function entry({ data, shape }: HostArray, k: number): HostArray {
  const own = shape.slice(1);
  const size = own.reduce((product, n) => product * n, 1);
  return { data: Array.prototype.slice.call(data, k * size, (k + 1) * size), shape: own };
}

/** The numbers of the slots of a stack. */
export const slotsOf = ({ shape }: HostArray) => Array.from({ length: shape[0]! }, (_, k) => k);

/** The heads of the columns of slots, in the first of some outputs. */
export const slotHeads = (outputs: HostArray | undefined) =>
  outputs === undefined ? [] : slotsOf(outputs).map((k) => `slot ${k + 1}`);

/**
 * The first image in one row: what the model draws, whose pixel each is in its colours of slots, and the part of each slot.
 * What it has to say needs no other picture.
 */
export function overviewPanel(
  seen: readonly Seen<Example, "reconstruction" | "components" | "masks">[],
): Panel {
  const { heads: [image, drawn, ...slots], rows } = reconstructionPanel(seen.slice(0, 1));
  const { rows: masks } = maskPanel(seen.slice(0, 1));
  const labelled = seen[0]?.sample.labels !== null;
  return {
    heads: [image!, drawn!, "objects found", ...slots], // a reconstruction panel begins with both
    rows: rows.map(([first, second, ...parts], i) => [
      first!,
      second!,
      masks[i]![labelled ? 2 : 1]!,
      ...parts,
    ]),
    headColumns: 3,
  };
}

/** Images, reconstructions `[height, width, 3]`, and the parts of slots `[slots, height, width, 3]` in their masks. */
export function reconstructionPanel(
  seen: readonly Seen<Example, "reconstruction" | "components" | "masks">[],
): Panel {
  return {
    heads: ["image", "reconstruction", ...slotHeads(seen[0]?.output.masks)],
    rows: seen.map(({ sample, output: { reconstruction, components, masks } }) => [
      imagePicture(sample),
      pictureOf(reconstruction),
      ...slotsOf(masks).map((k) => ({
        ...pictureOf(entry(components, k)),
        alpha: Float32Array.from(entry(masks, k).data),
      })),
    ]),
    headColumns: 2,
  };
}

/**
 * Images and whose pixel each is: the true objects where all images have them, the masks `[slots, height, width]`. Slots
 * have the colours of the objects that they match.
 */
export function maskPanel(seen: readonly Seen<Example, "masks">[]): Panel {
  const labelled = seen.every(({ sample }) => sample.labels !== null);
  return {
    heads: [
      "image",
      ...(labelled ? ["true objects"] : []),
      "predicted",
      ...slotHeads(seen[0]?.output.masks),
    ],
    rows: seen.map(({ sample, output: { masks } }) => {
      const [slots, height, width] = masks.shape as readonly [number, number, number];
      const segments = argmaxMasks(masks.data, slots);
      const hard = sample.labels === null
        ? colored(segments, width, height)
        : colored(matchedLabels(sample.labels.data, segments), width, height, 0);
      const soft = slotsOf(masks).map((k) => {
        const { data } = entry(masks, k);
        const picture = blank(width, height);
        for (let p = 0; p < data.length; p++) picture.data.fill(data[p]!, 3 * p, 3 * p + 3);
        return picture;
      });
      const truth = labelled ? [labelPicture(sample)] : [];
      return [imagePicture(sample), ...truth, hard, ...soft];
    }),
    headColumns: labelled ? 3 : 2,
  };
}

/** Images, and the image where each slot looks, from attention `[slots, rows, columns]`. */
export function attentionPanel(seen: readonly Seen<Example, "attention">[]): Panel {
  return {
    heads: ["image", ...slotHeads(seen[0]?.output.attention)],
    rows: seen.map(({ sample, output: { attention } }) => {
      const image = imagePicture(sample);
      return [
        image,
        ...slotsOf(attention).map((k) => overlay(image, entry(attention, k))),
      ];
    }),
    headColumns: 1,
  };
}

/** An image where a slot's map, `[rows, columns]`, has 1; it is transparent where the map has 0. */
export function overlay(image: Picture, { data, shape }: HostArray): Picture {
  const [rows, columns] = shape as readonly [number, number];
  const { width, height } = image;
  const alpha = Float32Array.from({ length: width * height }, (_, p) => {
    const [x, y] = [p % width, Math.floor(p / width)];
    return data[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)]!;
  });
  return { ...image, alpha };
}

/** Titles and captions of the pictures above. */
export const panelCaptions = {
  overview: {
    title: "One image, taken apart",
    caption:
      "An image that the model was not trained on, what the model draws of it, which slot each pixel belongs to, and the " +
      "part that each slot draws alone. The parts laid together are the drawing. The model was given no labels.",
  },
  reconstruction: {
    title: "Reconstruction by slots",
    caption:
      "Each row is a validation image: the image, its reconstruction, and each slot's picture where its mask is. " +
      "The checkerboard is where a slot draws nothing.",
  },
  masks: {
    title: "Masks",
    caption:
      "The image, the true objects where they are known, the slot that each pixel belongs to, and each slot's soft " +
      "mask (white is 1). Each slot has the colour of the true object that it matches best; the background is almost black.",
  },
  attention: {
    title: "Attention",
    caption: "The image, and the image where each slot looks; the checkerboard is elsewhere.",
  },
} as const;

/**
 * Pictures of slots that are refined: what each iterate draws and who has each pixel, and what becomes of an image as one
 * latent of one slot is varied.
 */
import { argmaxMasks } from "../../../metrics/index.ts";
import { colored } from "../../display/canvas.ts";
import type { Panel } from "../../display/panel.ts";
import type { Seen } from "../task.ts";
import { np, type Tensor } from "../../../index.ts";
import type { Decoded } from "../../../models/index.ts";
import { type Example, imagePicture, pictureOf } from "./examples.ts";
import { matchedLabels } from "./matching.ts";
import { entry, slotsOf } from "./panels.ts";

/** Pixels in [−1, 1], as data has them, in a model's [0, 1], and the other way round. */
export const toUnit = (image: Tensor) => image.add(1).mul(0.5);
export const fromUnit = (image: Tensor) => np.clip(image, 0, 1).mul(2).sub(1);

/** Iterates of images, two rows each: their reconstructions above, and below the slot of each pixel. */
export function refinementPanel(
  seen: readonly Seen<Example, "iterates" | "iterateMasks">[],
): Panel {
  const some = seen.slice(0, 3);
  const count = some[0]?.output.iterates.shape[0] ?? 0;
  return {
    heads: ["image", ...Array.from({ length: count }, (_, t) => `iterate ${t + 1}`)],
    rows: some.flatMap(({ sample, output: { iterates, iterateMasks } }) => {
      const image = imagePicture(sample);
      const segments = slotsOf(iterateMasks).map((t) => {
        const { data, shape } = entry(iterateMasks, t);
        const own = argmaxMasks(data, shape[0]!);
        const { width, height } = image;
        return sample.labels === null
          ? colored(own, width, height)
          : colored(matchedLabels(sample.labels.data, own), width, height, 0);
      });
      return [
        [image, ...slotsOf(iterates).map((t) => pictureOf(entry(iterates, t)))],
        [image, ...segments],
      ];
    }),
    headColumns: 1,
  };
}

/** Values that a latent takes, in deviations of the prior. */
const values = [-2, -1, 0, 1, 2];
/** The number of latents that are varied. */
const varied = 3;

/**
 * Images [batch, latents, values, height, width, 3] of slots [batch, slots, size] of which one has one of its first latents
 * replaced: the one that has most of the image after the one that has most of all, which is often the background.
 */
export function traversalsOf(
  decode: (latents: Tensor) => Decoded,
  { latents, masks }: { readonly latents: Tensor; readonly masks: Tensor },
): Tensor {
  const [batch, slots, size] = latents.shape as [number, number, number];
  const order = np.argsort(np.mean(masks, { axis: [2, 3] }), { axis: -1 });
  const chosen = np.oneHot(np.take(order, slots - 2, { axis: 1 }), slots);
  const rows = Array.from({ length: Math.min(varied, size) }, (_, d) =>
    values.map((value) => {
      const here = np.expandDims(chosen, -1).mul(
        np.oneHot(np.array([d], { dtype: "int32" }), size),
      );
      return latents.mul(np.subtract(1, here)).add(here.mul(value));
    }));
  const all = np.stack(rows.flat(), { axis: 1 });
  const many = all.shape[1]!;
  const { reconstruction } = decode(all.reshape([batch * many, slots, size]));
  return reconstruction.reshape([
    batch,
    rows.length,
    values.length,
    ...reconstruction.shape.slice(1),
  ]);
}

/** Traversals of the first images, a row for each latent. */
export function traversalPanel(seen: readonly Seen<Example, "traversals">[]): Panel {
  return {
    heads: ["image", ...values.map((value) => `${value < 0 ? "−" : ""}${Math.abs(value)} σ`)],
    rows: seen.slice(0, 2).flatMap(({ sample, output: { traversals } }) =>
      slotsOf(traversals).map((d) => {
        const row = entry(traversals, d);
        return [imagePicture(sample), ...slotsOf(row).map((v) => pictureOf(entry(row, v)))];
      })
    ),
    headColumns: 1,
  };
}

/** Titles and captions of the pictures above. */
export const refinementCaptions = {
  refinement: {
    title: "Refinement",
    caption:
      "The image, and below each iterate's head its reconstruction and the slot of each pixel. " +
      "Slots have the colours of the true objects that they match in that iterate.",
  },
  traversal: {
    title: "Latents of one slot",
    caption:
      "Each row varies one latent of one slot, from −2 to 2 standard deviations of the prior; the other latents and slots stay.",
  },
} as const;

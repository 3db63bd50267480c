/**
 * Scenes of other slots than an image has: without some of them, with those of another image, or of a library of concepts,
 * which are clusters of the slots of many images (Singh et al., 2022, §4.3).
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { foriLoop } from "../control/index.ts";
import * as np from "../numpy/index.ts";
import {
  count as countKind,
  declareOptions,
  listOf,
  pairOf,
  requireArgument,
  required,
  requireShape,
  size as sizeKind,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { errorIf } from "../transforms/index.ts";

/**
 * Slots in the order of their attention, int32 [batch, slots], the one that attends to least first: an order in which to
 * remove them. Attention is [batch, inputs, slots].
 *
 * ```ts
 * import { slotOrder } from "trilevel/models";
 * import { np } from "trilevel";
 * const order = slotOrder(np.array([[[0.7, 0.1, 0.2], [0.6, 0.3, 0.1]]]));
 * console.assert(String(await order.data()) === "2,1,0");
 * ```
 *
 * @throws ShapeError unless attention has three axes.
 */
export function slotOrder(attention: Tensor): Tensor {
  const hint = "give the attention that a model returned";
  requireShape("slotOrder: the attention is", attention, ["batch", "inputs", "slots"], hint);
  return np.argsort(np.sum(attention, { axis: 1 }), { axis: -1 }).astype("int32");
}

/**
 * The slots [batch, slots, size] without the first `count` of each image's order, [batch, slots]: what a decoder draws
 * without these objects. Others keep their places.
 *
 * ```ts
 * import { removeSlots } from "trilevel/models";
 * import { np } from "trilevel";
 * const slots = np.array([[[1], [2], [3]]]);
 * const left = removeSlots(slots, np.array([[1, 0, 2]]).astype("int32"), 1);
 * console.assert(String(await left.data()) === "1,3");
 * ```
 *
 * @throws ArgumentError when fewer than one slot would be left; ShapeError for an order of other slots.
 */
export function removeSlots(slots: Tensor, order: Tensor, count: number): Tensor {
  requireArgument("removeSlots", "count", countKind, count, ["slots", "order"]);
  const hint = "give slots as a model returned them, and their order as slotOrder gives it";
  requireShape("removeSlots: the slots are", slots, ["batch", "slots", "size"], hint);
  const [batch, total] = slots.shape as readonly [number, number, number]; // see above
  requireShape("removeSlots: the order is", order, [batch, total], hint);
  if (count >= total) {
    throw new ArgumentError(
      `removeSlots: cannot remove ${count} of ${total} slots`,
      `give at most ${total - 1}, so that one is left to draw`,
    );
  }
  const kept = np.sort(np.slice(order, [], [count, total]), { axis: -1 });
  return np.takeAlongAxis(slots, np.expandDims(kept, -1), { axis: 1 });
}

/** A slot among those of several images, both counted from 0. */
export type SlotPick = readonly [image: number, slot: number];

/**
 * One scene of slots of several images, [1, picks, size], from slots [images, slots, size].
 *
 * ```ts
 * import { combineSlots } from "trilevel/models";
 * import { np } from "trilevel";
 * const slots = np.array([[[1], [2]], [[3], [4]]]);
 * const scene = combineSlots(slots, [[1, 0], [0, 1]]);
 * console.assert(String(await scene.data()) === "3,2");
 * ```
 *
 * @throws ArgumentError for no picks, and for slots that are not there.
 */
export function combineSlots(slots: Tensor, picks: readonly SlotPick[]): Tensor {
  const hint = "give slots as a model returned them";
  requireShape("combineSlots: the slots are", slots, ["images", "slots", "size"], hint);
  const [images, each, size] = slots.shape as readonly [number, number, number]; // see above
  requireArgument("combineSlots", "picks", listOf(pairOf(countKind)), picks, ["slots"]);
  const missing = picks.find(([image, slot]) => image >= images || slot >= each);
  if (picks.length === 0 || missing !== undefined) {
    throw new ArgumentError(
      missing === undefined
        ? "combineSlots: the list of picked slots is empty"
        : `combineSlots: there is no slot ${missing[1]} of image ${
          missing[0]
        }; there are ${images} images of ${each} slots`,
      "give pairs of an image and a slot, counted from 0: [[0, 1], [1, 0]]",
    );
  }
  const rows = Int32Array.from(picks, ([image, slot]) => image * each + slot);
  const all = slots.reshape([images * each, size]);
  return np.expandDims(np.take(all, np.array(rows), { axis: 0 }), 0);
}

/** Options of {@link conceptLibrary}. */
export interface ConceptOptions {
  /** The number of concepts. */
  readonly concepts: number;
  /** Rounds of the clustering; 30. */
  readonly steps?: number;
}

const checkConcepts = declareOptions<ConceptOptions>("conceptLibrary", ["slots", "key"], {
  concepts: required(sizeKind),
  steps: sizeKind,
});

/** Slots of many images by concept. */
export type ConceptLibrary = {
  /** All slots, [slots, size]. */
  readonly slots: Tensor;
  /** Unit vectors, [concepts, size]. */
  readonly centers: Tensor;
  /** The concept of each slot, int32 [slots]. */
  readonly concept: Tensor;
};

/**
 * A library of concepts: the slots of many images, [images, slots, size] or [slots, size], clustered by K-means with the
 * cosine as similarity (Dhillon & Modha, 2001). The first center begins as a slot that the key draws, each other one as
 * the slot that is farthest from those before; one that no slot is nearest to stays where it is.
 *
 * ```ts
 * import { conceptLibrary, promptSlots } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const slots = np.array([[1, 0], [2, 0.1], [0, 1], [0.1, 3]]);
 * const library = conceptLibrary(slots, random.key(0), { concepts: 2 });
 * const [a, b, c, d] = await library.concept.data();
 * console.assert(a === b && c === d && a !== c);
 * const prompt = promptSlots(library, [0, 1], random.key(1));   // for a decoder: model.generate(params, prompt)
 * console.assert(prompt.shape.join() === "1,2,2");
 * ```
 *
 * @throws ArgumentError for more concepts than slots; ShapeError for slots of other axes.
 */
export function conceptLibrary(
  slots: Tensor,
  key: Tensor,
  options: ConceptOptions,
): ConceptLibrary {
  checkConcepts(options);
  const { concepts, steps = 30 } = options;
  const hint = "give slots as models return them";
  requireShape("conceptLibrary: the slots are", slots, ["…", "slots", "size"], hint);
  const all = slots.reshape([-1, slots.shape.at(-1)!]);
  const [total] = all.shape as readonly [number, number]; // see above
  if (concepts > total) {
    throw new ArgumentError(
      `conceptLibrary: cannot make ${concepts} concepts out of ${total} slots`,
      "give fewer concepts, or slots of more images",
    );
  }
  const unit = (x: Tensor) =>
    x.div(np.maximum(np.sqrt(np.sum(np.square(x), { axis: -1, keepdims: true })), 1e-12));
  const points = unit(all);
  const nearest = (centers: Tensor) =>
    np.argmax(np.matmul(points, centers.T), { axis: -1 }).astype("int32");
  const row = (x: Tensor, at: Tensor) => np.take(x, at.reshape([1]), { axis: 0 });
  const first = row(points, random.randint(key, [], 0, total));
  const numbers = np.expandDims(np.arange(concepts, { dtype: "int32" }), 1);
  const start = foriLoop(1, concepts, (i, c) => {
    const closest = np.max(np.matmul(points, c.T), { axis: -1 });
    return np.where(np.equal(numbers, i), row(points, np.argmin(closest).astype("int32")), c);
  }, np.repeat(first, concepts, { axis: 0 }));
  const centers = foriLoop(0, steps, (_, c) => {
    const members = np.oneHot(nearest(c), concepts, { dtype: points.dtype });
    const sums = np.matmul(members.T, points);
    const empty = np.equal(np.sum(members, { axis: 0 }), 0);
    return np.where(np.expandDims(empty, 1), c, unit(sums));
  }, start);
  return { slots: all, centers, concept: nearest(centers) };
}

/**
 * A prompt for a decoder: one slot of each of these concepts, drawn among its members, [1, concepts, size].
 *
 * @throws ArgumentError for concepts that are not in the library. A concept without members gives the error when the
 * prompt is read.
 */
export function promptSlots(
  library: ConceptLibrary,
  concepts: readonly number[],
  key: Tensor,
): Tensor {
  requireArgument("promptSlots", "concepts", listOf(countKind), concepts, ["library"]);
  const { slots, centers, concept } = library;
  const known = centers.shape[0]!;
  const wrong = concepts.find((one) => one >= known);
  if (concepts.length === 0 || wrong !== undefined) {
    throw new ArgumentError(
      wrong === undefined
        ? "promptSlots: the list of concepts is empty"
        : `promptSlots: there is no concept ${wrong}; the library has ${known}`,
      `give numbers from 0 to ${known - 1}`,
    );
  }
  const wanted = np.expandDims(np.array(Int32Array.from(concepts)), 1);
  const members = np.equal(np.expandDims(concept, 0), wanted); // [concepts, slots]
  const drawn = random.categorical(key, np.where(members, 0, -1e30));
  const checked = errorIf(
    drawn.astype("int32"),
    np.logicalNot(np.any(members, { axis: 1 })),
    "promptSlots: a concept has no slots",
    "ask for another one, or make a library of fewer concepts",
  );
  return np.expandDims(np.take(slots, checked, { axis: 0 }), 0);
}

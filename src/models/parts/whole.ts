/** Models are made of options, and are not changed afterwards. */
import { ArgumentError, ShapeError, type Tensor } from "../../public.ts";
import { requireShape } from "../../options/shapeSpec.ts";

/**
 * A model that cannot be spread. Its functions know each other, so that `apply` of `{ ...model, step }` would go on with
 * the old step; making such a copy throws instead.
 */
export function whole<M extends object>(name: string, hint: string, model: M): M {
  return Object.defineProperty(model, Symbol("whole"), {
    enumerable: true, // spreading reads it
    get: () => {
      throw new ArgumentError(
        `${name}: a copy of a model, as { ...model, step } makes it, would keep using its old parts`,
        hint,
      );
    },
  });
}

/** The way to change parts of models with slots. */
export const slotCure =
  "give the part as an option instead: another model with { ...options, level: (own) => ({ ...own, step }) }";

/** Throws a ShapeError unless there are images, one or more, of the resolution and channels of a model. */
export function requireImageBatch(model: string, image: Tensor, form: readonly number[]): void {
  requireShape(
    `${model}: the image is`,
    image,
    ["batch", ...form],
    "give images of the model's resolution, channels last; np.expandDims(image, 0) makes a batch of one",
  );
  if (image.shape[0] === 0) {
    throw new ShapeError(`${model}: the batch is empty`, "give one image or more");
  }
}

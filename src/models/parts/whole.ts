/** Models are made of options, and are not changed afterwards. */
import { ArgumentError } from "../../public.ts";

/**
 * A model that cannot be spread. Its functions know each other, so that `apply` of `{ ...model, step }` would go on with
 * the old step; making such a copy throws instead.
 */
export function whole<M extends object>(name: string, hint: string, model: M): M {
  return Object.defineProperty(model, Symbol("whole"), {
    enumerable: true, // spreading reads it
    get: () => {
      throw new ArgumentError(
        `${name}: a copy of a model, as { ...model, step } makes it, would go on with its old parts`,
        hint,
      );
    },
  });
}

/** The way to change parts of models with slots. */
export const slotCure =
  "give the part as an option instead: another model with { ...options, level: (own) => ({ ...own, step }) }";

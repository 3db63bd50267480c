/** The studies that the command line knows. */
import { Context } from "effect";
import { tricks } from "./clipping.ts";
import type { Study } from "./study.ts";

/** The studies of this package. */
export const studies: readonly Study[] = [tricks];

/** The studies in use: those of this package, or those that a program provides. */
export const Studies = Context.Reference<readonly Study[]>("trilevel/Studies", {
  defaultValue: () => studies,
});

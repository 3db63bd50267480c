/** The studies that the command line knows. */
import { Context } from "effect";
import { tricks } from "./clipping.ts";
import { family } from "./family.ts";
import { deletion, masks, properties, smear } from "./slate/slots.ts";
import { neumannTerms, table2 } from "./slate/solvers.ts";
import { accumulation, iterations, rates, table3, unclipped } from "./slate/training.ts";
import type { Study } from "./study.ts";

/** The studies of this package. */
export const studies: readonly Study[] = [
  tricks,
  table2,
  table3,
  neumannTerms,
  iterations,
  unclipped,
  smear,
  deletion,
  masks,
  properties,
  accumulation,
  rates,
  family,
];

/** The studies in use: those of this package, or those that a program provides. */
export const Studies = Context.Reference<readonly Study[]>("trilevel/Studies", {
  defaultValue: () => studies,
});

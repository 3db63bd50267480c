/**
 * The one way to find what a backend has for a primitive. Each backend has one table with an entry for every primitive: a
 * kernel that computes it, or a lowering to what the backend runs. Tables are put together from one file for each family
 * of primitives, and the files have the names of those in `primitives/`.
 */
import { formatAval } from "../core/aval.ts";
import { InternalError } from "../core/errors.ts";
import type { Equation } from "../core/program.ts";
import type { BackendName } from "../core/source.ts";
import type { PrimitiveName } from "../primitives/index.ts";

/** The entry of a backend's table for an equation. */
export function entryOf<Entry>(
  table: Readonly<Record<PrimitiveName, unknown>>,
  backend: BackendName,
  { primitive, inputs }: Equation,
): Entry {
  if (!Object.hasOwn(table, primitive.name)) {
    const operands = inputs.map((a) => formatAval(a.aval)).join(", ");
    throw new InternalError(`the backend "${backend}" has no ${primitive.name}(${operands})`);
  }
  // An equation's parameters belong to its primitive, so the entry of its name takes them.
  return table[primitive.name as PrimitiveName] as Entry;
}

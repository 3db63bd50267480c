/**
 * Finds the values that must be the same to the last bit wherever they are read. A value computed twice may differ by a
 * rounding, as shader compilers contract and reassociate; where elements are compared with their own extremum (its
 * derivative asks which attain it), none might then be found equal.
 */
import type { Value } from "./value.ts";

/** The live values that are ranked (an extremum is taken of them, or they are sorted) and are also compared, or leave the program. */
export function bitExactValues(live: ReadonlySet<Value>, kept: ReadonlySet<Value>): Set<Value> {
  const [ranked, compared] = [new Set<Value>(), new Set<Value>()];
  for (const value of live) {
    const { definition } = value;
    if (
      definition.kind === "custom" || (definition.kind === "reduction" && definition.reducer.ranks)
    ) {
      definition.inputs.forEach((x) => addSources(x, ranked));
    }
    if (definition.kind === "pointwise" && definition.compares) {
      definition.inputs.forEach((x) => addSources(x, compared));
    }
    if (kept.has(value)) addSources(value, compared);
  }
  return ranked.intersection(compared);
}

/** Adds what a value shows: itself, or what it moves the elements of. */
function addSources(value: Value, found: Set<Value>): void {
  const stack = [value];
  for (let at = stack.pop(); at; at = stack.pop()) {
    const { definition } = at;
    if (definition.kind !== "pointwise") continue; // has memory anyway
    if (definition.cost > 0) found.add(at);
    else stack.push(...definition.inputs);
  }
}

/** Trees that go with the leaves of another tree: tangents and cotangents. */
import { isFloat } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { toTensor } from "../core/function.ts";
import { type Aval, formatAval, sameShape } from "../core/aval.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { flattenUpTo, paths, type Structure } from "../core/tree.ts";
import { convert } from "../primitives/index.ts";

/** In the type of what it belongs to, if one of both is a bare number; other tensors as they are. */
export function adapted(x: Tensor, { dtype, weak }: Aval): Tensor {
  if (x.dtype === dtype || !(x.aval.weak || (weak && isFloat(x.dtype)))) return x;
  return x.source.kind === "literal" ? literal(x.source.value, dtype) : convert(x, dtype);
}

/** Leaves that belong to those of another tree, such as its tangents; `null` where there are none. */
export function companionLeaves(
  structure: Structure,
  tree: unknown,
  of: readonly { readonly aval: Aval }[],
  what: string,
): (Tensor | null)[] {
  const names = paths(structure);
  return flattenUpTo(structure, tree, what).map((leaf, i) => {
    if (leaf === null) return null;
    const expected = of[i]!.aval;
    const x = adapted(toTensor(leaf, `${what}${names[i]}`), expected);
    if (x.dtype === expected.dtype && sameShape(x.shape, expected.shape)) return x;
    throw new DTypeError(
      `${what}${names[i]} has type ${formatAval(x.aval)}, but belongs to ${formatAval(expected)}`,
      "tangents and cotangents have the shape and element type of what they belong to",
    );
  });
}

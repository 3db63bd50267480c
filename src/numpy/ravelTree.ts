/** Trees as vectors, and back. */
import { promoteTypes, type Typed } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { tensorLeaves } from "../core/function.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";

/**
 * All leaves of a tree as one vector, and the function that makes a vector like it such a tree again (JAX's
 * `ravel_pytree`). The vector has the type to which all leaves promote; `unravel` gives each leaf its own back. Both
 * are differentiable and may be mapped over.
 *
 * ```ts
 * import { np, tree } from "trilevel";
 * const [flat, unravel] = tree.ravel({ w: np.array([[1, 2], [3, 4]]), b: np.array([5]) });
 * console.assert(String(await flat.data()) === "5,1,2,3,4");
 * console.assert((await unravel(flat.mul(10)).w.data())[2] === 30);
 * ```
 *
 * @throws ShapeError when `unravel` is given a vector of another length.
 */
export function ravel<T>(of: T): [flat: Tensor, unravel: (flat: Tensor) => T] {
  const [leaves, structure] = tensorLeaves(of, "tree.ravel: the tree");
  const avals = leaves.map((x) => x.aval);
  const total = leaves.reduce((sum, x) => sum + x.size, 0);
  const { dtype } = avals.reduce<Typed>(
    (a, b) => promoteTypes(a, b),
    avals[0] ?? { dtype: "float32", weak: false },
  );
  const rows = leaves.map((x) => lax.convert(lax.reshape(x, [x.size]), dtype));
  const flat = rows.length === 0 ? lax.full([0], 0, dtype) : lax.concatenate(rows, 0);
  const unravel = (vector: Tensor): T => {
    if (vector.ndim !== 1 || vector.size !== total) {
      throw new ShapeError(
        `tree.ravel: unravel expected a vector of ${total} numbers, got ${formatAval(vector.aval)}`,
        `give a vector of shape [${total}]; vmap(unravel) takes a batch of them`,
      );
    }
    let offset = 0;
    return unflatten(
      structure,
      leaves.map((x) => {
        const part = lax.slice(vector, {
          start: [offset],
          limit: [offset += x.size],
          strides: [1],
        });
        return lax.convert(lax.reshape(part, x.shape), x.dtype);
      }),
    );
  };
  return [flat, unravel];
}

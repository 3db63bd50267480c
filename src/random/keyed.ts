/** The check that all functions of a key share: the first argument is a key. */
import { ShapeError } from "../core/errors.ts";
import { describeTree } from "../core/describeValue.ts";
import { Tensor } from "../core/tensor.ts";
import { managed } from "../numpy/managed.ts";
import type { Check, OptionsOf } from "../options/index.ts";

/** The check of what stands behind the operands, which a function of a key must have. */
type Taken<O> = [O] extends [never] ? Check<never> : Check<O>;

/** A managed function of a key: given anything else first, it says so by its own name. */
export function keyed<F extends (...args: never[]) => unknown>(
  f: F,
  taken: Taken<OptionsOf<F>>,
): F {
  const { name } = taken.declaration;
  const checked = (...args: never[]): unknown => {
    requireKey(name, args[0]);
    return f(...args);
  };
  // The wrapper takes what `f` takes, and gives what it gives; the check is that of its options.
  return managed(checked, taken as Check<never>) as F;
}

function requireKey(name: string, key: unknown): void {
  if (key instanceof Tensor && key.dtype === "uint32" && key.shape.join() === "2") return;
  throw new ShapeError(
    `${name}: the key is ${describeTree(key)}`,
    `give one key first, a uint32 tensor of shape [2]: ${name}(random.key(0), …); random.split makes more, and vmap ` +
      "maps over them",
  );
}

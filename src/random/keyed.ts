/** What all functions of a key have in common: the key comes first, and is one. */
import { ShapeError } from "../core/errors.ts";
import { treeKind } from "../core/fields.ts";
import { Tensor } from "../core/tensor.ts";
import { managed } from "../numpy/managed.ts";

/** A managed function of a key: given anything else first, it says so by its own name. */
export function keyed<F extends (...args: never[]) => unknown>(name: string, f: F): F {
  const checked = (...args: never[]): unknown => {
    requireKey(name, args[0]);
    return f(...args);
  };
  // The wrapper takes what `f` takes, and gives what it gives.
  return managed(checked) as F;
}

function requireKey(name: string, key: unknown): void {
  if (key instanceof Tensor && key.dtype === "uint32" && key.shape.join() === "2") return;
  throw new ShapeError(
    `${name}: the key is ${treeKind(key)}`,
    `give one key first, a uint32 tensor of shape [2]: ${name}(random.key(0), …); random.split makes more, and vmap ` +
      "maps over them",
  );
}

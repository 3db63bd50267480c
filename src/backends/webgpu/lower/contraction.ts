/**
 * Tensor products and convolutions, both in one form: Σₖ left(b, m, k) · right(b, n, k). A convolution's
 * right operand is its input seen through the window, by index arithmetic while tiles are loaded.
 */
import { branch, code, constant, index, indexCode, sum, typeOf, unflatten } from "../expression.ts";
import { type Contraction, type Expr, type Region, Value } from "../value.ts";
import { tileOf } from "../kernel/tile.ts";
import { reducers } from "../kernel/reducers.ts";
import { reduction } from "./reduce.ts";
import { pointwise } from "./table.ts";

/** A contraction by the means that suit its size. */
export function contract(
  region: Region,
  out: Pick<Value, "shape" | "dtype">,
  definition: Omit<Contraction, "kind">,
): Value {
  const { batch, m, n, k } = definition;
  const [left, right] = definition.inputs;
  const multiply = (a: Expr, b: Expr) => code(typeOf(out.dtype), "$0 * $1", a, b);
  const { inverse } = definition;
  // Nothing to sum, or nearly: computed where it is used.
  if (k <= 2) {
    return pointwise(region, out, [left!, right!], 2 * k, (read, at) => {
      const [b, i, j] = inverse(at);
      const terms = Array.from({ length: k }, (_, p) =>
        multiply(
          definition.left(read, b, i, index(p)),
          definition.right(read, b, j, index(p)),
        ));
      const none = constant(0, typeOf(out.dtype));
      return terms.reduce((a, c) => a === none ? c : code(a.type, "$0 + $1", a, c), none);
    });
  }
  // A matrix by a vector is a sum of products along rows: no tile would be full.
  if (m < 4 || n < 4) {
    return reduction(region, out, {
      inputs: [left!, right!],
      cost: 2,
      reducer: reducers.sum,
      domain: [...out.shape, k],
      axes: [out.shape.length],
      element(read, at) {
        const [b, i, j] = inverse(at.slice(0, -1));
        const p = at.at(-1)!;
        return multiply(definition.left(read, b, i, p), definition.right(read, b, j, p));
      },
    });
  }
  const parts = partsOf(definition);
  const zero = constant(0, typeOf(out.dtype));
  if (parts === 1) {
    return new Value(region, out.shape, out.dtype, { kind: "contraction", ...definition });
  }
  // Few tiles and a long sum: its parts are computed side by side.
  const width = k % parts === 0 ? k / parts : Math.ceil(k / parts / 4) * 4;
  const split = (f: Contraction["left"]): Contraction["left"] => (read, b, i, p) => {
    const [part, element] = unflatten(b, [parts, batch]);
    const place = sum([{ of: part!, scale: width }, { of: p, scale: 1 }]);
    if (parts * width === k) return f(read, element!, i, place);
    const inside = code("bool", "$0 < $1", place, index(k));
    return branch(inside, f(read, element!, i, indexCode(k, "$0", place)), zero);
  };
  const partial = new Value(region, [parts, batch, m, n], out.dtype, {
    ...definition,
    kind: "contraction",
    batch: parts * batch,
    k: width,
    left: split(definition.left),
    right: split(definition.right),
    place: (b, i, j) => [...unflatten(b, [parts, batch]), i, j],
  });
  return reduction(region, out, {
    inputs: [partial],
    cost: 1,
    reducer: reducers.sum,
    domain: [...out.shape, parts],
    axes: [out.shape.length],
    element: (read, at) => read(partial, [at.at(-1)!, ...inverse(at.slice(0, -1))]),
  });
}

/** Terms that are added one by one: fewer where the parts of a result are few, to be read and written. */
const lengths = { small: 256, large: 1024 };
const small = 64 ** 2;
/** So many are not worth two kernels. */
const longest = 4096;

/** Into how many parts a sum is cut: to share the work, and because a long one loses digits. */
function partsOf(c: Pick<Contraction, "batch" | "m" | "n" | "k">): number {
  const shared = sharesOf(c);
  const most = lengths[c.m * c.n <= small ? "small" : "large"];
  if (c.k <= longest || c.k / shared <= most) return shared;
  const least = Math.ceil(c.k / most);
  for (let parts = least; parts <= 2 * least; parts++) if (c.k % parts === 0) return parts;
  return least;
}

function sharesOf(c: Pick<Contraction, "batch" | "m" | "n" | "k">): number {
  const tile = tileOf(c);
  const tiles = c.batch * Math.ceil(c.m / tile.m) * Math.ceil(c.n / tile.n);
  if (tiles >= 64 || c.k < 512) return 1;
  for (
    let parts = Math.min(32, Math.ceil(128 / tiles), Math.floor(c.k / 128));
    parts > 1;
    parts--
  ) {
    if (c.k % parts === 0) return parts;
  }
  return 1;
}

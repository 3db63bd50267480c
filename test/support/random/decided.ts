/** Instructions of random programs of which whole numbers decide that are known only when the program runs. */
import type { Tensor } from "../../../src/core/tensor.ts";
import * as lax from "../../../src/primitives/index.ts";
import {
  along,
  axesOf,
  fill,
  inShape,
  mean,
  type Operations,
  scaled,
  shifted,
  withAxis,
} from "./parts.ts";

/** Places in an axis of some size, as an index with one entry. */
const places = (wholes: Tensor, count: number, size: number) => {
  const n = inShape(wholes, [count, 1]);
  return lax.rem(n, fill(n, size));
};
const flat = (x: Tensor) => lax.reshape(x, [x.size]);

/** Gathers, scatters, sorts, whole and boolean arithmetic. */
export const decided: Operations = {
  take: (x, y, _, wholes) => lax.gather(flat(x), places(wholes, y.size, x.size)),
  takeRows: (x, y, c, wholes) => {
    const rows = inShape(x, [4, 2]);
    const at = places(lax.add(wholes, fill(wholes, Math.round(4 + 4 * c))), 3, 4);
    return lax.mul(lax.gather(rows, at), inShape(y, [3, 2]));
  },
  put: (x, y, c, wholes) => {
    const count = Math.max(1, Math.floor(y.size * (c + 1) / 2));
    const at = places(wholes, count, x.size);
    return lax.tanh(scaled(lax.scatter(flat(x), at, inShape(y, [count]), "add"), 0.5));
  },
  putOne: (x, y, _, wholes) =>
    lax.scatter(flat(x), places(wholes, 1, x.size), inShape(mean(y), [1]), "set"),
  sortByWholes: (x, y, _, wholes) => {
    const a = withAxis(x);
    // Ties keep their order.
    const [, first, second] = lax.sort(inShape(wholes, a.shape), a, inShape(y, a.shape));
    return scaled(lax.sub(first!, second!), 0.5);
  },
  arithmetic: (x, _, c, wholes) => {
    const n = inShape(wholes, x.shape);
    const m = lax.sub(lax.mul(n, fill(n, 7)), lax.div(fill(n, 40), shifted(n, 1)));
    const mixed = lax.xor(lax.or(m, fill(n, 5)), lax.shiftLeft(n, fill(n, 2)));
    const small = lax.min(lax.max(lax.sub(mixed, lax.abs(lax.neg(m))), fill(n, -30)), fill(n, 30));
    const signs = lax.convert(lax.sign(shifted(n, Math.round(4 * c))), x.dtype);
    return lax.mul(x, lax.add(scaled(lax.convert(small, x.dtype), 1 / 30), signs));
  },
  counts: (x, y, c, wholes) => {
    const [a, b] = [withAxis(x), withAxis(y)];
    const n = inShape(wholes, a.shape);
    const sums = lax.cumsum(n, along(n, c), c > 0);
    const most = lax.convert(lax.reduceMax(sums, axesOf(sums)), x.dtype);
    const least = mean(lax.convert(lax.argMin(n, n.ndim - 1), x.dtype));
    const level = lax.add(lax.log1p(most), least);
    const shares = scaled(lax.convert(sums, x.dtype), 1 / (9 * n.size));
    return lax.add(lax.mul(a, shares), scaled(lax.mul(b, lax.broadcast(level, a.shape, [])), 0.1));
  },
  predicates: (x, y, c, wholes) => {
    const [a, b] = [withAxis(x), withAxis(y)];
    const [n, axis] = [inShape(wholes, a.shape), along(a, c)];
    const k = fill(n, Math.round(4 + 4 * c));
    const odd = lax.eq(lax.and(n, fill(n, 1)), fill(n, 1));
    const p = lax.or(lax.and(lax.ge(n, k), odd), lax.not(lax.ne(n, fill(n, 2))));
    const all = lax.reduceAnd(lax.xor(p, odd), [axis]);
    const any = lax.reduceOr(lax.le(n, k), axesOf(n));
    const rows = lax.broadcast(all, a.shape, axesOf(a).filter((i) => i !== axis));
    const chosen = lax.and(rows, lax.broadcast(any, a.shape, []));
    return lax.select(chosen, a, lax.select(p, b, lax.neg(a)));
  },
  oneHot: (x, y, _, wholes) => {
    const n = lax.broadcast(inShape(wholes, [3]), [3, 5], [0]);
    const hot = lax.convert(lax.eq(n, lax.iota([3, 5], "int32", 1)), x.dtype);
    const params = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
    return lax.add(lax.dot(hot, inShape(x, [5, 2]), params), inShape(y, [3, 2]));
  },
};

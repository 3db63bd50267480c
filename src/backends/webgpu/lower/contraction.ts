/**
 * Tensor products and convolutions, both as one thing: Σₖ left(b, m, k) · right(b, n, k). A convolution's
 * right operand is its input seen through the window, by index arithmetic while tiles are loaded.
 */
import { sizeOf } from "../../../core/aval.ts";
import type { ConvParams, DotParams } from "../../../primitives/index.ts";
import {
  branch,
  code,
  constant,
  flatten,
  index,
  indexCode,
  sum,
  typeOf,
  unflatten,
} from "../expression.ts";
import { type Contraction, type Expr, type Region, Value } from "../value.ts";
import { tileOf } from "../kernel/tile.ts";
import { reducers } from "../kernel/reducers.ts";
import { reduction } from "./reduce.ts";
import { type Lowering, type Lowerings, pointwise } from "./table.ts";

const others = (rank: number, ...used: (readonly number[])[]) =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !used.some((u) => u.includes(i)));

/** A contraction by the means that suit its size. */
function contract(
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

const dot: Lowering<DotParams> = ([x, y], params, { region, outputs: [out] }) => {
  const { lhsContract, rhsContract, lhsBatch, rhsBatch } = params;
  const side = (v: Value, contract: readonly number[], batch: readonly number[]) => {
    const free = others(v.shape.length, contract, batch);
    const sizes = (axes: readonly number[]) => axes.map((a) => v.shape[a]!);
    const at = (b: Expr, i: Expr, p: Expr) => {
      const place: Expr[] = [];
      unflatten(b, sizes(batch)).forEach((e, j) => place[batch[j]!] = e);
      unflatten(i, sizes(free)).forEach((e, j) => place[free[j]!] = e);
      unflatten(p, sizes(contract)).forEach((e, j) => place[contract[j]!] = e);
      return place;
    };
    const fast = contract.includes(v.shape.length - 1);
    return { sizes: sizes(free), at, fast };
  };
  const left = side(x!, lhsContract, lhsBatch);
  const right = side(y!, rhsContract, rhsBatch);
  const batchShape = lhsBatch.map((a) => x!.shape[a]!);
  const [batch, m, n] = [sizeOf(batchShape), sizeOf(left.sizes), sizeOf(right.sizes)];
  return [
    contract(region, out!, {
      inputs: [x!, y!],
      cost: 2,
      batch,
      m,
      n,
      k: sizeOf(lhsContract.map((a) => x!.shape[a]!)),
      left: (read, b, i, p) => read(x!, left.at(b, i, p)),
      right: (read, b, j, p) => read(y!, right.at(b, j, p)),
      place: (b, i, j) => [
        ...unflatten(b, batchShape),
        ...unflatten(i, left.sizes),
        ...unflatten(j, right.sizes),
      ],
      inverse: (at) => [
        flatten(at.slice(0, batchShape.length), batchShape),
        flatten(at.slice(batchShape.length, batchShape.length + left.sizes.length), left.sizes),
        flatten(at.slice(batchShape.length + left.sizes.length), right.sizes),
      ],
      fast: { left: left.fast ? "k" : "m", right: right.fast ? "k" : "n" },
    }),
  ];
};

const channelFirst = (at: readonly Expr[]) => [at.at(-1)!, ...at.slice(0, -1)];

/**
 * Filters on the left (m: output channels of a group), pixels on the right, groups as the batch. Channels are the
 * last digit of k: whether a pixel is within the image does not depend on them, and images have them last in memory.
 */
const conv: Lowering<ConvParams> = ([x, w], params, { region, outputs: [out] }) => {
  const { strides, padding, lhsDilation, rhsDilation, groups } = params;
  const [images, channels, ...space] = x!.shape;
  const [filters, inside, ...window] = w!.shape;
  const pixels = [images!, ...out!.shape.slice(2)];
  const zero = constant(0, typeOf(out!.dtype));
  return [
    contract(region, out!, {
      inputs: [w!, x!],
      cost: 8,
      batch: groups,
      m: filters! / groups,
      n: sizeOf(pixels),
      k: sizeOf([inside!, ...window]),
      left: (read, g, o, p) =>
        read(w!, [
          flatten([g, o], [groups, filters! / groups]),
          ...channelFirst(unflatten(p, [...window, inside!])),
        ]),
      right(read, g, pixel, p) {
        if (x!.size === 0) return zero;
        const [image, ...place] = unflatten(pixel, pixels);
        const [channel, ...offset] = channelFirst(unflatten(p, [...window, inside!]));
        const conditions: Expr[] = [];
        const source = space.map((size, i) => {
          const [low] = padding[i]!;
          const dilation = lhsDilation[i]!;
          const reach = sum([
            { of: place[i]!, scale: strides[i]! },
            { of: offset[i]!, scale: rhsDilation[i]! },
          ], Math.max(0, -low));
          const extent = (size - 1) * dilation + 1;
          const at = low > 0 ? indexCode(reach.bound, "$0 - $1", reach, index(low)) : reach;
          if (low > 0 || reach.bound > extent) {
            conditions.push(code("bool", "$0 < $1", at, index(extent)));
          }
          if (dilation === 1) return at.bound <= size ? at : indexCode(size, "$0", at);
          conditions.push(code("bool", "$0 % $1 == 0u", at, index(dilation)));
          return indexCode(size, "$0 / $1", at, index(dilation));
        });
        const channelAt = flatten([g, channel!], [groups, channels! / groups]);
        const element = read(x!, [image!, channelAt, ...source]);
        if (conditions.length === 0) return element;
        const inBounds = conditions.reduce((a, b) => code("bool", "$0 && $1", a, b));
        return branch(inBounds, element, zero);
      },
      place(g, o, pixel) {
        const [image, ...place] = unflatten(pixel, pixels);
        return [image!, flatten([g, o], [groups, filters! / groups]), ...place];
      },
      inverse: ([image, channel, ...place]) => [
        ...unflatten(channel!, [groups, filters! / groups]) as [Expr, Expr],
        flatten([image!, ...place], pixels),
      ],
      fast: { left: "k", right: "n" },
    }),
  ];
};

/** The families of products. */
export const contractions: Lowerings<"dot" | "conv"> = { dot, conv };

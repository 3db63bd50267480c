/**
 * Places: where the elements of a value are. Equations that only move elements (broadcasts, slices, transposes and their
 * kin) write no code: their results are other places in the same memory, which whoever reads them goes through with other
 * strides. Every element has four bytes; a boolean is all ones or zeros.
 */
import { type Shape, sizeOf } from "../../../core/aval.ts";
import type { DType } from "../../../core/dtype.ts";
import type { Code } from "../simd/assembler.ts";

/** An address: a variable, and bytes from there. */
export interface Address {
  readonly base: Code;
  readonly offset: number;
}

/** The one element of a value, four times; or where in memory its elements are. */
export type Source = { readonly splat: Code } | Address;

/** A value that is computed. Its elements lie one after the other. */
export interface Root {
  readonly size: number;
  readonly dtype: DType;
  /** Known once the code that computes it begins. */
  source?: Source;
}

/** Elements of a root. Offset and strides count elements; an axis of one element has the stride 0. */
export interface Place {
  readonly root: Root;
  readonly shape: Shape;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** The strides of elements that lie one after the other. */
export function stridesOf(shape: Shape): number[] {
  return shape.map((n, a) => n === 1 ? 0 : sizeOf(shape.slice(a + 1)));
}

/** All elements of a root. */
export function all(root: Root, shape: Shape): Place {
  return { root, shape, offset: 0, strides: stridesOf(shape) };
}

/** True if a place has the elements of its root in their order. */
export function isAll({ root, shape, offset, strides }: Place): boolean {
  return offset === 0 && sizeOf(shape) === root.size &&
    stridesOf(shape).every((s, a) => s === strides[a]);
}

/** The place with axes repeated: axis i of it becomes `axes[i]`. */
export function broadcast(p: Place, shape: Shape, axes: readonly number[]): Place {
  const strides = shape.map(() => 0);
  axes.forEach((a, i) => {
    if (p.shape[i] !== 1) strides[a] = p.strides[i]!;
  });
  return { ...p, shape, strides };
}

/** The place with its axes in another order. */
export function transpose(p: Place, permutation: readonly number[]): Place {
  const [shape, strides] = [p.shape, p.strides].map((list) => permutation.map((a) => list[a]!));
  return { ...p, shape: shape!, strides: strides! };
}

/** A box of a place, thinned by strides. */
export function slice(
  p: Place,
  shape: Shape,
  start: readonly number[],
  by: readonly number[],
): Place {
  const offset = p.offset + start.reduce((sum, s, a) => sum + s * p.strides[a]!, 0);
  const strides = p.strides.map((s, a) => shape[a] === 1 ? 0 : s * by[a]!);
  return { ...p, shape, offset, strides };
}

/** The place with some axes turned around. */
export function reverse(p: Place, axes: readonly number[]): Place {
  const turned = (a: number) => axes.includes(a);
  const ends = p.strides.map((s, a) => turned(a) ? s * (p.shape[a]! - 1) : 0);
  return {
    ...p,
    offset: ends.reduce((sum, n) => sum + n, p.offset),
    strides: p.strides.map((s, a) => turned(a) && s !== 0 ? -s : s),
  };
}

/** The place with other axes for the same elements in the same order; nothing where no strides do that. */
export function reshape(p: Place, shape: Shape): Place | undefined {
  const old = long(p);
  const strides = shape.map(() => 0);
  let next = 0;
  for (let a = 0; a < shape.length;) {
    if (shape[a] === 1) {
      a++;
      continue;
    }
    // The fewest axes on both sides that have the same elements.
    let [from, to] = [next, a];
    let [have, want] = [old.shape[next++]!, shape[a++]!];
    while (have !== want) {
      if (have < want) have *= old.shape[next++]!;
      else want *= shape[a++]!;
    }
    for (; from + 1 < next; from++) {
      if (old.strides[from] !== old.strides[from + 1]! * old.shape[from + 1]!) return undefined;
    }
    let stride = old.strides[next - 1]!;
    for (let i = a - 1; i >= to; i--) {
      if (shape[i] === 1) continue;
      strides[i] = stride;
      stride *= shape[i]!;
    }
    to = a;
  }
  return { ...p, shape, strides };
}

/** The place without axes of one element. */
export function long(p: Place): Place {
  const keep = p.shape.flatMap((n, a) => n === 1 ? [] : [a]);
  return {
    ...p,
    shape: keep.map((a) => p.shape[a]!),
    strides: keep.map((a) => p.strides[a]!),
  };
}

/**
 * Neighbouring axes joined where all of these lists of strides allow it. There is at least one axis afterwards.
 */
export function joined(
  shape: Shape,
  lists: readonly (readonly number[])[],
): { readonly sizes: number[]; readonly strides: number[][] } {
  const sizes: number[] = [];
  const strides: number[][] = lists.map(() => []);
  shape.forEach((n, a) => {
    if (n === 1) return;
    const last = sizes.length - 1;
    const joins = last >= 0 && lists.every((s, k) => strides[k]![last] === s[a]! * n);
    if (joins) sizes[last]! *= n;
    else sizes.push(n);
    lists.forEach((s, k) => {
      if (joins) strides[k]![last] = s[a]!;
      else strides[k]!.push(s[a]!);
    });
  });
  if (sizes.length === 0) return { sizes: [1], strides: lists.map(() => [0]) };
  return { sizes, strides };
}

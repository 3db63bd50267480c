/**
 * The index space of a loop: nested levels, the last of which is gone through four elements at a time, and how far
 * each tensor moves with each. A tensor that is repeated along a level, or summed over it, stays where it is.
 */
import { type Shape, sizeOf } from "../../../core/aval.ts";

/** The layout of a tensor in a space of this shape: its stride along each axis, in elements. */
export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
}

/** Levels from the outermost, and for each tensor its strides along them, in elements. */
export interface Space {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** A tensor that has all elements of a space in their order. */
export function whole(shape: Shape): Layout {
  return { shape, strides: shape.map((_, a) => sizeOf(shape.slice(a + 1))) };
}

/** A tensor of which axis i lies along axis `axes[i]` of a space, and is repeated along the others. */
export function along(shape: Shape, own: Shape, axes: readonly number[]): Layout {
  const strides = shape.map(() => 0);
  axes.forEach((a, i) => {
    if (own[i] !== 1) strides[a] = sizeOf(own.slice(i + 1));
  });
  return { shape, strides };
}

/**
 * The space with the fewest levels in which all of these lie; nothing where there is none, or where vectors would
 * not fit its last level.
 */
export function spaceOf(lies: readonly Layout[]): Space | undefined {
  const cuts = cutsOf(lies.map((l) => l.shape));
  if (!cuts) return undefined;
  // Axes so fine that those of every shape are made of them.
  const fine = cuts.slice(1).map((cut, i) => cuts[i]! / cut);
  const strides = lies.map((lie) => finer(lie, cuts));
  const sizes: number[] = [];
  const kept: number[][] = lies.map(() => []);
  fine.forEach((n, i) => {
    const last = sizes.length - 1;
    const joins = last >= 0 && strides.every((s, t) => kept[t]![last] === s[i]! * n);
    if (joins) sizes[last]! *= n;
    else sizes.push(n);
    strides.forEach((s, t) => joins ? kept[t]![last] = s[i]! : kept[t]!.push(s[i]!));
  });
  const inner = sizes.length - 1;
  const fits = kept.every((s) => s[inner] === 0 || s[inner] === 1) &&
    (sizes.length === 1 || sizes[inner]! % 4 === 0);
  return fits ? { sizes, strides: kept } : undefined;
}

/** The numbers of elements that axes of any of the shapes enclose, from all down to one. */
function cutsOf(shapes: readonly Shape[]): number[] | undefined {
  const found = new Set<number>();
  for (const shape of shapes) {
    let n = 1;
    found.add(n);
    for (const size of shape.toReversed()) found.add(n *= size);
  }
  const cuts = [...found].sort((a, b) => b - a);
  return cuts.every((c, i) => i === 0 || cuts[i - 1]! % c === 0) ? cuts : undefined;
}

/** Strides along the axes between cuts. */
function finer({ shape, strides }: Layout, cuts: readonly number[]): number[] {
  return cuts.slice(1).map((cut) => {
    // The axis within which this one lies.
    let enclosed = 1;
    for (let a = shape.length - 1; a >= 0; a--) {
      if (cut < enclosed * shape[a]!) return strides[a]! * (cut / enclosed);
      enclosed *= shape[a]!;
    }
    return 0;
  });
}

/**
 * Products of small matrices. Where elements of the right operand lie together along the result's last axis, vectors go
 * along that axis; where both operands lie along the axis that is summed, vectors go along it and are added up at the
 * end, four results at a time.
 */
import { sizeOf } from "../../../core/aval.ts";
import { type EquationOf, isEquation } from "../../../compiler/rewrite.ts";
import { type Code, f32x4, i32x4, v128 } from "../simd/assembler.ts";
import { load, store } from "./lanes.ts";
import { type Address, joined, type Place, type Root } from "./place.ts";
import { addressOf, type Context, type StepWriter, streamOf, withCopy } from "./table.ts";
import type { Stream, Writer } from "./writer.ts";

/** One operand: where it is, and how far apart elements are along the axes of one kind, in elements. */
interface Side {
  readonly place: Place;
  /** Along rows of the left operand, or columns of the right one. */
  readonly free: number;
  readonly summed: number;
}

interface Product {
  readonly batch: {
    readonly sizes: readonly number[];
    readonly x: readonly number[];
    readonly y: readonly number[];
  };
  readonly rows: number;
  readonly columns: number;
  readonly terms: number;
  readonly x: Side;
  readonly y: Side;
  readonly add: (a: Code, b: Code) => Code;
  /** a b + sum */
  readonly multiplyAdd: (a: Code, b: Code, sum: Code) => Code;
}

const floats = { add: f32x4.add, multiplyAdd: f32x4.multiplyAdd };
const integers = {
  add: i32x4.add,
  multiplyAdd: (a: Code, b: Code, sum: Code) => i32x4.add(sum, i32x4.mul(a, b)),
};

const others = (rank: number, ...used: (readonly number[])[]) =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !used.some((u) => u.includes(i)));

const dot: StepWriter = (context, equation, [x, y], [out]) => {
  if (isEquation(equation, "dot")) write(context, equation, x!, y!, out!);
};

function write(context: Context, e: EquationOf<"dot">, x: Place, y: Place, out: Root): void {
  const { w } = context;
  const { lhsContract, rhsContract, lhsBatch, rhsBatch } = e.params;
  const lhsFree = others(x.shape.length, lhsContract, lhsBatch);
  const rhsFree = others(y.shape.length, rhsContract, rhsBatch);
  const pick = (list: readonly number[], axes: readonly number[]) => axes.map((a) => list[a]!);
  const ordered = (p: Place, ...axes: (readonly number[])[]): Place => {
    const order = axes.flat();
    return { ...p, shape: pick(p.shape, order), strides: pick(p.strides, order) };
  };
  const rows = joined(pick(x.shape, lhsFree), [pick(x.strides, lhsFree)]);
  const columns = joined(pick(y.shape, rhsFree), [pick(y.strides, rhsFree)]);
  const terms = joined(pick(x.shape, lhsContract), [
    pick(x.strides, lhsContract),
    pick(y.strides, rhsContract),
  ]);
  const [n, k] = [columns.strides[0]![0]!, terms.strides[1]![0]!];
  const along = terms.strides[0]![0] === 1 && k === 1;
  const batch = lhsBatch.map((_, i) => i);
  const again = (x: Place, y: Place, lhs: boolean, rhs: boolean) => {
    const moved = { ...e.params };
    if (lhs) {
      Object.assign(moved, {
        lhsBatch: batch,
        lhsContract: lhsContract.map((_, i) => batch.length + lhsFree.length + i),
      });
    }
    if (rhs) {
      Object.assign(moved, {
        rhsBatch: batch,
        rhsContract: rhsContract.map((_, i) => batch.length + i),
      });
    }
    write(context, { ...e, params: moved }, x, y, out);
  };
  const left = ordered(x, lhsBatch, lhsFree, lhsContract);
  const right = ordered(y, rhsBatch, rhsContract, rhsFree);
  if (
    x.strides.some((s) => s < 0) || rows.sizes.length > 1 ||
    (terms.sizes.length > 1 && !isPlain(left))
  ) {
    return withCopy(w, left, (copied) => again(copied, y, true, false));
  }
  const single = rows.sizes[0] === 1 && columns.sizes[0] === 1;
  const vectors = n === 1 || columns.sizes[0] === 1 || along;
  if (
    y.strides.some((s) => s < 0) || columns.sizes.length > 1 || terms.sizes.length > 1 ||
    (!vectors && !single)
  ) {
    return withCopy(w, right, (copied) => again(x, copied, false, true));
  }
  const sides = joined(pick(x.shape, lhsBatch), [
    pick(x.strides, lhsBatch),
    pick(y.strides, rhsBatch),
  ]);
  const product: Product = {
    batch: { sizes: sides.sizes, x: sides.strides[0]!, y: sides.strides[1]! },
    rows: rows.sizes[0]!,
    columns: columns.sizes[0]!,
    terms: terms.sizes[0]!,
    x: { place: x, free: rows.strides[0]![0]!, summed: terms.strides[0]![0]! },
    y: { place: y, free: n, summed: k },
    ...(e.inputs[0]!.aval.dtype === "float32" ? floats : integers),
  };
  emit(w, product, out);
}

/** True if elements lie one after the other. */
function isPlain(p: Place): boolean {
  return joined(p.shape, [p.strides]).sizes.length === 1;
}

function emit(w: Writer, p: Product, out: Root): void {
  // A vector on the left is one on the right.
  if (p.columns === 1 && p.rows > 1) {
    const { batch } = p;
    return emit(w, {
      ...p,
      batch: { ...batch, x: batch.y, y: batch.x },
      rows: 1,
      columns: p.rows,
      x: p.y,
      y: p.x,
    }, out);
  }
  const { batch, rows, columns, terms, x, y } = p;
  const alongTerms = y.free !== 1 &&
    (columns > 1 || (x.summed === 1 && y.summed === 1) || rows === 1);
  const [high, wide] = alongTerms ? [2, 4] : [4, 8];
  const work = sizeOf(batch.sizes) * Math.ceil(rows / high) * Math.ceil(columns / wide) *
    (alongTerms ? Math.ceil(terms / 4) * 8 : terms * 8);
  const writtenOut = work <= 512;
  const result = batch.sizes.map((_, l) => sizeOf(batch.sizes.slice(l + 1)) * rows * columns);
  const streams = [
    streamOf(w, x.place, batch.x),
    streamOf(w, y.place, batch.y),
    {
      from: out.size === 1 ? { base: w.scratchBase, offset: 0 } : addressOf(out),
      steps: result.map((s) => 4 * s),
    },
  ];
  const block = alongTerms ? sums : outer;
  w.over(batch.sizes, streams, writtenOut, (at) => {
    pieces(w, rows, high, [4 * x.free, 0, 4 * columns], at, writtenOut, (at, high) => {
      pieces(w, columns, wide, [0, 4 * y.free, 4], at, writtenOut, (at, wide) => {
        const own = { at, high, wide, writtenOut: writtenOut || terms <= 8 };
        w.scoped(() => block(w, p, own, out));
      });
    });
  });
}

/** Goes through `count` rows or columns, `size` at a time, and what is left at the end. */
function pieces(
  w: Writer,
  count: number,
  size: number,
  steps: readonly number[],
  at: readonly Address[],
  writtenOut: boolean,
  inside: (at: readonly Address[], size: number) => void,
): void {
  const full = Math.floor(count / size);
  const streams = at.map((from, k) => ({ from, steps: [steps[k]! * size] }));
  if (full > 0) w.over([full], streams, writtenOut, (at) => inside(at, size));
  const rest = count - full * size;
  if (rest > 0) inside(at.map((a, k) => shifted(a, steps[k]! * size * full)), rest);
}

const shifted = ({ base, offset }: Address, bytes: number): Address => ({
  base,
  offset: offset + bytes,
});

/** Does `inside` for each term; in loops, several terms a round. */
function repeat(
  w: Writer,
  count: number,
  streams: readonly Stream[],
  writtenOut: boolean,
  inside: (at: readonly Address[]) => void,
): void {
  const round = writtenOut ? count : 4;
  const rounds = Math.floor(count / round);
  const some = (at: readonly Address[], n: number) => {
    for (let i = 0; i < n; i++) inside(at.map((a, k) => shifted(a, i * streams[k]!.steps[0]!)));
  };
  const longer = streams.map(({ from, steps }) => ({ from, steps: [round * steps[0]!] }));
  w.over([rounds], longer, false, (at) => some(at, round));
  some(longer.map(({ from, steps }) => shifted(from, rounds * steps[0]!)), count - rounds * round);
}

/** A block of the result: its numbers of rows and columns, and where operands and results are. */
interface Block {
  readonly at: readonly Address[];
  readonly high: number;
  readonly wide: number;
  readonly writtenOut: boolean;
}

/** Vectors along columns: for every term a row adds its number times each vector of the right operand. */
function outer(w: Writer, p: Product, { at, high, wide, writtenOut }: Block, out: Root): void {
  const { x, y, terms, multiplyAdd } = p;
  const vectors = Math.ceil(wide / 4);
  const lanes = (v: number) => Math.min(4, wide - 4 * v);
  const sums = Array.from({ length: high * vectors }, () => w.set(w.local("v128"), w.bits(0)));
  const [xs, ys, to] = at as [Address, Address, Address];
  const streams = [{ from: xs, steps: [4 * x.summed] }, { from: ys, steps: [4 * y.summed] }];
  repeat(w, terms, streams, writtenOut, ([xs, ys]) =>
    w.scoped(() => {
      const right = Array.from(
        { length: vectors },
        (_, v) => w.keep(read(w, y, shifted(ys!, 16 * v), 4 * y.free, lanes(v))),
      );
      for (let r = 0; r < high; r++) {
        const left = w.keep(read(w, x, shifted(xs!, 4 * r * x.free), 0, 4));
        right.forEach((b, v) => {
          const sum = sums[r * vectors + v]!;
          w.set(sum, multiplyAdd(left, b, sum));
        });
      }
    }));
  for (let r = 0; r < high; r++) {
    for (let v = 0; v < vectors; v++) {
      const place = shifted(to, 4 * (r * p.columns + 4 * v));
      write1(w, out, place, lanes(v), sums[r * vectors + v]!);
    }
  }
}

/** Vectors along terms, for some rows and up to four columns, added up across in the end. */
function sums(w: Writer, p: Product, { at, high, wide, writtenOut }: Block, out: Root): void {
  const { x, y, terms, add, multiplyAdd } = p;
  const [xs, ys, to] = at as [Address, Address, Address];
  const accumulators = Array.from(
    { length: high * wide },
    () => w.set(w.local("v128"), w.bits(0)),
  );
  const some = (xs: Address, ys: Address, lanes: number) =>
    w.scoped(() => {
      const fill = lanes < 4 ? w.bits(0) : undefined;
      const left = Array.from(
        { length: high },
        (_, r) => w.keep(read(w, x, shifted(xs, 4 * r * x.free), 4 * x.summed, lanes, fill)),
      );
      for (let c = 0; c < wide; c++) {
        const right = w.keep(read(w, y, shifted(ys, 4 * c * y.free), 4 * y.summed, lanes, fill));
        left.forEach((a, r) => {
          const sum = accumulators[r * wide + c]!;
          w.set(sum, multiplyAdd(a, right, sum));
        });
      }
    });
  const vectors = Math.floor(terms / 4);
  const streams = [{ from: xs, steps: [16 * x.summed] }, { from: ys, steps: [16 * y.summed] }];
  repeat(w, vectors, streams, writtenOut, ([xs, ys]) => some(xs!, ys!, 4));
  if (terms % 4 > 0) {
    some(shifted(xs, 16 * vectors * x.summed), shifted(ys, 16 * vectors * y.summed), terms % 4);
  }
  for (let r = 0; r < high; r++) {
    const four = Array.from({ length: 4 }, (_, c) => accumulators[r * wide + c] ?? w.bits(0));
    const value = c4(wide) ? across(w, four, add) : acrossOne(w, four[0]!, add);
    write1(w, out, shifted(to, 4 * r * p.columns), wide, value);
  }
}

const c4 = (wide: number) => wide > 1;

/** The sums across four vectors, as one. */
function across(w: Writer, [a, b, c, d]: readonly Code[], add: Product["add"]): Code {
  const pair = (x: Code, y: Code) =>
    w.keep(add(v128.shuffle(x, y, [0, 4, 1, 5]), v128.shuffle(x, y, [2, 6, 3, 7])));
  const [x, y] = [pair(a!, b!), pair(c!, d!)];
  return add(v128.shuffle(x, y, [0, 1, 4, 5]), v128.shuffle(x, y, [2, 3, 6, 7]));
}

/** The sum across a vector, four times. */
function acrossOne(w: Writer, x: Code, add: Product["add"]): Code {
  const pairs = w.keep(add(x, v128.shuffle(x, x, [2, 3, 0, 1])));
  return add(pairs, v128.shuffle(pairs, pairs, [1, 0, 3, 2]));
}

function read(w: Writer, side: Side, at: Address, step: number, lanes: number, fill?: Code): Code {
  const source = side.place.root.source!;
  if (!("splat" in source)) return load(w, at, step, lanes, fill);
  // One number: beyond the first lane it counts as nothing.
  return fill ? v128.and(source.splat, w.lanes([-1, 0, 0, 0])) : source.splat;
}

function write1(w: Writer, out: Root, at: Address, lanes: number, value: Code): void {
  const source = out.source!;
  if ("splat" in source) {
    const x = w.keep(value);
    w.set(source.splat, v128.shuffle(x, x, [0, 0, 0, 0]));
  } else store(w, at, 4, lanes, value);
}

/** The product family. */
export const dotWriters: { readonly [name: string]: StepWriter } = { dot };

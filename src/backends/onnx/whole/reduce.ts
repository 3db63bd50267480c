/** Reductions of small tensors: vectors along an axis that is kept, or along one that is reduced. */
import type { DType } from "../../../core/dtype.ts";
import { isEquation } from "../../../compiler/rewrite.ts";
import { type Code, f32x4, floatBits, i32x4, v128 } from "../simd/assembler.ts";
import { load, store } from "./lanes.ts";
import { nest } from "./nest.ts";
import { type Address, joined, type Place, type Root, stridesOf } from "./place.ts";
import { addressOf, load1, operandOf, type StepWriter, streamOf } from "./table.ts";
import type { Stream, Writer } from "./writer.ts";

interface Fold {
  readonly start: number;
  readonly combine: (a: Code, b: Code) => Code;
}

const minimum = -(2 ** 31);
const maximum = 2 ** 31 - 1;

const folds: { readonly [name: string]: { readonly [D in DType]?: Fold } } = {
  reduceSum: {
    float32: { start: 0, combine: f32x4.add },
    int32: { start: 0, combine: i32x4.add },
    uint32: { start: 0, combine: i32x4.add },
  },
  reduceMax: {
    float32: { start: floatBits(-Infinity), combine: f32x4.max },
    int32: { start: minimum, combine: i32x4.maxSigned },
    uint32: { start: 0, combine: i32x4.maxUnsigned },
  },
  reduceMin: {
    float32: { start: floatBits(Infinity), combine: f32x4.min },
    int32: { start: maximum, combine: i32x4.minSigned },
    uint32: { start: -1, combine: i32x4.minUnsigned },
  },
  reduceAnd: { bool: { start: -1, combine: v128.and } },
  reduceOr: { bool: { start: 0, combine: v128.or } },
};

const reduce: StepWriter = ({ w }, equation, [x], [out]) => {
  const { axes } = equation.params as { readonly axes: readonly number[] }; // all reductions have them
  const fold = folds[equation.primitive.name]![equation.inputs[0]!.aval.dtype]!;
  const kept = x!.shape.map((_, a) => a).filter((a) => !axes.includes(a));
  const pick = (list: readonly number[], axes: readonly number[]) => axes.map((a) => list[a]!);
  const shape = pick(x!.shape, kept);
  const outside = joined(shape, [pick(x!.strides, kept), stridesOf(shape)]);
  const inside = joined(pick(x!.shape, axes), [pick(x!.strides, axes)]);
  const source = operandOf(x!).source;
  const last = outside.sizes.length - 1;
  if ("splat" in source) return one(w, x!, inside.sizes, fold, out!);
  const [length, along] = [outside.sizes[last]!, outside.strides[0]![last]!];
  const ends = inside.strides[0]!.at(-1)!;
  const vertical = length > 1 && along === 1 && (length >= 4 || ends !== 1);
  const levels = vertical ? last : last + 1;
  const sizes = outside.sizes.slice(0, levels);
  const to: Stream = {
    from: out!.size === 1 ? { base: w.scratchBase, offset: 0 } : addressOf(out!),
    steps: outside.strides[1]!.slice(0, levels).map((s) => 4 * s),
  };
  const from = streamOf(w, x!, outside.strides[0]!.slice(0, levels));
  const all = sizes.reduce((a, b) => a * b, 1) * inside.sizes.reduce((a, b) => a * b, 1) *
    (vertical ? Math.ceil(length / 4) : 0.25);
  w.over(sizes, [from, to], all <= 64, ([from, to]) => {
    const reduced = { sizes: inside.sizes, strides: inside.strides[0]! };
    if (vertical) columns(w, from!, to!, length, reduced, fold, all <= 64);
    else {
      w.scoped(() => {
        const value = row(w, from!, reduced, fold, all <= 64);
        const { source } = out!;
        if ("splat" in source!) w.set(source.splat, value);
        else store(w, to!, 4, 1, value);
      });
    }
  });
};

/** The axes that are reduced. */
interface Reduced {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

/** One number, as often as it is repeated. */
function one(w: Writer, x: Place, sizes: readonly number[], fold: Fold, out: Root): void {
  const value = load1(w, x);
  const count = sizes.reduce((a, b) => a * b, 1);
  w.scoped(() => {
    const sum = w.set(w.local("v128"), value);
    if (fold.start === 0 && fold.combine !== v128.or && count > 1) {
      w.times(count - 1, () => w.set(sum, fold.combine(sum, value)));
    }
    const target = out.source!;
    const all = { source: { splat: sum }, strides: [0] };
    if ("splat" in target) w.set(target.splat, sum);
    else nest(w, [out.size], [all], [{ source: target, strides: [1], exact: false }], 0, (v) => v);
  });
}

/** Vectors along an axis that is kept, up to four of them abreast. */
function columns(
  w: Writer,
  from: Address,
  to: Address,
  length: number,
  { sizes, strides }: Reduced,
  { start, combine }: Fold,
  writtenOut: boolean,
): void {
  const vectors = Math.ceil(length / 4);
  for (let v = 0; v < vectors; v += 4) {
    const count = Math.min(4, vectors - v);
    const lanes = (u: number) => Math.min(4, length - 4 * (v + u));
    w.scoped(() => {
      const sums = Array.from({ length: count }, () => w.set(w.local("v128"), w.bits(start)));
      const stream = {
        from: { ...from, offset: from.offset + 16 * v },
        steps: strides.map((s) => 4 * s),
      };
      w.over(sizes, [stream], writtenOut, ([at]) => {
        sums.forEach((sum, u) => {
          const { base, offset } = at!;
          w.set(sum, combine(sum, load(w, { base, offset: offset + 16 * u }, 4, lanes(u))));
        });
      });
      sums.forEach((sum, u) => {
        const { base, offset } = to;
        store(w, { base, offset: offset + 16 * (v + u) }, 4, lanes(u), sum);
      });
    });
  }
}

/** One result, four times: vectors along the last axis that is reduced. */
function row(
  w: Writer,
  from: Address,
  { sizes, strides }: Reduced,
  { start, combine }: Fold,
  writtenOut: boolean,
): Code {
  const [length, stride] = [sizes.at(-1)!, strides.at(-1)!];
  const vectors = Math.floor(length / 4);
  const abreast = vectors >= 8 ? 4 : vectors >= 4 ? 2 : 1;
  const sums = Array.from({ length: abreast }, () => w.set(w.local("v128"), w.bits(start)));
  const add = (at: Address, u: number, lanes: number) => {
    const fill = lanes < 4 ? w.bits(start) : undefined;
    w.set(sums[u]!, combine(sums[u]!, load(w, at, 4 * stride, lanes, fill)));
  };
  const outer: Stream = { from, steps: strides.slice(0, -1).map((s) => 4 * s) };
  w.over(sizes.slice(0, -1), [outer], writtenOut, ([at]) => {
    const rounds = Math.floor(vectors / abreast);
    const step = 16 * stride * abreast;
    w.over([rounds], [{ from: at!, steps: [step] }], writtenOut || rounds < 3, ([at]) => {
      for (let u = 0; u < abreast; u++) add(moved(w, at!, 16 * stride * u), u, 4);
    });
    for (let v = rounds * abreast; v < Math.ceil(length / 4); v++) {
      add(moved(w, at!, 16 * stride * v), 0, Math.min(4, length - 4 * v));
    }
  });
  const sum = sums.reduce((a, b) => w.keep(combine(a, b)));
  const pairs = w.keep(combine(sum, v128.shuffle(sum, sum, [2, 3, 0, 1])));
  return combine(pairs, v128.shuffle(pairs, pairs, [1, 0, 3, 2]));
}

function moved(w: Writer, { base, offset }: Address, bytes: number): Address {
  if (offset + bytes >= 0) return { base, offset: offset + bytes };
  return w.pointer({ base, offset: offset + bytes });
}

/** The first place of the largest or smallest element; of the first NaN, if there is one. */
const argExtremum = (name: "argMax" | "argMin"): StepWriter => ({ w }, equation, [x], [out]) => {
  if (!isEquation(equation, name)) return;
  const { axis } = equation.params;
  const { dtype } = equation.inputs[0]!.aval;
  const better = name === "argMax"
    ? { float32: f32x4.gt, int32: i32x4.gtSigned, uint32: i32x4.gtUnsigned }
    : { float32: f32x4.lt, int32: i32x4.ltSigned, uint32: i32x4.ltUnsigned };
  const compare = better[dtype as keyof typeof better];
  const kept = x!.shape.map((_, a) => a).filter((a) => a !== axis);
  const shape = kept.map((a) => x!.shape[a]!);
  const steps = stridesOf(shape).map((s) => 4 * s);
  const from = streamOf(w, x!, kept.map((a) => x!.strides[a]!));
  const to = out!.size === 1 ? { base: w.scratchBase, offset: 0 } : addressOf(out!);
  const { source } = operandOf(x!);
  w.over(shape, [from, { from: to, steps }], false, ([from, to]) =>
    w.scoped(() => {
      const read = (at: Address) => "splat" in source ? source.splat : load(w, at, 0, 4);
      const best = w.set(w.local("v128"), read(from!));
      const [place, index] = [w.bits(0), w.bits(0)].map((zero) => w.set(w.local("v128"), zero));
      const stream = { from: from!, steps: ["splat" in source ? 0 : 4 * x!.strides[axis]!] };
      w.over([x!.shape[axis]!], [stream], false, ([at]) =>
        w.scoped(() => {
          const value = w.keep(read(at!));
          const wins = compare(value, best);
          // NaN is better than every number, and the first one than those after it.
          const nan = v128.andNot(f32x4.ne(value, value), f32x4.ne(best, best));
          const number = v128.and(wins, f32x4.eq(best, best));
          const taken = w.keep(dtype === "float32" ? v128.or(number, nan) : wins);
          w.set(best, v128.select(taken, value, best));
          w.set(place!, v128.select(taken, index!, place!));
          w.set(index!, i32x4.add(index!, w.bits(1)));
        }));
      if ("splat" in out!.source!) w.set(out!.source.splat, place!);
      else store(w, to!, 4, 1, place!);
    }));
};

/** Running sums along an axis. */
const cumsum: StepWriter = ({ w }, equation, [x], [out]) => {
  if (!isEquation(equation, "cumsum")) return;
  const { axis, reverse } = equation.params;
  const add = equation.inputs[0]!.aval.dtype === "float32" ? f32x4.add : i32x4.add;
  const source = operandOf(x!).source;
  const target = out!.source!;
  if ("splat" in target) return void w.set(target.splat, load1(w, x!));
  const others = x!.shape.map((_, a) => a).filter((a) => a !== axis);
  const strides = stridesOf(x!.shape);
  const turn = (list: readonly number[]) => reverse ? -list[axis]! : list[axis]!;
  const start = reverse ? x!.shape[axis]! - 1 : 0;
  const read = streamOf(w, x!, others.map((a) => x!.strides[a]!));
  const shape = others.map((a) => x!.shape[a]!);
  const written: Stream = { from: target, steps: others.map((a) => 4 * strides[a]!) };
  w.over(shape, [read, written], false, ([from, to]) =>
    w.scoped(() => {
      const sum = w.set(w.local("v128"), w.bits(0));
      const move = (at: Address, list: readonly number[]): Stream => ({
        from: moved(w, at, 4 * start * list[axis]!),
        steps: [4 * turn(list)],
      });
      const still = "splat" in source;
      const streams = [
        still ? { from: from!, steps: [0] } : move(from!, x!.strides),
        move(to!, strides),
      ];
      w.over([x!.shape[axis]!], streams, false, ([from, to]) => {
        w.set(sum, add(sum, still ? source.splat : load(w, from!, 0, 4)));
        store(w, to!, 4, 1, sum);
      });
    }));
};

/** The reduction family. */
export const reduceWriters: { readonly [name: string]: StepWriter } = {
  ...Object.fromEntries(Object.keys(folds).map((name) => [name, reduce])),
  argMax: argExtremum("argMax"),
  argMin: argExtremum("argMin"),
  cumsum,
};

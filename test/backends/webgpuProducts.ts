/**
 * Random products and convolutions as programs have them: operands in any layout, computed from others, read at an
 * offset or from one value, and results that something follows from. Sizes are often multiples of four, and often not.
 */
import fc from "fast-check";
import type { DType } from "../../src/core/dtype.ts";
import { aval, type Shape } from "../../src/core/aval.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { vjp } from "../../src/index.ts";
import * as lax from "../../src/primitives/index.ts";
import { type HostArray, hostArray, ordinary, Random } from "../support/arrays.ts";

/** A program and inputs for it. */
export interface Run {
  readonly program: Program;
  readonly inputs: readonly HostArray[];
  /** What a failing test prints. */
  toString(): string;
}

const size = fc.oneof(
  fc.integer({ min: 1, max: 70 }),
  fc.integer({ min: 1, max: 18 }).map((n) => 4 * n),
  fc.constantFrom(16, 32, 64),
);

const number = (x: Tensor, value: number) => lax.fullLike(x, value);
const along = (x: Tensor, like: Tensor, axis: number) => lax.broadcast(x, like.shape, [axis]);

/** How an operand of a shape is computed, of an input whose shape `before` gives. */
interface Prologue {
  before(shape: Shape): Shape;
  apply(x: Tensor, shape: Shape): Tensor;
}

const asIs: Prologue["before"] = (shape) => shape;
const last = (shape: Shape) => shape.length - 1;
const longer = (length: (n: number) => number): Prologue["before"] => (shape) =>
  shape.map((n, i) => i === last(shape) ? length(n) : n);
/** The elements of an array of this shape that begin at one place along each axis. */
const from = (start: readonly number[], x: Tensor, shape: Shape) =>
  lax.slice(x, {
    start,
    limit: shape.map((n, i) => start[i]! + n),
    strides: shape.map(() => 1),
  });
const cut = (start: number): Prologue["apply"] => (x, shape) =>
  from(shape.map((_, i) => i === last(shape) ? start : 0), x, shape);

const prologues: Readonly<Record<string, Prologue>> = {
  none: { before: asIs, apply: (x) => x },
  scaled: { before: asIs, apply: (x) => lax.add(lax.mul(x, number(x, 3)), x) },
  "from a fourth place on": { before: longer((n) => n + 8), apply: cut(4) },
  "from an odd place on": { before: longer((n) => n + 3), apply: cut(1) },
  "of rows in fours": { before: longer((n) => 4 * Math.ceil((n + 1) / 4)), apply: cut(0) },
  reversed: { before: asIs, apply: (x) => lax.reverse(x, [last(x.shape)]) },
  transposed: {
    before: (shape) => shape.toReversed(),
    apply: (x) => lax.transpose(x, x.shape.map((_, i) => last(x.shape) - i)),
  },
  "shifted by a zero": {
    before: asIs,
    apply: (x, shape) => {
      const [none, one] = [shape.map(() => 0), shape.map(() => 1)];
      const longer = lax.pad(x, { low: one, high: none, interior: none }, literal(0, x.dtype));
      return from(none, longer, shape);
    },
  },
  "by a number for each place along the last axis": {
    before: asIs,
    apply: (x) =>
      lax.mul(
        x,
        along(
          lax.slice(lax.reshape(x, [x.size]), {
            start: [0],
            limit: [x.shape.at(-1)!],
            strides: [1],
          }),
          x,
          last(x.shape),
        ),
      ),
  },
  "of many steps": {
    before: asIs,
    apply: (x) => {
      let y = x;
      for (let i = 0; i < 45; i++) y = lax.sub(lax.max(y, number(y, i % 7)), number(y, 1));
      return y;
    },
  },
};

const epilogues: Readonly<Record<string, (y: Tensor) => readonly Tensor[]>> = {
  none: (y) => [y],
  "a row for all": (y) => [
    lax.add(y, along(lax.iota([y.shape.at(-1)!], y.dtype, 0), y, last(y.shape))),
  ],
  "two results": (y) => [lax.max(y, number(y, 0)), lax.mul(y, number(y, 2))],
  transposed: (y) => [lax.transpose(y, y.shape.map((_, i) => last(y.shape) - i))],
};

/** A shuffled array's axes: those named, wherever they went. */
function layout(sizes: Readonly<Record<string, number>>, order: readonly string[]) {
  const axes = order.filter((name) => name in sizes);
  return {
    shape: axes.map((name) => sizes[name]!),
    of: (name: string) => name in sizes ? [axes.indexOf(name)] : [],
  };
}

const order = fc.shuffledSubarray(["b", "free", "k"], { minLength: 3 });
const prologue = fc.constantFrom(...Object.keys(prologues));
const epilogue = fc.constantFrom(...Object.keys(epilogues));

function runOf(
  description: string,
  inputs: readonly (readonly [Shape, DType])[],
  f: (...xs: Tensor[]) => readonly Tensor[],
): Run {
  const random = new Random(inputs.flatMap(([shape]) => shape).reduce((a, n) => a * 31 + n, 7));
  const program = eliminateDeadCode(traceClosed(f, inputs.map(([s, dtype]) => aval(s, dtype))));
  return {
    program,
    inputs: inputs.map(([shape, dtype]) => hostArray(dtype, shape, () => ordinary(random, dtype))),
    toString: () => description,
  };
}

/** Products of two operands, or of one by itself. */
export const products: fc.Arbitrary<Run> = fc.record({
  batch: fc.constantFrom(undefined, undefined, 1, 2, 3),
  m: size,
  n: size,
  k: fc.oneof({ weight: 9, arbitrary: size }, { weight: 1, arbitrary: fc.constantFrom(512, 700) }),
  dtype: fc.constantFrom<DType>("float32", "float32", "int32", "uint32"),
  left: fc.record({ order, prologue }),
  right: fc.record({ order, prologue }),
  epilogue,
  same: fc.boolean(),
}).map((c) => {
  const common = { ...c.batch === undefined ? {} : { b: c.batch }, k: c.k };
  const left = layout({ ...common, free: c.m }, c.left.order);
  const n = c.same ? c.m : c.n;
  const right = layout({ ...common, free: n }, c.same ? c.left.order : c.right.order);
  const [before, after] = [prologues[c.left.prologue]!, prologues[c.right.prologue]!];
  return runOf(
    JSON.stringify(c),
    c.same
      ? [[before.before(left.shape), c.dtype]]
      : [[before.before(left.shape), c.dtype], [after.before(right.shape), c.dtype]],
    (x, y) => {
      const a = before.apply(x!, left.shape);
      const b = c.same ? a : after.apply(y!, right.shape);
      const z = lax.dot(a, b, {
        lhsContract: left.of("k"),
        rhsContract: right.of("k"),
        lhsBatch: left.of("b"),
        rhsBatch: right.of("b"),
      });
      return epilogues[c.epilogue]!(z);
    },
  );
});

const channels = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(4, 8, 16, 20));
const geometry = fc.record({
  size: fc.oneof(fc.integer({ min: 3, max: 11 }), fc.constantFrom(4, 8, 12)),
  window: fc.integer({ min: 1, max: 3 }),
  stride: fc.constantFrom(1, 1, 2),
  low: fc.integer({ min: 0, max: 2 }),
  high: fc.integer({ min: 0, max: 2 }),
  dilation: fc.constantFrom(1, 1, 2),
});

/** Convolutions, and their gradients. */
export const convolutions: fc.Arbitrary<Run> = fc.record({
  part: fc.constantFrom("forward", "input", "filter"),
  groups: fc.constantFrom(1, 1, 2),
  images: fc.integer({ min: 1, max: 4 }),
  inside: channels,
  outside: channels,
  space: fc.array(geometry, { minLength: 1, maxLength: 2 })
    .filter((all) => all.every((g) => g.low + g.size + g.high > (g.window - 1) * g.dilation)),
  activation: fc.boolean(),
}).map((c) => {
  const { groups, space } = c;
  const params = {
    strides: space.map((g) => g.stride),
    padding: space.map((g) => [g.low, g.high] as const),
    lhsDilation: space.map(() => 1),
    rhsDilation: space.map((g) => g.dilation),
    groups,
  };
  const x = [c.images, groups * c.inside, ...space.map((g) => g.size)];
  const w = [groups * c.outside, c.inside, ...space.map((g) => g.window)];
  const y = [
    c.images,
    groups * c.outside,
    ...space.map((g) =>
      Math.floor((g.low + g.size + g.high - (g.window - 1) * g.dilation - 1) / g.stride) + 1
    ),
  ];
  const relu = (t: Tensor) => c.activation ? lax.max(t, number(t, 0)) : t;
  const forward = (x: Tensor, w: Tensor) => relu(lax.conv(relu(x), w, params));
  const shapes = [x, w, y].map((shape) => [shape, "float32"] as const);
  return runOf(JSON.stringify(c), shapes, (x, w, y) => {
    if (c.part === "forward") return [lax.add(forward(x!, w!), y!)];
    const [, pull] = vjp(forward, x!, w!);
    return [pull(y!)[c.part === "input" ? 0 : 1]];
  });
});

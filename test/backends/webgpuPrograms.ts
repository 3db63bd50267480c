/**
 * Programs that a compiler may get wrong where single instructions are right: fused chains, reductions that
 * wait for each other, wide and long ones, loops. Each gives its inputs' types, and how to compute.
 */
import type { DType } from "../../src/core/dtype.ts";
import { type Aval, aval, type Shape } from "../../src/core/aval.ts";
import type { Program } from "../../src/core/program.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { type HostArray, hostArray, ordinary, Random } from "../support/arrays.ts";

/** A program by name. */
export interface Example {
  readonly name: string;
  readonly inputs: readonly Aval[];
  readonly f: (...xs: Tensor[]) => readonly Tensor[];
  /** The most dispatches it may take where buffers are plenty. */
  readonly dispatches?: number;
}

const f32 = (...shape: number[]): Aval => aval(shape, "float32");
const i32 = (...shape: number[]): Aval => aval(shape, "int32");
const number = (x: Tensor, value: number) => lax.fullLike(x, value);
const along = (x: Tensor, like: Tensor, axis: number) =>
  lax.broadcast(x, like.shape, like.shape.map((_, i) => i).filter((i) => i !== axis));

/** Softmax along an axis. */
export function softmax(x: Tensor, axis: number): Tensor {
  const e = lax.exp(lax.sub(x, along(lax.reduceMax(x, [axis]), x, axis)));
  return lax.div(e, along(lax.reduceSum(e, [axis]), x, axis));
}

function layerNorm(x: Tensor): Tensor {
  const last = x.ndim - 1;
  const mean = (y: Tensor) => {
    const total = lax.reshape(lax.reduceSum(y, [last]), [...x.shape.slice(0, -1), 1]);
    const m = lax.div(total, number(total, x.shape[last]!));
    return lax.broadcast(m, x.shape, x.shape.map((_, i) => i));
  };
  const centred = lax.sub(x, mean(x));
  const variance = mean(lax.mul(centred, centred));
  return lax.mul(centred, lax.rsqrt(lax.add(variance, number(x, 1e-5))));
}

const matrices = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
const window = {
  strides: [1, 2],
  padding: [[1, 1], [2, 0]],
  lhsDilation: [1, 1],
  rhsDilation: [1, 1],
  groups: 1,
} as const;

/** A loop within a loop, that carries, stacks, reverses, and closes over values. */
function nestedLoop(w: Tensor, c: Tensor, xs: Tensor): Tensor[] {
  const inner = traceClosed(
    (w, c, x) => [lax.add(lax.mul(c!, w!), x!), lax.sin(c!)],
    [f32(3), f32(3), f32(3)],
  );
  const outer = traceClosed((w, a, b, x) => {
    const [last, ys] = lax.scan([w!, a!, lax.broadcast(x!, [3, 3], [1])], {
      body: inner,
      consts: 1,
      carry: 1,
      length: 3,
      reverse: true,
    });
    return [b!, last!, lax.reduceSum(ys!, [0])]; // the carries change places
  }, [f32(3), f32(3), f32(3), f32(3)]);
  return lax.scan([w, c, lax.mul(c, c), xs], {
    body: outer,
    consts: 1,
    carry: 2,
    length: xs.shape[0]!,
    reverse: false,
  });
}

/** The programs. */
export const examples: readonly Example[] = [
  { name: "softmax", inputs: [f32(5, 70)], f: (x) => [softmax(x!, 1)], dispatches: 1 },
  {
    name: "softmax along the first axis",
    inputs: [f32(9, 2, 7)],
    f: (x) => [softmax(x!, 0)],
    dispatches: 1,
  },
  { name: "layer norm", inputs: [f32(2, 5, 33)], f: (x) => [layerNorm(x!)], dispatches: 1 },
  {
    name: "a chain of 200",
    inputs: [f32(16, 7)],
    f: (x) => {
      let y = x!;
      for (let i = 0; i < 200; i++) y = i % 2 ? lax.sin(y) : lax.add(y, number(y, 0.1));
      return [y];
    },
    dispatches: 6,
  },
  {
    name: "a value that each step uses twice",
    inputs: [f32(50)],
    f: (x) => {
      let [a, b] = [x!, lax.cos(x!)];
      for (let i = 0; i < 40; i++) [a, b] = [lax.mul(lax.sin(b), a), lax.sub(a, lax.tanh(b))];
      return [a, b];
    },
  },
  {
    name: "a row's and a column's sums of one product",
    inputs: [f32(30, 20), f32(30, 20)],
    f: (x, y) => {
      const p = lax.exp(lax.mul(x!, y!));
      return [lax.reduceSum(p, [0]), lax.reduceSum(p, [1]), lax.reduceMax(p, [0, 1]), p];
    },
  },
  {
    name: "a product with bias and activation, and its gradient",
    inputs: [f32(37, 19), f32(19, 41), f32(41)],
    f: (x, w, b) => {
      const y = lax.dot(x!, w!, matrices);
      const z = lax.tanh(lax.add(y, lax.broadcast(b!, y.shape, [1])));
      const dz = lax.mul(z, lax.sub(number(z, 1), lax.mul(z, z)));
      const dx = lax.dot(dz, w!, { ...matrices, rhsContract: [1] });
      const dw = lax.dot(x!, dz, { ...matrices, lhsContract: [0] });
      return [z, dx, dw, lax.reduceSum(dz, [0])];
    },
    dispatches: 4,
  },
  {
    name: "a product of transposed, scaled and shifted operands",
    inputs: [f32(3, 40, 33), f32(33, 3, 50)],
    f: (x, y) => {
      const p = lax.dot(lax.mul(x!, number(x!, 0.5)), lax.transpose(y!, [1, 2, 0]), {
        lhsContract: [2],
        rhsContract: [2],
        lhsBatch: [0],
        rhsBatch: [0],
      });
      return [lax.transpose(lax.add(p, number(p, 1)), [1, 0, 2]), lax.reduceMax(p, [1])];
    },
  },
  {
    name: "a long product of small matrices",
    inputs: [f32(2048, 9), f32(2048, 5)],
    f: (x, y) => [lax.dot(x!, y!, { ...matrices, lhsContract: [0], rhsContract: [0] })],
  },
  {
    name: "integer products",
    inputs: [i32(20, 30), i32(30, 25)],
    f: (x, y) => [lax.dot(x!, y!, matrices)],
  },
  {
    name: "a convolution with what is around it",
    inputs: [f32(2, 5, 9, 12), f32(6, 5, 3, 4), f32(6)],
    f: (x, w, b) => {
      const y = lax.conv(lax.max(x!, number(x!, 0)), w!, window);
      return [lax.add(y, lax.broadcast(b!, y.shape, [1])), lax.reduceSum(y, [0, 2, 3])];
    },
  },
  {
    name: "large sums",
    inputs: [f32(100_000), i32(300_001)],
    f: (x, i) => [
      lax.reduceSum(lax.cos(x!), [0]),
      lax.reduceSum(i!, [0]),
      lax.reduceMax(i!, [0]),
      lax.argMax(x!, 0),
    ],
  },
  {
    name: "long sorts and running sums",
    inputs: [f32(2, 3000), i32(1, 700)],
    f: (x, i) => [
      ...lax.sort(x!, lax.iota(x!.shape, "int32", 1)),
      lax.cumsum(i!, 1),
      lax.cumsum(i!, 1, true),
      ...lax.sort(lax.rem(i!, number(i!, 7)), i!),
    ],
  },
  {
    name: "many updates of few places",
    inputs: [i32(7), i32(1000), f32(4, 3), f32(90, 3)],
    f: (x, updates, y, rows) => {
      const at = (n: number, places: number) =>
        lax.reshape(lax.rem(lax.iota([n], "int32", 0), number(lax.iota([n], "int32", 0), places)), [
          n,
          1,
        ]);
      return [
        lax.scatter(x!, at(1000, 7), updates!, "add"),
        lax.scatter(x!, at(1000, 5), updates!, "set"),
        lax.scatter(y!, at(90, 3), rows!, "add"),
        lax.gather(lax.exp(y!), at(90, 4)),
      ];
    },
  },
  {
    name: "a concatenation of forty",
    inputs: Array.from({ length: 40 }, (_, i) => f32(1 + i % 3, 4)),
    f: (...xs) => [lax.concatenate(xs.map((x, i) => i % 2 ? lax.neg(x) : x), 0)],
  },
  {
    name: "forty outputs of forty inputs",
    inputs: Array.from({ length: 40 }, () => f32(6)),
    f: (...xs) => xs.map((x, i) => lax.mul(x, xs[(i + 7) % 40]!)),
  },
  {
    name: "indices turned around many times",
    inputs: [f32(4, 6, 5)],
    f: (x) => {
      const a = lax.reshape(lax.transpose(x!, [2, 0, 1]), [10, 12]);
      const b = lax.slice(a, { start: [1, 2], limit: [10, 12], strides: [2, 3] });
      const c = lax.pad(lax.reverse(b, [1]), { low: [1, 0], high: [0, 2], interior: [1, 0] });
      const d = lax.concatenate([c, lax.reverse(c, [0])], 1);
      return [d, lax.reduceSum(lax.reshape(d, [d.size]), [0]), lax.transpose(d, [1, 0])];
    },
    dispatches: 3,
  },
  {
    name: "a loop in a loop",
    inputs: [f32(3), f32(3), f32(5, 3)],
    f: (w, c, xs) => nestedLoop(w!, c!, xs!),
  },
  {
    name: "a loop that ends when it is done",
    inputs: [f32(4)],
    f: (x) => {
      const condition = traceClosed((c) => [lax.reduceOr(lax.lt(c!, number(c!, 100)), [0])], [
        f32(4),
      ]);
      const body = traceClosed((c) => [lax.mul(c!, number(c!, 3))], [f32(4)]);
      const start = lax.add(lax.abs(x!), number(x!, 1));
      return lax.whileLoop([start], {
        condition,
        body,
        conditionConsts: 0,
        bodyConsts: 0,
        maxSteps: 9,
      });
    },
  },
  {
    name: "behind a barrier",
    inputs: [f32(8, 8)],
    f: (x) => {
      const y = lax.sin(x!);
      const [a, b] = lax.barrier([y, lax.dot(y, x!, matrices)]);
      return [lax.mul(lax.sin(a!), b!)];
    },
  },
  {
    name: "random bits in one kernel",
    inputs: [aval([2], "uint32")],
    f: (key) => {
      const word = (i: number) =>
        lax.broadcast(
          lax.reshape(lax.slice(key!, { start: [i], limit: [i + 1], strides: [1] }), []),
          [64],
          [],
        );
      const count = lax.iota([64], "uint32", 0);
      const [a, b] = lax.threefry2x32([word(0), word(1)], [count, number(count, 3)]);
      return [lax.xor(a, b), lax.convert(lax.shiftRightLogical(a, number(a, 8)), "float32")];
    },
    dispatches: 1,
  },
  {
    name: "sums along the same elements under other axes",
    inputs: [f32(4, 6, 5)],
    f: (x) => {
      const rows = lax.exp(lax.reshape(x!, [24, 5, 1]));
      return [lax.reduceMax(x!, [2]), lax.reduceSum(rows, [1, 2]), lax.argMax(x!, 2)];
    },
    dispatches: 1,
  },
  {
    name: "signs of negated values",
    inputs: [f32(40)],
    f: (x) => {
      const y = lax.neg(lax.tan(lax.logistic(x!)));
      return [lax.neg(y), lax.atan(y), lax.asinh(y), lax.tanh(y), lax.erf(y), lax.sinh(y)];
    },
    dispatches: 1,
  },
  {
    name: "which elements attain the extremum",
    inputs: [f32(60, 50), f32(50)],
    f: (x, b) => {
      const part = lax.mul(lax.sub(x!, along(b!, x!, 0)), number(x!, 0.3));
      const more = lax.add(part, lax.mul(part, number(x!, 1.1)));
      const y = lax.add(lax.mul(more, number(x!, 0.7)), along(b!, x!, 0));
      const attaining = (z: Tensor) => lax.convert(lax.eq(y, z), "float32");
      return [
        lax.reduceSum(attaining(along(lax.reduceMin(y, [1]), y, 1)), [0]),
        lax.reduceSum(attaining(along(lax.reduceMax(lax.transpose(y, [1, 0]), [1]), y, 0)), [1]),
        part,
      ];
    },
  },
  {
    name: "rows and columns that are read in fours",
    inputs: [f32(64, 32), f32(32)],
    f: (x, b) => {
      const y = layerNorm(x!);
      const z = lax.mul(y, along(b!, y, 0));
      const positive = lax.gt(z, number(z, 0));
      return [
        lax.select(positive, z, lax.exp(z)),
        positive,
        lax.transpose(z, [1, 0]),
        lax.reduceSum(z, [0]),
        lax.reduceMax(z, [1]),
        lax.argMax(z, 0),
        lax.argMax(z, 1),
        lax.concatenate([z, lax.reverse(z, [1])], 1),
      ];
    },
  },
  {
    name: "products that are read and written in fours",
    inputs: [f32(2, 40, 24), f32(2, 24, 36), f32(36)],
    f: (x, y, b) => {
      const batch = { lhsBatch: [0], rhsBatch: [0] };
      const p = lax.dot(x!, y!, { ...batch, lhsContract: [2], rhsContract: [1] });
      const z = lax.tanh(lax.add(p, lax.broadcast(b!, p.shape, [2])));
      return [
        z,
        lax.dot(z, y!, { ...batch, lhsContract: [2], rhsContract: [2] }),
        lax.dot(x!, z, { ...batch, lhsContract: [1], rhsContract: [1] }),
        lax.dot(z, z, { ...batch, lhsContract: [1], rhsContract: [1] }),
        lax.transpose(lax.dot(x!, y!, { ...batch, lhsContract: [2], rhsContract: [1] }), [0, 2, 1]),
      ];
    },
  },
  {
    name: "products of neighbours, of their neighbours, and so on",
    inputs: [f32(40)],
    f: (x) => {
      let y = x!;
      for (let i = 0; i < 14; i++) {
        const next = lax.slice(y, { start: [1], limit: [40], strides: [1] });
        const window = { low: [0], high: [1], interior: [0] };
        const shifted = lax.pad(next, window, literal(1, "float32"));
        y = lax.sin(lax.mul(y, shifted));
      }
      return [y];
    },
  },
  {
    name: "products as large as blocks get",
    inputs: [f32(256, 192), f32(192, 256)],
    f: (x, y) => [lax.dot(x!, y!, matrices), lax.dot(y!, x!, matrices)],
  },
  {
    name: "a sum of twenty inputs",
    inputs: Array.from({ length: 20 }, () => f32(4, 8)),
    f: (...xs) => [xs.reduce((a, b) => lax.add(a, b))],
  },
  {
    name: "nothing at all",
    inputs: [f32(0, 3), f32(3)],
    f: (x, y) => [
      lax.exp(x!),
      lax.reduceSum(x!, [0]),
      lax.add(lax.reduceSum(x!, [0]), y!),
      lax.full([0], literal(1, "float32").size, "float32"),
    ],
  },
];

/** The example as a program. */
export const programOf = ({ f, inputs }: Example): Program => traceClosed(f, inputs);

/** Inputs for an example. */
export function inputsOf({ inputs }: Example): HostArray[] {
  const random = new Random(7);
  return inputs.map(({ dtype, shape }: { dtype: DType; shape: Shape }) =>
    hostArray(dtype, shape, () => ordinary(random, dtype))
  );
}

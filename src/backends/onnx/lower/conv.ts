/**
 * Convolutions. ONNX has them as they are, and with gaps between the input's elements as ConvTranspose;
 * float64, for which ONNX Runtime has neither, is unfolded into a matrix product.
 */
import { type Shape, sizeOf } from "../../../core/aval.ts";
import type { ConvParams, convPrimitives } from "../../../primitives/index.ts";
import type { Graph, Value } from "../graph.ts";
import { filled, full, isEmpty, operand } from "../operand.ts";
import {
  concatenate,
  expand,
  map,
  pad,
  reshape,
  reverse,
  slice,
  spread,
  transpose,
} from "../values.ts";
import { product } from "./dot.ts";
import { sumAlong } from "./sums.ts";
import type { Lowerings } from "./table.ts";

const dilated = (n: number, by: number) => (n - 1) * by + 1;
const space = (shape: Shape) => shape.slice(2);

/** Cuts off where the padding is negative, and pads where it is positive, from axis `first` on. */
function padded(g: Graph, x: Value, padding: ConvParams["padding"], first = 2): Value {
  const at = (a: number) => padding[a - first] ?? [0, 0];
  const cut = slice(
    g,
    x,
    x.shape.map((_, a) => Math.max(0, -at(a)[0])),
    x.shape.map((n, a) => n - Math.max(0, -at(a)[1])),
  );
  return pad(
    g,
    cut,
    x.shape.map((_, a) => Math.max(0, at(a)[0])),
    x.shape.map((_, a) => Math.max(0, at(a)[1])),
    g.scalar(x.type, 0),
  );
}

// Terms that ONNX Runtime's convolution adds well enough: in turn, or in parts where there are many results.
const longest = { few: 256, many: 8192 };
const fewPlaces = 32;

/** Terms that should be summed at once: for few places, or by one filter, they are added in turn. */
function mostTerms({ shape: [out] }: Value, { groups }: ConvParams, shape: Shape): number {
  const inTurn = out === groups || sizeOf(space(shape)) <= fewPlaces;
  return longest[inTurn ? "few" : "many"];
}

type Method = (g: Graph, x: Value, w: Value, params: ConvParams, shape: Shape) => Value;

/** The same with one half of the window, and with the other, summed. */
function inHalves(method: Method): Method {
  return (g, x, w, params, shape) => {
    const { rhsDilation, padding } = params;
    const axis = w.shape.findIndex((n, a) => a >= 2 && n > 1);
    const [size, dilation, [low, high]] = [
      w.shape[axis]!,
      rhsDilation[axis - 2]!,
      padding[axis - 2]!,
    ];
    const half = size >> 1;
    const sums = [[0, half] as const, [half, size] as const].flatMap(([from, to]) => {
      const [before, after] = [low - from * dilation, high - (size - to) * dilation];
      if (Math.min(before, after) <= -x.shape[axis]!) return []; // nothing but padding
      const part = slice(
        g,
        w,
        w.shape.map((_, a) => a === axis ? from : 0),
        w.shape.with(axis, to),
      );
      return [
        method(g, x, part, { ...params, padding: padding.with(axis - 2, [before, after]) }, shape),
      ];
    });
    if (sums.length === 0) return expand(g, g.scalar(x.type, 0), shape);
    return sums.reduce((a, b) => map(g, "Add", [a, b]));
  };
}

/** ONNX's own convolution. Where it has many terms, those of some channels, and of parts of the window, are summed apart. */
function direct(g: Graph, x: Value, w: Value, params: ConvParams, shape: Shape): Value {
  const { groups } = params;
  const [out, inside, ...window] = w.shape as [number, number, ...number[]];
  const taps = sizeOf(window);
  const most = mostTerms(w, params, shape);
  if (inside * taps <= most) return inOneNode(g, x, w, params, shape);
  if (taps > most) return inHalves(direct)(g, x, w, params, shape);
  // Groups of channels, each with its own filters, as if they were groups of the convolution.
  const together = divisors(inside).findLast((n) => n * taps <= most)!; // one channel is not too long
  const parts = inside / together;
  const perGroup = out / groups;
  const split = reshape(g, w, [groups, perGroup, parts, together, ...window]);
  const order = [0, 2, 1, 3, ...window.map((_, i) => i + 4)];
  const filters = reshape(g, transpose(g, split, order), [out * parts, together, ...window]);
  const [batch, , ...places] = shape;
  const apart = [batch!, out * parts, ...places];
  const y = inOneNode(g, x, filters, { ...params, groups: groups * parts }, apart);
  const stacked = reshape(g, y, [batch!, groups, parts, perGroup, ...places]);
  return reshape(g, sumAlong(g, stacked, [2]), shape);
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
}

function inOneNode(g: Graph, x: Value, w: Value, params: ConvParams, shape: Shape): Value {
  const { strides, padding, rhsDilation, groups } = params;
  const cut = padding.map(([low, high]) => [Math.min(0, low), Math.min(0, high)] as const);
  const rest = padding.map(([low, high]) => [Math.max(0, low), Math.max(0, high)] as const);
  return g.node("Conv", [padded(g, x, cut), w], { shape, type: x.type }, {
    kernel_shape: space(w.shape),
    strides,
    pads: [...rest.map(([low]) => low), ...rest.map(([, high]) => high)],
    dilations: rhsDilation,
    group: groups,
  });
}

/** Each input element sends the turned filter to its place in the output, `lhsDilation` apart. */
function transposed(g: Graph, x: Value, w: Value, params: ConvParams, shape: Shape): Value {
  const { padding, lhsDilation, rhsDilation, groups } = params;
  const [out, inside, ...window] = w.shape;
  const turned = reverse(g, w, window.map((_, i) => i + 2));
  const split = reshape(g, turned, [groups, out! / groups, inside!, ...window]);
  const order = [0, 2, 1, ...window.map((_, i) => i + 3)];
  const exchanged = reshape(
    g,
    transpose(g, split, order),
    [groups * inside!, out! / groups, ...window],
  );
  // `pads` cuts off the elements of the full result beyond the wanted one; missing elements are added.
  const reach = window.map((n, i) => dilated(n, rhsDilation[i]!) - 1);
  const beyond = padding.map(([low, high], i) => [reach[i]! - low, reach[i]! - high] as const);
  const pads = beyond.map(([low, high]) => [Math.max(0, low), Math.max(0, high)] as const);
  const missing = beyond.map(([low, high]) => [Math.max(0, -low), Math.max(0, -high)] as const);
  const made = shape.map((n, a) => a < 2 ? n : n - missing[a - 2]![0] - missing[a - 2]![1]);
  const y = g.node("ConvTranspose", [x, exchanged], { shape: made, type: x.type }, {
    kernel_shape: window,
    strides: lhsDilation,
    pads: [...pads.map(([low]) => low), ...pads.map(([, high]) => high)],
    dilations: rhsDilation,
    group: groups,
  });
  return padded(g, y, missing);
}

/** All windows of the padded input side by side, times the filters. */
function unfolded(g: Graph, x: Value, w: Value, params: ConvParams, shape: Shape): Value {
  const { strides, padding, rhsDilation, groups } = params;
  const input = padded(g, x, padding);
  const [batch, channels] = x.shape;
  const [out, inside, ...window] = w.shape;
  const [places, taps] = [space(shape), window];
  // For each place of the output and each tap of the filter, where the input is read.
  let at: number[] = [0];
  const axis = (axisSize: number, list: number[], offsets: number[]) =>
    list.flatMap((base) => offsets.map((o) => base * axisSize + o));
  const steps = (n: number, by: number) => Array.from({ length: n }, (_, i) => i * by);
  const sizes = space(input.shape);
  at = steps(places[0]!, strides[0]!);
  places.slice(1).forEach((n, i) => at = axis(sizes[i + 1]!, at, steps(n, strides[i + 1]!)));
  let taken = steps(taps[0]!, rhsDilation[0]!);
  taps.slice(1).forEach((n, i) =>
    taken = axis(sizes[i + 1]!, taken, steps(n, rhsDilation[i + 1]!))
  );
  const [p, k] = [at.length, taken.length];
  const indices = g.constant("int64", [k * p], taken.flatMap((t) => at.map((a) => a + t)));
  const flat = reshape(g, input, [batch!, channels!, sizeOf(sizes)]);
  const windows = g.node("Gather", [flat, indices], {
    shape: [batch!, channels!, k * p],
    type: x.type,
  }, { axis: 2 });
  const columns = reshape(g, windows, [batch!, groups, inside! * k, p]);
  const filters = reshape(g, w, [1, groups, out! / groups, inside! * k]);
  const y = g.node("MatMul", [filters, columns], {
    shape: [batch!, groups, out! / groups, p],
    type: x.type,
  });
  return reshape(g, y, shape);
}

// Elements that may be gathered at once, and the fewest that lie together, for it to be quick.
const [mostGathered, leastTogether] = [2 ** 23, 16];

/** True if few places are left by a window nearly as large as the input: a derivative in a filter. */
function isNarrow(x: Value, w: Value, params: ConvParams, shape: Shape): boolean {
  const [places, taps] = [sizeOf(space(shape)), sizeOf(space(w.shape))];
  const isLong = taps > mostTerms(w, params, shape);
  return params.groups === 1 && places * 4 <= taps && (isLong || x.shape[0]! >= leastTogether) &&
    x.shape[0]! * places <= mostGathered;
}

/** The convolution with elements gathered for some channels, or a part of the window, at a time, which bounds memory. */
function gatheredInTurns(
  g: Graph,
  x: Value,
  w: Value,
  params: ConvParams,
  shape: Shape,
): Value {
  const [batch, channels] = x.shape as [number, number];
  const each = batch * sizeOf(space(w.shape)) * sizeOf(space(shape));
  if (each > mostGathered) return inHalves(gatheredInTurns)(g, x, w, params, shape);
  const atOnce = Math.min(channels, Math.floor(mostGathered / each));
  const of = (v: Value, from: number, to: number) =>
    slice(g, v, v.shape.map((_, a) => a === 1 ? from : 0), v.shape.with(1, to));
  const sums: Value[] = [];
  for (let from = 0; from < channels; from += atOnce) {
    const to = Math.min(channels, from + atOnce);
    sums.push(gathered(g, of(x, from, to), of(w, from, to), params, shape));
  }
  if (sums.length === 1) return sums[0]!;
  return sumAlong(g, concatenate(g, sums.map((y) => reshape(g, y, [1, ...shape])), 0), [0]);
}

/**
 * The elements under the window at each place, gathered with `x`'s first axis last, times the window as one matrix. ONNX
 * Runtime's own convolution works on one row of places at a time, on one thread.
 */
function gathered(g: Graph, x: Value, w: Value, params: ConvParams, shape: Shape): Value {
  const { strides, padding, rhsDilation } = params;
  const axes = space(x.shape).map((_, i) => i + 2);
  const input = padded(g, transpose(g, x, [1, ...axes, 0]), padding, 1);
  const [inside, ...rest] = input.shape as [number, ...number[]];
  const together = rest.pop()!;
  const [taps, places] = [space(w.shape), space(shape)];
  // Rows of `input`: where the window begins, and where its elements are from there.
  const rows = (counts: readonly number[], steps: readonly number[], from: number[]) =>
    counts.reduce((list, n, i) => {
      const by = steps[i]! * sizeOf(rest.slice(i + 1));
      return list.flatMap((r) => Array.from({ length: n }, (_, k) => r + k * by));
    }, from);
  const blocks = Array.from({ length: inside }, (_, c) => c * sizeOf(rest));
  const under = rows(taps, rhsDilation, blocks);
  const starts = rows(places, strides, [0]);
  const indices = g.node("Add", [
    g.constant("int64", [under.length, 1], under),
    g.constant("int64", [1, starts.length], starts),
  ], { shape: [under.length, starts.length], type: "int64" });
  const flat = reshape(g, input, [inside * sizeOf(rest), together]);
  const covered = g.node("Gather", [flat, indices], {
    shape: [under.length, starts.length, together],
    type: x.type,
  }, { axis: 0 });
  const columns = starts.length * together;
  const filters = reshape(g, transpose(g, w, [1, ...axes, 0]), [under.length, w.shape[0]!]);
  const y = product(
    g,
    { value: filters, transposed: true },
    { value: reshape(g, covered, [under.length, columns]), transposed: false },
    [w.shape[0]!, columns],
  );
  const apart = reshape(g, y, [w.shape[0]!, ...places, together]);
  return transpose(g, apart, [places.length + 1, 0, ...places.map((_, i) => i + 1)]);
}

/** The conv family. */
export const convLowerings: Lowerings<keyof typeof convPrimitives> = {
  conv(g, [left, right], params, [out]) {
    if (isEmpty(left) || isEmpty(right)) return [filled(g, out!, 0)];
    const [x, w] = [full(g, left), full(g, right)];
    const { strides, padding, lhsDilation } = params;
    const { shape } = out!;
    // Negative padding may cut the whole input away; ONNX wants something to be left.
    const reach = space(x.shape).map((n, i) => dilated(n, lhsDilation[i]!));
    if (padding.some(([low, high], i) => Math.min(low, high) <= -reach[i]!)) {
      return [filled(g, out!, 0)];
    }
    const gaps = lhsDilation.some((d, i) => d > 1 && x.shape[i + 2]! > 1);
    if (x.type === "float32" && gaps && strides.every((s) => s === 1)) {
      return [operand(transposed(g, x, w, params, shape))];
    }
    const apart = gaps
      ? spread(g, x, [0, 0, ...lhsDilation.map((d) => d - 1)], g.scalar(x.type, 0))
      : x;
    const method = x.type !== "float32"
      ? unfolded
      : isNarrow(apart, w, params, shape)
      ? gatheredInTurns
      : direct;
    return [operand(method(g, apart, w, { ...params, padding }, shape))];
  },
};

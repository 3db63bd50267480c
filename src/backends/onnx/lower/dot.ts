/**
 * The tensor product, as one matrix product over flattened axes. Transposed operands are read through
 * their transposition: the product's own flags take a transposed matrix as it lies.
 */
import { type Shape, sizeOf } from "../../../core/aval.ts";
import type { dotPrimitives } from "../../../primitives/index.ts";
import { type Graph, runtimeDomain, type Value } from "../graph.ts";
import { filled, full, isEmpty, operand } from "../operand.ts";
import { reduceAs, summable } from "./reduce.ts";
import { divisorOf, sumAlong } from "./sums.ts";
import { map, reshape, slice, transpose, transposeLong, untransposed } from "../values.ts";
import type { Lowerings } from "./table.ts";

/** A stack of matrices `[batch, rows, columns]`, or of their transposes. */
export interface Matrices {
  readonly value: Value;
  readonly transposed: boolean;
  /** True if the elements had to be moved. */
  readonly moved?: boolean;
}

type Axes = readonly number[];

const increasing = (list: Axes) => list.every((a, i) => i === 0 || list[i - 1]! < a);
const sizes = (shape: Shape, axes: Axes) => sizeOf(axes.map((a) => shape[a]!));

/** The axes of `x` gathered into batch, rows and columns. */
function matrices(
  g: Graph,
  x: Value,
  batch: Axes,
  rows: Axes,
  columns: Axes,
): Required<Matrices> {
  const { base, axes } = untransposed(x);
  const long = x.shape.flatMap((n, a) => n === 1 ? [] : [a]);
  const inBase = (list: Axes) =>
    list.flatMap((a) => x.shape[a] === 1 ? [] : axes[long.indexOf(a)]!);
  const [b, r, c] = [inBase(batch), inBase(rows), inBase(columns)];
  const [nb, nr, nc] = [batch, rows, columns].map((list) => sizes(x.shape, list));
  const stack = (m: number, n: number) => batch.length === 0 ? [m, n] : [nb!, m, n];
  if (increasing([...b, ...r, ...c])) {
    return { value: reshape(g, base, stack(nr!, nc!)), transposed: false, moved: false };
  }
  if (increasing([...b, ...c, ...r])) {
    return { value: reshape(g, base, stack(nc!, nr!)), transposed: true, moved: false };
  }
  const ordered = transposeLong(g, base, [...b, ...r, ...c]);
  return { value: reshape(g, ordered, stack(nr!, nc!)), transposed: false, moved: true };
}

function others(shape: Shape, ...used: Axes[]): number[] {
  return shape.map((_, a) => a).filter((a) => !used.some((u) => u.includes(a)));
}

/**
 * Terms that ONNX Runtime sums well enough, and how many a part has where there are more. It adds up to 1024 of them in turn
 * where there are few columns or rows, else about 128 and then the sums of those.
 */
const lengths = {
  few: { longest: 512, part: 256 },
  many: { longest: 4096, part: 1024 },
};
const fewLines = 32;

/** The product of stacks of matrices, over parts of the axis that is summed where this is long. */
export function product(g: Graph, x: Matrices, y: Matrices, shape: Shape): Value {
  const inner = x.value.shape.at(x.transposed ? -2 : -1)!;
  // Rows along several axes are one matrix, where there is one for all of them.
  const rows = y.value.shape.length === 2 ? sizeOf(shape.slice(0, -1)) : shape.at(-2)!;
  const isFew = Math.min(rows, shape.at(-1)!) <= fewLines;
  const { longest, part: most } = lengths[isFew ? "few" : "many"];
  if (x.value.type !== "float32" || inner <= longest) return whole(g, x, y, shape);
  const part = divisorOf(inner, most);
  if (part === undefined) {
    const cut = inner - inner % most;
    const [first, rest] = [[0, cut], [cut, inner]].map(([from, to]) =>
      product(g, piece(g, x, "columns", from!, to!), piece(g, y, "rows", from!, to!), shape)
    );
    return map(g, "Add", [first!, rest!]);
  }
  const parts = inner / part;
  const sides = [inParts(g, x, "columns", parts), inParts(g, y, "rows", parts)] as const;
  const axis = shape.length - 2;
  return sumAlong(g, whole(g, ...sides, shape.toSpliced(axis, 0, parts)), [axis]);
}

/** The axis of a stack's value along which its rows, or columns, lie. */
const axisOf = ({ value, transposed }: Matrices, lines: "rows" | "columns") =>
  value.shape.length - (lines === "rows" !== transposed ? 2 : 1);

/** Some rows or columns of each matrix. */
function piece(
  g: Graph,
  m: Matrices,
  lines: "rows" | "columns",
  from: number,
  to: number,
): Matrices {
  const { shape } = m.value;
  const axis = axisOf(m, lines);
  const value = slice(g, m.value, shape.map((_, a) => a === axis ? from : 0), shape.with(axis, to));
  return { ...m, value };
}

/** Each matrix as a stack of some of its rows, or columns, each. */
function inParts(g: Graph, m: Matrices, lines: "rows" | "columns", parts: number): Matrices {
  const { shape } = m.value;
  const axis = axisOf(m, lines);
  const split = reshape(g, m.value, shape.toSpliced(axis, 1, parts, shape[axis]! / parts));
  // The parts come before rows and columns.
  const first = shape.length - 2;
  const order = split.shape.map((_, a) => a).filter((a) => a !== axis);
  return { ...m, value: transpose(g, split, order.toSpliced(first, 0, axis)) };
}

function whole(g: Graph, x: Matrices, y: Matrices, shape: Shape): Value {
  const { type } = x.value;
  const isFloat = type === "float32" || type === "float64";
  const flags = { transA: x.transposed ? 1 : 0, transB: y.transposed ? 1 : 0 };
  const output = { shape, type };
  if (!x.transposed && !y.transposed) return g.node("MatMul", [x.value, y.value], output);
  if (isFloat && shape.length === 2) return g.node("Gemm", [x.value, y.value], output, flags);
  if (isFloat && !g.portable) {
    return g.node("FusedMatMul", [x.value, y.value], output, flags, { domain: runtimeDomain });
  }
  const turned = (m: Matrices) => {
    const last = m.value.shape.length - 1;
    const swapped = m.value.shape.map((_, a) => a < last - 1 ? a : 2 * last - 1 - a);
    return m.transposed ? transpose(g, m.value, swapped) : m.value;
  };
  return g.node("MatMul", [turned(x), turned(y)], output);
}

/** The dot family. */
export const dotLowerings: Lowerings<keyof typeof dotPrimitives> = {
  dot(g, [left, right], { lhsContract, rhsContract, lhsBatch, rhsBatch }, [out]) {
    if (isEmpty(left) || isEmpty(right)) return [filled(g, out!, 0)];
    const [x, y] = [full(g, left), full(g, right)];
    const lhsFree = others(x.shape, lhsContract, lhsBatch);
    const rhsFree = others(y.shape, rhsContract, rhsBatch);
    // The contracted axes may be taken in any order: in that of one operand or of the other.
    const pairs = lhsContract.map((a, i) => [a, rhsContract[i]!] as const);
    const attempts = [pairs, sorted(pairs, 0), sorted(pairs, 1)].map((order) => ({
      x: matrices(g, x, lhsBatch, lhsFree, order.map(([a]) => a)),
      y: matrices(g, y, rhsBatch, order.map(([, b]) => b), rhsFree),
    }));
    const cost = (a: (typeof attempts)[number]) => +a.x.moved + +a.y.moved;
    const best = attempts.reduce((a, b) => cost(b) < cost(a) ? b : a);
    const [rows, columns, inner] = [
      sizes(x.shape, lhsFree),
      sizes(y.shape, rhsFree),
      sizes(x.shape, lhsContract),
    ];
    const batch = lhsBatch.length === 0 ? [] : [sizes(x.shape, lhsBatch)];
    if (rows === 1 && columns === 1 && batch.length > 0) {
      const flat = [best.x, best.y].map((m) => reshape(g, m.value, [...batch, inner]));
      const terms = operand(map(g, "Mul", flat));
      const sums = reduceAs(g, "ReduceSum", terms, [1], summable(x.type));
      return [operand(reshape(g, sums, out!.shape))];
    }
    // Rows along several axes need not be flattened: a product with one matrix takes them as they are.
    const asIs = batch.length === 0 && y.shape.length === 2 && rhsFree.length === 1 &&
      x.shape.length > 2 && sameAxes(lhsContract, [x.shape.length - 1]) &&
      !best.x.transposed && !best.x.moved && untransposed(x).base === x;
    if (asIs) {
      const rowsAsIs = { value: x, transposed: false, moved: false };
      return [operand(product(g, rowsAsIs, best.y, [...x.shape.slice(0, -1), columns]))];
    }
    const result = product(g, best.x, best.y, [...batch, rows, columns]);
    return [operand(reshape(g, result, out!.shape))];
  },
};

const sameAxes = (a: Axes, b: Axes) => a.length === b.length && a.every((n, i) => n === b[i]);

function sorted(pairs: readonly (readonly [number, number])[], by: 0 | 1) {
  return [...pairs].sort((a, b) => a[by] - b[by]);
}

/**
 * Long sums in stages. One node of ONNX Runtime adds the elements to one number, in turn: after n of them the error is n
 * roundings of what is there by then. Sums of short stretches, summed up again, keep it to the number of stages times
 * their length.
 */
import { sizeOf } from "../../../core/aval.ts";
import type { Graph, Value } from "../graph.ts";
import { map, pad, reduceNode, reshape, slice } from "../values.ts";

/** Elements that one node adds in turn. Where they lie together it does eight of them abreast. */
const most = { apart: 128, together: 1024 };
/** The fewest that are worth a stage. */
const least = 16;
/** With fewer elements than this after it, an axis is cut so that its parts are added as vectors. */
const narrow = 16;

/** Neighbouring axes that are all summed, or all kept, are one. */
interface Axis {
  readonly size: number;
  readonly summed: boolean;
}

/** The sum along some axes, which the result does not have; of float32, in stages where it is long. */
export function sumAlong(g: Graph, x: Value, axes: readonly number[]): Value {
  const shape = x.shape.filter((_, a) => !axes.includes(a));
  const joined = joinedAxes(x, axes);
  if (isShort(x, joined)) return reduceNode(g, "ReduceSum", x, axes);
  return reshape(g, inStages(g, reshape(g, x, joined.map((a) => a.size)), joined), shape);
}

/** True if the sum along some axes is made by one node. */
export function isShortSum(x: Value, axes: readonly number[]): boolean {
  return isShort(x, joinedAxes(x, axes));
}

function isShort({ type }: Value, joined: readonly Axis[]): boolean {
  const summed = joined.filter((a) => a.summed);
  const together = summed.length === 1 && joined.at(-1) === summed[0];
  return type !== "float32" ||
    sizeOf(summed.map((a) => a.size)) <= (together ? most.together : most.apart);
}

function joinedAxes({ shape }: Value, axes: readonly number[]): Axis[] {
  const joined: Axis[] = [];
  shape.forEach((size, a) => {
    if (size === 1) return;
    const summed = axes.includes(a);
    const last = joined.at(-1);
    if (last?.summed === summed) joined[joined.length - 1] = { size: last.size * size, summed };
    else joined.push({ size, summed });
  });
  return joined;
}

/** Sums the last summed axis of `x`, whose axes these are, as far as one node should, and goes on with what is left. */
function inStages(g: Graph, x: Value, joined: readonly Axis[]): Value {
  const at = joined.findLastIndex((a) => a.summed);
  if (at < 0) return x;
  const { size } = joined[at]!;
  const inner = sizeOf(x.shape.slice(at + 1));
  const length = inner === 1 ? most.together : most.apart;
  if (size <= length) {
    return inStages(g, reduceNode(g, "ReduceSum", x, [at]), joined.toSpliced(at, 1));
  }
  const part = divisorOf(size, length);
  if (part === undefined) {
    const whole = size - size % length;
    const [first, rest] = [[0, whole], [whole, size]].map(([from, to]) => {
      const piece = slice(g, x, x.shape.map((_, a) => a === at ? from! : 0), x.shape.with(at, to!));
      return inStages(g, piece, joined.with(at, { size: to! - from!, summed: true }));
    });
    return map(g, "Add", [first!, rest!]);
  }
  const parts = size / part;
  const asVectors = inner > 1 && inner < narrow;
  const cut = asVectors ? [part, parts] : [parts, part];
  const split = reshape(g, x, x.shape.toSpliced(at, 1, ...cut));
  const sums = reduceNode(g, "ReduceSum", split, [asVectors ? at : at + 1]);
  return inStages(g, sums, joined.with(at, { size: parts, summed: true }));
}

/** The largest divisor that a stage may have; nothing where there is none. */
export function divisorOf(size: number, limit: number): number | undefined {
  for (let d = limit; d >= least; d--) if (size % d === 0) return d;
  return undefined;
}

/** Running sums along an axis; of float32, within short parts, to each of which the sum of those before is added. */
export function runningSums(g: Graph, x: Value, axis: number, reverse: boolean): Value {
  const size = x.shape[axis]!;
  if (x.type !== "float32" || size <= most.apart) {
    const inputs = [x, g.scalar("int64", axis)];
    return g.node("CumSum", inputs, { shape: x.shape, type: x.type }, { reverse: reverse ? 1 : 0 });
  }
  const none = x.shape.map(() => 0);
  const zero = g.scalar(x.type, 0);
  const part = divisorOf(size, most.apart);
  if (part === undefined) {
    const missing = most.apart - size % most.apart;
    const longer = pad(g, x, none, none.with(axis, missing), zero);
    return slice(g, runningSums(g, longer, axis, reverse), none, x.shape);
  }
  const parts = size / part;
  const split = reshape(g, x, x.shape.toSpliced(axis, 1, parts, part));
  const within = runningSums(g, split, axis + 1, reverse);
  const ends = split.shape.map((n, a) =>
    a === axis + 1 ? [reverse ? 0 : n - 1, reverse ? 1 : n] : [0, n]
  );
  const last = slice(g, within, ends.map(([from]) => from!), ends.map(([, to]) => to!));
  const totals = reshape(g, last, x.shape.with(axis, parts));
  const sums = runningSums(g, totals, axis, reverse);
  // The sums of the parts before, moved on by one.
  const [from, to] = reverse ? [1, parts] : [0, parts - 1];
  const kept = slice(g, sums, none.with(axis, from), totals.shape.with(axis, to));
  const [low, high] = [none.with(axis, reverse ? 0 : 1), none.with(axis, reverse ? 1 : 0)];
  const before = reshape(g, pad(g, kept, low, high, zero), last.shape);
  return reshape(g, map(g, "Add", [within, before]), x.shape);
}

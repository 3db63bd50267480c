/** `vmap`: a function of single elements as a function of batches. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { withAxisName } from "../core/axisNames.ts";
import { evaluate } from "../core/evaluate.ts";
import { type Aval, formatAval } from "../core/aval.ts";
import { inputAvals } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { traceClosed } from "../core/trace.ts";
import { broadcastPrefix, leaves, paths, type Tree, unflatten } from "../core/tree.ts";
import { runBatched } from "../primitives/interpreters/batch.ts";
import { broadcastBatch, transpose } from "../primitives/index.ts";
import { tensorLeaves, traceLeaves } from "../core/function.ts";
import { count, declareOptions, type Kind, kind, text } from "../options/index.ts";

/** Axes of a tree's leaves: one for all, or a tree that follows the tree's containers. */
export type Axes = number | null | readonly Axes[] | { readonly [key: string]: Axes };

/** Options of `vmap`. */
export interface VmapOptions {
  /** The axis of each argument that is the batch; `null` for arguments without one. Default 0. */
  inAxes?: Axes;
  /** The axis of the results that is the batch; `null` for results without one. Default 0. */
  outAxes?: Axes;
  /** The batch's size: needed only if no argument has a batch. */
  axisSize?: number;
  /** The name by which `psum`, `axisIndex` and other operations between the elements of the batch call its axis. */
  axisName?: string;
}

const axesKind: Kind<Axes> = kind(
  "an axis, null, or a tree of them",
  "0",
  (value) => leaves(value as Tree<unknown>).every((axis) => Number.isInteger(axis)), // anything is a tree of unknowns
);
const checkOptions = declareOptions<VmapOptions>("vmap", ["f"], {
  inAxes: axesKind,
  outAxes: axesKind,
  axisSize: count,
  axisName: text,
});

/**
 * The function that applies `f` to every element of a batch at once. Axes may be negative, and given by
 * trees: `inAxes: [{ w: null, b: 0 }, 1]`. Batching is a rewrite of the program: loops over the batch
 * do not occur.
 *
 * ```ts
 * import { np, type Tensor, vmap } from "trilevel";
 * const dots = vmap((a: Tensor, b: Tensor) => np.dot(a, b), { inAxes: [0, null] });
 * const y = dots(np.array([[1, 0], [0, 1]]), np.array([5, 7]));
 * console.assert((await y.data())[1] === 7);
 * ```
 *
 * With an `axisName`, elements may exchange values: see `psum`.
 *
 * @throws ShapeError when sizes of mapped axes differ, naming the arguments; ArgumentError when no axis is
 * mapped.
 */
export function vmap<A extends unknown[], R>(
  f: (...args: A) => R,
  options: VmapOptions = {},
): (...args: A) => R {
  checkOptions(options);
  const { inAxes = 0, outAxes = 0, axisName } = options;
  return (...args) => {
    const flat = args.map((arg, i) => tensorLeaves(arg, `vmap: argument ${i}`));
    const leaves = flat.flatMap(([xs]) => xs);
    const structures = flat.map(([, s]) => s);
    const names = structures.flatMap((s, n) => paths(s).map((p) => `argument ${n}${p}`));
    const all = { kind: "array", children: structures } as const;
    const axes = broadcastPrefix(inAxes, all, "vmap: inAxes")
      .map((a, i) => normalize(a, leaves[i]!.aval, `vmap: ${names[i]}`));
    const size = batchSize(leaves, axes, names, options.axisSize);
    const elements: Aval[] = leaves.map(({ aval }, i) =>
      axes[i] === null ? aval : { ...aval, shape: aval.shape.filter((_, k) => k !== axes[i]) }
    );
    const traceElement = () => traceLeaves(f, structures, elements, "vmap");
    const { program, captured, output } = axisName === undefined
      ? traceElement()
      : withAxisName(axisName, size, traceElement);
    const batched = [...captured.map(() => false), ...axes.map((a) => a !== null)];
    const out = broadcastPrefix(outAxes, output, "vmap: outAxes");
    const whole = traceClosed((...inputs) => {
      const operands = inputs.map((x, i) => {
        const axis = i < captured.length ? null : axes[i - captured.length]!;
        return axis === null ? x : move(x, axis, 0);
      });
      const [outputs, flags] = runBatched(program, operands, batched, { size, name: axisName });
      return outputs.map((y, i) => place(y, flags[i]!, out[i], size));
    }, [...inputAvals(program).slice(0, captured.length), ...leaves.map((x) => x.aval)]);
    return unflatten(output, evaluate(whole, [...captured, ...leaves]));
  };
}

function normalize(axis: unknown, aval: Aval, where: string): number | null {
  if (axis === null || axis === undefined) return null;
  const rank = aval.shape.length;
  const n = typeof axis === "number" && axis < 0 ? axis + rank : axis;
  if (typeof n === "number" && Number.isInteger(n) && n >= 0 && n < rank) return n;
  throw new ShapeError(
    `${where} is ${formatAval(aval)}, which has no axis ${axis} to map over`,
    "give inAxes (outAxes) an axis that is there, or null for what has no batch",
  );
}

function batchSize(
  leaves: readonly Tensor[],
  axes: readonly (number | null)[],
  names: readonly string[],
  given: number | undefined,
): number {
  let size = given;
  let first = "axisSize";
  axes.forEach((axis, i) => {
    if (axis === null) return;
    const n = leaves[i]!.shape[axis]!;
    if (size !== undefined && size !== n) {
      throw new ShapeError(
        `vmap: batches have different sizes: ${size} in ${first}, ${n} in ${names[i]} ` +
          `(axis ${axis} of ${formatAval(leaves[i]!.aval)})`,
        "give mapped axes of one size, or inAxes: null for what has no batch",
      );
    }
    if (size === undefined) first = names[i]!;
    size = n;
  });
  if (size !== undefined) return size;
  throw new ArgumentError(
    "vmap: no argument has a batch",
    "map at least one axis, or give axisSize",
  );
}

function place(y: Tensor, batched: boolean, axis: unknown, size: number): Tensor {
  if (axis === null || axis === undefined) {
    if (!batched) return y;
    throw new ArgumentError(
      `vmap: outAxes says null, but the result ${formatAval(y.aval)} differs along the batch`,
      "give an axis for it, or reduce it",
    );
  }
  const whole = batched ? y : broadcastBatch(y, size);
  return move(whole, 0, normalize(axis, whole.aval, "vmap: the result")!);
}

function move(x: Tensor, from: number, to: number): Tensor {
  const rest = x.shape.map((_, i) => i).filter((i) => i !== from);
  return transpose(x, [...rest.slice(0, to), from, ...rest.slice(to)]);
}

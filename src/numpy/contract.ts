/** Contraction of tensors whose axes have names: what einsum and all products come down to. */
import { ShapeError } from "../core/errors.ts";
import { sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { diagonalOfLast } from "./parts.ts";

/** A tensor and a name for each axis. */
export interface Named {
  readonly x: Tensor;
  readonly axes: readonly string[];
}

/** The sum over all axes that the result does not name of the product of all operands. */
export function contract(
  name: string,
  operands: readonly Named[],
  output: readonly string[],
): Tensor {
  const sizes = sizesOf(name, operands);
  let rest = operands.map((operand) => simplified(operand, sizes));
  const needed = (axis: string, others: readonly Named[]) =>
    output.includes(axis) || others.some((o) => o.axes.includes(axis));
  while (rest.length > 1) {
    const [i, j] = cheapest(rest, sizes, needed);
    const others = rest.filter((_, k) => k !== i && k !== j);
    rest = [multiply(rest[i]!, rest[j]!, (axis) => needed(axis, others)), ...others];
  }
  const last = summed(rest[0]!, (axis) => output.includes(axis));
  return lax.transpose(last.x, output.map((axis) => last.axes.indexOf(axis)));
}

function sizesOf(name: string, operands: readonly Named[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { x, axes } of operands) {
    axes.forEach((axis, i) => {
      const n = x.shape[i]!;
      const known = sizes.get(axis) ?? 1;
      if (known !== 1 && n !== 1 && known !== n) {
        const shapes = operands.map((o) => `[${o.x.shape.join(", ")}]`).join(" and ");
        throw new ShapeError(
          `${name}: sizes ${known} and ${n} meet in one axis, in ${shapes}`,
          "axes that are multiplied must have one size",
        );
      }
      sizes.set(axis, known === 1 ? n : known);
    });
  }
  return sizes;
}

/** Repeated names become a diagonal; an axis of size 1 that others stretch is left out. */
function simplified({ x, axes }: Named, sizes: ReadonlyMap<string, number>): Named {
  const stretched = axes.map((axis, i) => x.shape[i] === 1 && sizes.get(axis) !== 1);
  let result: Named = {
    x: lax.reshape(x, x.shape.filter((_, i) => !stretched[i])),
    axes: axes.filter((_, i) => !stretched[i]),
  };
  for (const axis of new Set(result.axes)) {
    for (;;) {
      const first = result.axes.indexOf(axis);
      const second = result.axes.lastIndexOf(axis);
      if (first === second) break;
      const kept = result.axes.map((_, i) => i).filter((i) => i !== first && i !== second);
      result = {
        x: diagonalOfLast(lax.transpose(result.x, [...kept, first, second]), 0),
        axes: [...kept.map((i) => result.axes[i]!), axis],
      };
    }
  }
  return result;
}

/** The pair whose product is smallest. */
function cheapest(
  operands: readonly Named[],
  sizes: ReadonlyMap<string, number>,
  needed: (axis: string, others: readonly Named[]) => boolean,
): [number, number] {
  let best: [number, number] = [0, 1];
  let least = Infinity;
  if (operands.length === 2) return best;
  operands.forEach((a, i) =>
    operands.slice(i + 1).forEach((b, offset) => {
      const others = operands.filter((o) => o !== a && o !== b);
      const axes = [...new Set([...a.axes, ...b.axes])].filter((axis) => needed(axis, others));
      const size = sizeOf(axes.map((axis) => sizes.get(axis)!));
      if (size < least) [least, best] = [size, [i, i + 1 + offset]];
    })
  );
  return best;
}

/** An operand summed over the axes that are not needed. */
function summed({ x, axes }: Named, needed: (axis: string) => boolean): Named {
  const over = axes.flatMap((axis, i) => needed(axis) ? [] : [i]);
  return { x: lax.reduceSum(x, over), axes: axes.filter(needed) };
}

/** The product of two operands, summed over the axes that are not needed elsewhere. */
function multiply(a: Named, b: Named, needed: (axis: string) => boolean): Named {
  const left = summed(a, (axis) => needed(axis) || b.axes.includes(axis));
  const right = summed(b, (axis) => needed(axis) || a.axes.includes(axis));
  const shared = left.axes.filter((axis) => right.axes.includes(axis));
  const batch = shared.filter(needed);
  const contracted = shared.filter((axis) => !needed(axis));
  return {
    x: lax.dot(left.x, right.x, {
      lhsContract: contracted.map((axis) => left.axes.indexOf(axis)),
      rhsContract: contracted.map((axis) => right.axes.indexOf(axis)),
      lhsBatch: batch.map((axis) => left.axes.indexOf(axis)),
      rhsBatch: batch.map((axis) => right.axes.indexOf(axis)),
    }),
    axes: [
      ...batch,
      ...left.axes.filter((axis) => !shared.includes(axis)),
      ...right.axes.filter((axis) => !shared.includes(axis)),
    ],
  };
}

/** Tensor products. */
import { sizeOf } from "../../../core/aval.ts";
import type { DotParams } from "../../../primitives/index.ts";
import type { dotPrimitives } from "../../../primitives/dot.ts";
import { flatten, unflatten } from "../expression.ts";
import type { Expr, Value } from "../value.ts";
import { contract } from "./contraction.ts";
import type { Lowering, Lowerings } from "./table.ts";

const others = (rank: number, ...used: (readonly number[])[]) =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !used.some((u) => u.includes(i)));

const dot: Lowering<DotParams> = ([x, y], params, { region, outputs: [out] }) => {
  const { lhsContract, rhsContract, lhsBatch, rhsBatch } = params;
  const side = (v: Value, contract: readonly number[], batch: readonly number[]) => {
    const free = others(v.shape.length, contract, batch);
    const sizes = (axes: readonly number[]) => axes.map((a) => v.shape[a]!);
    const at = (b: Expr, i: Expr, p: Expr) => {
      const place: Expr[] = [];
      unflatten(b, sizes(batch)).forEach((e, j) => place[batch[j]!] = e);
      unflatten(i, sizes(free)).forEach((e, j) => place[free[j]!] = e);
      unflatten(p, sizes(contract)).forEach((e, j) => place[contract[j]!] = e);
      return place;
    };
    const fast = contract.includes(v.shape.length - 1);
    return { sizes: sizes(free), at, fast };
  };
  const left = side(x!, lhsContract, lhsBatch);
  const right = side(y!, rhsContract, rhsBatch);
  const batchShape = lhsBatch.map((a) => x!.shape[a]!);
  const [batch, m, n] = [sizeOf(batchShape), sizeOf(left.sizes), sizeOf(right.sizes)];
  return [
    contract(region, out!, {
      inputs: [x!, y!],
      cost: 2,
      batch,
      m,
      n,
      k: sizeOf(lhsContract.map((a) => x!.shape[a]!)),
      left: (read, b, i, p) => read(x!, left.at(b, i, p)),
      right: (read, b, j, p) => read(y!, right.at(b, j, p)),
      place: (b, i, j) => [
        ...unflatten(b, batchShape),
        ...unflatten(i, left.sizes),
        ...unflatten(j, right.sizes),
      ],
      inverse: (at) => [
        flatten(at.slice(0, batchShape.length), batchShape),
        flatten(at.slice(batchShape.length, batchShape.length + left.sizes.length), left.sizes),
        flatten(at.slice(batchShape.length + left.sizes.length), right.sizes),
      ],
      fast: { left: left.fast ? "k" : "m", right: right.fast ? "k" : "n" },
    }),
  ];
};

/** The family of products. */
export const dotLowerings: Lowerings<keyof typeof dotPrimitives> = { dot };

/** Gather, scatter and sort. */
import { BackendError } from "../../../core/errors.ts";
import { type Shape, sizeOf } from "../../../core/aval.ts";
import type { indexingPrimitives } from "../../../primitives/indexing.ts";
import type { Kernels } from "./table.ts";
import { allocateValue, stridesOf, type Value } from "../value.ts";

/** Calls `visit(entry, offset)` for each entry of `indices`, with its place in `shape`. */
function places(
  shape: Shape,
  indices: Value,
  visit: (entry: number, offset: number) => void,
): void {
  const depth = indices.shape.at(-1)!;
  const strides = stridesOf(shape);
  const count = sizeOf(indices.shape.slice(0, -1));
  for (let entry = 0; entry < count; entry++) {
    let offset = 0;
    for (let k = 0; k < depth; k++) {
      const index = indices.data[entry * depth + k]!;
      if (index < 0 || index >= shape[k]!) {
        throw new BackendError(
          `index ${index} is out of range along axis ${k} of a tensor of shape [${
            shape.join(", ")
          }]`,
          "keep indices in range, or use np.take, which says what happens outside",
        );
      }
      offset += index * strides[k]!;
    }
    visit(entry, offset);
  }
}

/** The order of keys: numbers ascending, NaN last. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  return Number.isNaN(b) || a < b ? -1 : a > b ? 1 : 0;
}

/** One kernel for each indexing primitive. */
export const indexingKernels: Kernels<keyof typeof indexingPrimitives> = {
  gather: ([x, indices], _, [out]) => {
    const result = allocateValue(out!);
    const block = sizeOf(x!.shape.slice(indices!.shape.at(-1)!));
    places(x!.shape, indices!, (entry, offset) => {
      for (let i = 0; i < block; i++) result.data[entry * block + i] = x!.data[offset + i]!;
    });
    return [result];
  },
  scatter: ([x, indices, updates], { mode }, [out]) => {
    const result = allocateValue(out!);
    result.data.set(x!.data);
    const block = sizeOf(x!.shape.slice(indices!.shape.at(-1)!));
    places(x!.shape, indices!, (entry, offset) => {
      for (let i = 0; i < block; i++) {
        const update = updates!.data[entry * block + i]!;
        result.data[offset + i] = mode === "add" ? result.data[offset + i]! + update : update;
      }
    });
    return [result];
  },
  sort: (inputs, _, outputs) => {
    const [keys] = inputs;
    const results = outputs.map(allocateValue);
    const length = keys!.shape.at(-1)!;
    for (let start = 0; start < keys!.data.length; start += length) {
      const order = Array.from({ length }, (_, i) => start + i)
        .sort((a, b) => compare(keys!.data[a]!, keys!.data[b]!));
      results.forEach((r, k) => order.forEach((at, i) => r.data[start + i] = inputs[k]!.data[at]!));
    }
    return results;
  },
};

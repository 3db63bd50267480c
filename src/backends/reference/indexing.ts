/** Gather, scatter, sort, and random bits. */
import { BackendError } from "../../core/errors.ts";
import { type Shape, sizeOf } from "../../core/aval.ts";
import type { indexingPrimitives } from "../../primitives/indexing.ts";
import type { randomPrimitives } from "../../primitives/random.ts";
import type { Kernels } from "./kernels.ts";
import { allocateValue, stridesOf, type Value } from "./value.ts";

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
          `index ${index} along axis ${k} of a tensor of shape [${shape.join(", ")}]`,
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

/** Threefry-2x32 with 20 rounds: four rotations, then four others, a key injected after each four. */
export function threefry(key: readonly [number, number], counter: readonly [number, number]) {
  const rotations = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;
  const keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda] as const;
  let a = (counter[0] + keys[0]) | 0;
  let b = (counter[1] + keys[1]) | 0;
  for (let round = 0; round < 5; round++) {
    for (const r of rotations[round % 2]!) {
      a = (a + b) | 0;
      b = ((b << r) | (b >>> (32 - r))) ^ a;
    }
    a = (a + keys[(round + 1) % 3]!) | 0;
    b = (b + keys[(round + 2) % 3]! + round + 1) | 0;
  }
  return [a >>> 0, b >>> 0] as const;
}

/** One kernel for each indexing or random primitive. */
export const indexingKernels: Kernels<
  keyof typeof indexingPrimitives | keyof typeof randomPrimitives
> = {
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
  threefry2x32: ([k0, k1, c0, c1], _, outputs) => {
    const [first, second] = outputs.map(allocateValue);
    for (let i = 0; i < first!.data.length; i++) {
      const bits = threefry([k0!.data[i]!, k1!.data[i]!], [c0!.data[i]!, c1!.data[i]!]);
      first!.data[i] = bits[0];
      second!.data[i] = bits[1];
    }
    return [first!, second!];
  },
};

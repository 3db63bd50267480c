/** Random bits. */
import type { randomPrimitives } from "../../../primitives/random.ts";
import { allocateValue } from "../value.ts";
import type { Kernels } from "./table.ts";

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

/** One kernel for each random primitive. */
export const randomKernels: Kernels<keyof typeof randomPrimitives> = {
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

/** Random bits: the twenty rounds of Threefry-2x32, on uint32. */
import type { randomPrimitives } from "../../../primitives/index.ts";
import type { Graph, Value } from "../graph.ts";
import { map } from "../values.ts";
import type { Lowerings } from "./table.ts";

const rotations = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;

function rotateLeft(g: Graph, x: Value, by: number): Value {
  const shift = (direction: string, n: number) =>
    map(g, "BitShift", [x, g.scalar("uint32", n)], "uint32", { direction });
  return map(g, "BitwiseOr", [shift("LEFT", by), shift("RIGHT", 32 - by)]);
}

/** The random family. */
export const randomLowerings: Lowerings<keyof typeof randomPrimitives> = {
  threefry2x32(g, inputs, _, [out]) {
    const [k0, k1, c0, c1] = inputs.map((x) => x.value) as [Value, Value, Value, Value];
    const add = (a: Value, b: Value) => map(g, "Add", [a, b]);
    const parity = map(g, "BitwiseXor", [k0, g.scalar("uint32", 0x1bd11bda)]);
    const keys = [k0, k1, map(g, "BitwiseXor", [k1, parity])];
    let x0 = add(c0, k0);
    let x1 = add(c1, k1);
    for (let i = 0; i < 5; i++) {
      for (const by of rotations[i % 2]!) {
        x0 = add(x0, x1);
        x1 = map(g, "BitwiseXor", [rotateLeft(g, x1, by), x0]);
      }
      x0 = add(x0, keys[(i + 1) % 3]!);
      x1 = add(x1, add(keys[(i + 2) % 3]!, g.scalar("uint32", i + 1)));
    }
    return [x0, x1].map((value) => ({ value, shape: out!.shape }));
  },
};

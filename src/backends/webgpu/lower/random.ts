/** Random bits. */
import type { randomPrimitives } from "../../../primitives/random.ts";
import { code } from "../expression.ts";
import type { Expr, Read } from "../value.ts";
import { type Lowerings, pointwise } from "./table.ts";

/** The random family. Both words come from one call: equal expressions are one. */
export const randomLowerings: Lowerings<keyof typeof randomPrimitives> = {
  threefry2x32: (inputs, _, { region, outputs }) => {
    const words = (read: Read, at: readonly Expr[]) =>
      code("vec2<u32>", "threefry($0, $1, $2, $3)", ...inputs.map((x) => read(x, at)));
    return ["x", "y"].map((word, i) =>
      pointwise(
        region,
        outputs[i]!,
        inputs,
        80,
        (read, at) => code("u32", `$0.${word}`, words(read, at)),
      )
    );
  },
};

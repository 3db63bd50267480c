/** (e): x ← x · 0.999 + y, a hundred times. */
import { jit, scope, type Tensor } from "trilevel";
import type { CaseOf } from "../cases.ts";
import type { Work } from "../serve.ts";
import { tensor } from "./data.ts";

/** The work of one call. */
export function elementwise({ compiled }: CaseOf<"elementwise">): Work {
  const [x, y] = [tensor(0, [16, 7, 64]), tensor(1, [16, 7, 64])];
  const chain = (x: Tensor, y: Tensor) => {
    for (let i = 0; i < 100; i++) x = x.mul(0.999).add(y);
    return x;
  };
  const f = compiled ? jit(chain) : (x: Tensor, y: Tensor) => scope(() => chain(x, y));
  return {
    async call() {
      using result = f(x, y);
      return (await result.data())[0]!;
    },
  };
}

/** (c): a convolution 5×5 of 4×64×64×64 to 64 channels, and its two gradients. */
import { np, type Tensor, vjp } from "trilevel";
import type { CaseOf } from "../cases.ts";
import type { Work } from "../serve.ts";
import { onArrays, tensor } from "./data.ts";

/** The work of one call. */
export function conv({ part }: CaseOf<"conv">): Work {
  const x = tensor(0, [4, 64, 64, 64]);
  const w = tensor(1, [64, 64, 5, 5], 1 / 40);
  const y = tensor(2, [4, 64, 64, 64]);
  const forward = (x: Tensor, w: Tensor) =>
    np.convGeneralDilated(x, w, {
      padding: "SAME",
      dimensionNumbers: ["NCHW", "OIHW", "NCHW"],
    });
  return onArrays(
    (x, w, y) => {
      if (part === "forward") return forward(x, w);
      const [, pull] = vjp(forward, x, w);
      return pull(y)[part === "input" ? 0 : 1];
    },
    x,
    w,
    y,
  );
}

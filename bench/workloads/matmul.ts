/** (f): the product of two square matrices. */
import { np } from "trilevel";
import type { CaseOf } from "../cases.ts";
import type { Work } from "../serve.ts";
import { onArrays, tensor } from "./data.ts";

/** The work of one call. */
export function matmul({ size }: CaseOf<"matmul">): Work {
  return onArrays((x, y) => np.matmul(x, y), tensor(0, [size, size]), tensor(1, [size, size]));
}

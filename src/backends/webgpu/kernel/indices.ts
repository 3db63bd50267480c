/** What the kernels of products count with. */
import type { Expr } from "../value.ts";
import { variable } from "../expression.ts";

/** The numbers below a length. */
export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** An index that the kernel's text names. */
export const index = (name: string, level: number, bound: number): Expr =>
  variable(name, "u32", { level, bound });

/** A program cut into kernels: what `fuse.ts` makes and `plan.ts` gives memory. */
import type { Cluster } from "./cluster.ts";
import type { Loop, Value } from "./value.ts";

/** A kernel, or a loop of kernels. */
export type Item = KernelItem | LoopItem;

/** One kernel to run: clusters that have nothing to do with each other, side by side. */
export interface KernelItem {
  readonly kind: "kernel";
  readonly clusters: Cluster[];
}

/** Kernels to run once for each step. */
export interface LoopItem {
  readonly kind: "loop";
  readonly loop: Loop;
  readonly items: readonly Item[];
}

/** A program cut into kernels, and the values that need memory. */
export interface Schedule {
  readonly items: readonly Item[];
  readonly stored: ReadonlySet<Value>;
}

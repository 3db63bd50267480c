/**
 * The kernels of a `ContractionCluster`. Every invocation keeps a small block of sums in registers, and
 * finishes them one by one. Operands are loaded through whatever index arithmetic defines them: on a GPU each
 * element once for a tile of the result, into memory that a workgroup shares; on a CPU by every invocation for itself.
 */
import type { ContractionCluster } from "../cluster.ts";
import type { Value } from "../value.ts";
import { blockGrid, writeBlocks } from "./blocks.ts";
import { tileGrid, writeTiles } from "./tiles.ts";
import type { KernelWriter } from "./writer.ts";

/** The workgroups of the kernel, and the invocations of each. */
export function contractionGrid(
  cluster: ContractionCluster,
  software: boolean,
): { count: number; size: number } {
  return software ? blockGrid(cluster) : tileGrid(cluster.definition);
}

/** Writes the kernel; `stored` are the members that need memory. */
export function writeContraction(
  kernel: KernelWriter,
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
  software: boolean,
): void {
  if (software) writeBlocks(kernel, cluster, stored);
  else writeTiles(kernel, cluster, stored);
}

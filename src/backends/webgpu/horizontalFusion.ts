/**
 * Puts kernels side by side that do not wait for each other: one dispatch, whose workgroups belong to one or the
 * other. Small kernels then share the device instead of taking turns, and there are fewer to issue.
 */
import { type Cluster, maxCost, type Memory } from "./cluster.ts";
import type { Item, KernelItem } from "./schedule.ts";
import { contractionGrid } from "./kernel/contraction.ts";
import { rowGrid } from "./kernel/rows.ts";
import type { Value } from "./value.ts";

/** The largest distance by which a kernel may move forward, since its results are then kept longer. */
const reach = 12;
/** The most parts of one dispatch, and the most workgroups of a part that gains from being fused. */
const most = { parts: 6, workgroups: 1024 };

/** The items with independent kernels joined. */
export function fuseHorizontally(items: readonly Item[], memory: Memory): Item[] {
  const joined: Item[] = [];
  const homes = new Map<Value, number>();
  for (const item of items) {
    let at = joined.length;
    if (item.kind === "loop") {
      joined.push({ ...item, items: fuseHorizontally(item.items, memory) });
      for (const v of [...item.loop.carries, ...item.loop.stacks]) {
        homes.set("result" in v ? v.result : v.stack, at);
      }
      continue;
    }
    at = partner(item, joined, homes, memory) ?? at;
    const other = joined[at];
    if (other?.kind === "kernel") other.clusters.push(...item.clusters);
    else joined.push({ kind: "kernel", clusters: [...item.clusters] });
    for (const cluster of item.clusters) cluster.values.forEach((v) => homes.set(v, at));
  }
  return joined;
}

/** The last kernel before this one that it can join. */
function partner(
  item: KernelItem,
  items: readonly Item[],
  homes: ReadonlyMap<Value, number>,
  memory: Memory,
): number | undefined {
  const needs = item.clusters.flatMap((c) =>
    [...c.values].flatMap((v) => [...memory.leaves(v), ...memory.after(v)])
  );
  const first = Math.max(-1, ...needs.map((v) => homes.get(v) ?? -1)) + 1;
  for (let at = items.length - 1; at >= Math.max(first, items.length - reach); at--) {
    const other = items[at]!;
    if (other.kind === "kernel" && fit([...other.clusters, ...item.clusters], memory)) return at;
  }
  return undefined;
}

function fit(clusters: readonly Cluster[], memory: Memory): boolean {
  if (clusters.length > most.parts) return false;
  if (clusters.reduce((sum, c) => sum + c.work, 0) > maxCost) return false;
  const grids = clusters.map((c) => gridOf(c, memory));
  const size = grids[0]?.size;
  if (grids.some((g) => g === undefined || g.size !== size)) return false;
  // Parts share the memory of workgroups where their types agree; that of products of two types may be too much.
  const products = clusters.filter((c) => c.kind === "contraction");
  if (new Set(products.map((c) => c.value.dtype)).size > 1) return false;
  if (grids.filter((g) => g!.count > most.workgroups).length > 1) return false;
  const buffers = new Set<Value>();
  for (const { values } of clusters) {
    for (const v of values) {
      if (memory.stored.has(v)) buffers.add(v);
      for (const leaf of memory.leaves(v)) if (!values.has(leaf)) buffers.add(leaf);
    }
  }
  return buffers.size <= memory.target.maxBuffers;
}

/** The workgroups of a cluster; undefined for those that stay alone. */
function gridOf(cluster: Cluster, memory: Memory): { count: number; size: number } | undefined {
  const { stored, target } = memory;
  switch (cluster.kind) {
    case "rows":
      return rowGrid(cluster, stored, target);
    case "contraction":
      return contractionGrid(cluster, target.software);
    case "custom":
      return undefined;
  }
}

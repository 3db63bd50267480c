/** What the garbage collector has left. */
import { setTimeout } from "node:timers/promises";
import { collectGarbage as collect } from "../../src/experiments/train/memory.ts";

/** Collects garbage, and lets finalizers run. Weak references hold until the turn ends. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await setTimeout(5);
    collect();
  }
  await setTimeout(5);
}

/** How many of these are still there. */
export async function survivors(refs: readonly WeakRef<object>[]): Promise<number> {
  await collectGarbage();
  return refs.filter((ref) => ref.deref()).length;
}

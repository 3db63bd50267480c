/** Instructions that contain programs: loops, branches, and the barrier. */
import { barrierPrimitive } from "./control/barrier.ts";
import { condPrimitive } from "./control/cond.ts";
import { scanPrimitive } from "./control/scan.ts";
import { whilePrimitive } from "./control/while.ts";

/** The control family, by name. */
export const controlPrimitives = {
  scan: scanPrimitive,
  cond: condPrimitive,
  while: whilePrimitive,
  barrier: barrierPrimitive,
} as const;

export { barrier } from "./control/barrier.ts";
export { cond, type CondParams } from "./control/cond.ts";
export { scan, type ScanParams } from "./control/scan.ts";
export { boundedLoop, whileLoop, type WhileParams } from "./control/while.ts";

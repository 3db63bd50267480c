/** Control flow on values: loops and branches that transformations see through. */
export { associativeScan } from "./associativeScan.ts";
export { cond, switchCase } from "./cond.ts";
export { foriLoop, type ForiOptions } from "./fori.ts";
export { map } from "./map.ts";
export { scan, type ScanOptions } from "./scan.ts";
export { whileLoop, type WhileOptions } from "./while.ts";

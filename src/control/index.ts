/** Control flow on values that are not known while a function is traced. */
export { associativeScan, type AssociativeScanOptions } from "./associativeScan.ts";
export {
  allGather,
  type AllGatherOptions,
  allToAll,
  type AllToAllOptions,
  axisIndex,
  type AxisName,
  axisSize,
  pmax,
  pmean,
  pmin,
  ppermute,
  pshuffle,
  psum,
  psumScatter,
  type PsumScatterOptions,
  pswapaxes,
} from "./collectives.ts";
export { cond, switchCase } from "./cond.ts";
export { foriLoop, type ForiOptions } from "./fori.ts";
export { map } from "./map.ts";
export { scan, type ScanOptions } from "./scan.ts";
export { whileLoop, type WhileOptions } from "./while.ts";

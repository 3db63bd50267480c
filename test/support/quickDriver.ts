/**
 * Mesa's software driver, where it is the GPU, compiles without optimizing: random programs are many kernels that
 * run once, and most of their time would go there. Imported before anything that opens a device.
 */
import process from "node:process";

process.env["GALLIVM_PERF"] ??= "nopt";
process.env["LP_NATIVE_VECTOR_WIDTH"] ??= "128";

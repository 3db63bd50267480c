/**
 * Properties are tried on the same cases in every run, so that a run that fails once fails again. Other cases:
 * `TRILEVEL_SEED=7 deno task test:unit`, or `random` for new ones each time; `deno task fuzz` takes new ones.
 */
import "../../src/runtime/execute.ts";
import process from "node:process";
import fc from "fast-check";

const seed = process.env["TRILEVEL_SEED"] ??
  (process.env["TRILEVEL_FUZZ_PROGRAMS"] ? "random" : "1");

if (seed !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });

/**
 * Random programs on every backend give what the reference gives. `TRILEVEL_FUZZ_PROGRAMS` says how many are run on
 * each, `TRILEVEL_FUZZ_SEED` repeats a run and shrinks its failure; `deno task fuzz` runs thousands.
 */
import "./support/quickDriver.ts";
import process from "node:process";
import fc from "fast-check";
import { describe, test } from "vitest";
import { backends } from "./support/backends.ts";
import { runs } from "./support/tier.ts";
import { checkProgram } from "./support/random/checkProgram.ts";
import { largePrograms } from "./support/random/randomProgram.ts";

const count = Number(process.env["TRILEVEL_FUZZ_PROGRAMS"] ?? runs(300));
const seed = process.env["TRILEVEL_FUZZ_SEED"];

describe("random programs", () => {
  for (const backend of backends) {
    test(`${count} of them agree on ${backend.name}`, async () => {
      const property = fc.asyncProperty(largePrograms, (random) => checkProgram(backend, random));
      await fc.assert(property, {
        numRuns: count,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      });
    }, 0);
  }
});

/**
 * Random programs on every backend give what the reference gives. `TRILEVEL_FUZZ_PROGRAMS` says how many are run on
 * each, `TRILEVEL_FUZZ_SEED` repeats a run and shrinks its failure; `deno task fuzz` runs thousands.
 */
import "./support/quickDriver.ts";
import process from "node:process";
import fc from "fast-check";
import { describe, test } from "vitest";
import { backends } from "./support/backends.ts";
import { full, runs } from "./support/tier.ts";
import { checkExport, checkProgram } from "./support/random/checkProgram.ts";
import { largePrograms, randomPrograms } from "./support/random/randomProgram.ts";
import { python, Xla } from "./support/xla.ts";

// Programs are large: the everyday tier takes fewer of them than of other cases.
const count = Number(process.env["TRILEVEL_FUZZ_PROGRAMS"] ?? (full ? 300 : runs(100)));
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

  // Compiling takes XLA longer than all backends.
  const some = Math.ceil(count / 20);
  test.skipIf(!python)(`${some} of them agree on xla`, async () => {
    const xla = new Xla(python!);
    const property = fc.asyncProperty(randomPrograms, (random) => checkExport(xla, random));
    await fc.assert(property, {
      numRuns: some,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    });
    xla.close();
  }, 0);
});

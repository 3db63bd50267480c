/**
 * Random programs on every backend give what the reference gives. `TRILEVEL_FUZZ_PROGRAMS` says how many are run on
 * each (`deno task fuzz`: 10,000); `TRILEVEL_FUZZ_SEED` repeats a run.
 */
import "./support/quickDriver.ts";
import process from "node:process";
import fc from "fast-check";
import { describe, test } from "vitest";
import type { Backend } from "../src/runtime/backend.ts";
import { aval } from "../src/core/aval.ts";
import { eliminateDeadCode } from "../src/core/program.ts";
import { validateProgram } from "../src/core/validate.ts";
import { traceClosed } from "../src/core/trace.ts";
import { agree } from "./support/agree.ts";
import { backends } from "./support/backends.ts";
import { runs } from "./support/tier.ts";
import { largePrograms, type RandomProgram } from "./support/random/randomProgram.ts";

const count = Number(process.env["TRILEVEL_FUZZ_PROGRAMS"] ?? runs(300));
const seed = process.env["TRILEVEL_FUZZ_SEED"];

async function check(backend: Backend, random: RandomProgram): Promise<void> {
  const inputs = random.inputs();
  const program = eliminateDeadCode(
    traceClosed((x, y, k) => random.run(x!, y!, k!), inputs.map((x) => aval(x.shape, x.dtype))),
  );
  validateProgram(program);
  await agree(backend, program, inputs);
}

describe("random programs", () => {
  for (const backend of backends) {
    test(`${count} of them agree on ${backend.name}`, async () => {
      const property = fc.asyncProperty(largePrograms, (random) => check(backend, random));
      await fc.assert(property, {
        numRuns: count,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      });
    }, 0);
  }
});

/**
 * Random programs on every backend give what the reference gives. `TRILEVEL_FUZZ_PROGRAMS` says how many are run on
 * each (`deno task fuzz`: 10,000); `TRILEVEL_FUZZ_SEED` repeats a run.
 */
import process from "node:process";
import fc from "fast-check";
import { describe, test } from "vitest";
import { aval, eliminateDeadCode, validateProgram } from "../src/core/program.ts";
import { rewrite } from "../src/core/trace.ts";
import { agree } from "./support/agree.ts";
import { backends } from "./support/backends.ts";
import { expected } from "./support/perturbed.ts";
import { type RandomProgram, randomPrograms } from "./support/random/randomProgram.ts";

const programs = Number(process.env["TRILEVEL_FUZZ_PROGRAMS"] ?? 300);
const seed = process.env["TRILEVEL_FUZZ_SEED"];

async function check(random: RandomProgram): Promise<void> {
  const inputs = random.inputs();
  const program = eliminateDeadCode(
    rewrite((x, y, k) => random.run(x!, y!, k!), inputs.map((x) => aval(x.shape, x.dtype))),
  );
  validateProgram(program);
  const right = await expected(program, inputs, 3);
  for (const backend of backends) await agree(backend, program, inputs, right);
}

describe("random programs", () => {
  test(`${programs} of them agree on ${backends.map((b) => b.name).join(" and ")}`, async () => {
    await fc.assert(fc.asyncProperty(randomPrograms, check), {
      numRuns: programs,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    });
  }, 0);
});

/**
 * Random programs on every backend give what the reference gives. `TRILEVEL_FUZZ_PROGRAMS` says how many are run on
 * each (`deno task fuzz`: 10,000); `TRILEVEL_FUZZ_SEED` repeats a run. Without it webgpu gets fewer: each of
 * its programs is compiled kernel by kernel, by a software driver where there is no GPU.
 */
import process from "node:process";
import fc from "fast-check";
import { describe, test } from "vitest";
import type { Backend, BackendName } from "../src/core/backend.ts";
import { aval, eliminateDeadCode, validateProgram } from "../src/core/program.ts";
import { rewrite } from "../src/core/trace.ts";
import { agree } from "./support/agree.ts";
import { backends } from "./support/backends.ts";
import { expected } from "./support/perturbed.ts";
import { type RandomProgram, randomPrograms } from "./support/random/randomProgram.ts";

const asked = process.env["TRILEVEL_FUZZ_PROGRAMS"];
const seed = process.env["TRILEVEL_FUZZ_SEED"];
const usual: Record<BackendName, number> = { reference: 0, onnx: 300, webgpu: 30 };

async function check(backend: Backend, random: RandomProgram): Promise<void> {
  const inputs = random.inputs();
  const program = eliminateDeadCode(
    rewrite((x, y, k) => random.run(x!, y!, k!), inputs.map((x) => aval(x.shape, x.dtype))),
  );
  validateProgram(program);
  await agree(backend, program, inputs, await expected(program, inputs, 3));
}

describe("random programs", () => {
  for (const backend of backends) {
    const count = asked === undefined ? usual[backend.name] : Number(asked);
    test(`${count} of them agree on ${backend.name}`, async () => {
      const property = fc.asyncProperty(randomPrograms, (random) => check(backend, random));
      await fc.assert(property, {
        numRuns: count,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      });
    }, 0);
  }
});

/** One random program, traced with its gradients and held against the reference. */
import { eliminateDeadCode } from "../../../src/core/program.ts";
import { aval } from "../../../src/core/aval.ts";
import { traceClosed } from "../../../src/core/trace.ts";
import { validateProgram } from "../../../src/core/validate.ts";
import type { Backend } from "../../../src/runtime/backend.ts";
import { agree } from "../agree.ts";
import type { RandomProgram } from "./randomProgram.ts";

/** Fails unless a backend gives what the reference gives for a program and its gradients. */
export async function checkProgram(backend: Backend, random: RandomProgram): Promise<void> {
  const inputs = random.inputs();
  const program = eliminateDeadCode(
    traceClosed((x, y, k) => random.run(x!, y!, k!), inputs.map((x) => aval(x.shape, x.dtype))),
  );
  validateProgram(program);
  await agree(backend, program, inputs);
}

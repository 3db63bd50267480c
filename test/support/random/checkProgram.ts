/** One random program, traced with its gradients and held against the reference. */
import { eliminateDeadCode, type Program } from "../../../src/core/program.ts";
import { aval } from "../../../src/core/aval.ts";
import { traceClosed } from "../../../src/core/trace.ts";
import { validateProgram } from "../../../src/core/validate.ts";
import type { Backend } from "../../../src/runtime/backend.ts";
import { inlineCalls } from "../../../src/core/inline.ts";
import { programText } from "../../../src/inspect/stableHlo/program.ts";
import { agree, expectRight } from "../agree.ts";
import type { Xla } from "../xla.ts";
import type { RandomProgram } from "./randomProgram.ts";

/** A random program and its gradients, traced. */
export function tracedProgram(random: RandomProgram): Program {
  const avals = random.inputs().map((x) => aval(x.shape, x.dtype));
  const program = eliminateDeadCode(
    traceClosed((x, y, k) => random.run(x!, y!, k!), avals),
  );
  validateProgram(program);
  return program;
}

/** Fails unless a backend gives what the reference gives for a program and its gradients. */
export async function checkProgram(backend: Backend, random: RandomProgram): Promise<void> {
  await agree(backend, tracedProgram(random), random.inputs());
}

/** The same for XLA, which runs the program's export. */
export async function checkExport(xla: Xla, random: RandomProgram): Promise<void> {
  const program = tracedProgram(random);
  const inputs = random.inputs();
  const text = programText(inlineCalls(program), [], "random");
  await expectRight("xla", program, inputs, await xla.run(text, inputs));
}

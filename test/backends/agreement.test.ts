/** Every primitive on every backend gives what the reference gives, in all shapes and element types. */
import fc from "fast-check";
import { describe, test } from "vitest";
import type { Backend } from "../../src/runtime/backend.ts";
import { aval } from "../../src/core/aval.ts";
import type { Program } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { agree, supported } from "../support/agree.ts";
import { backends } from "../support/backends.ts";
import { type Case, type Subject, subjects } from "../support/primitiveCases.ts";
import { runs } from "../support/tier.ts";

function programOf(subject: Subject, example: Case): Program {
  const avals = example.operands().map((x) => aval(x.shape, x.dtype));
  return traceClosed((...xs) => subject.apply(xs, example.params), avals);
}

async function check(backend: Backend, subject: Subject, example: Case): Promise<void> {
  // Without a bound, webgpu cannot run a loop: it cannot branch on a value of its own.
  if (backend.name === "webgpu" && subject.name === "while" && !example.reverse) return;
  const program = programOf(subject, example);
  if (supported(program, backend)) await agree(backend, program, example.operands());
}

describe.each([...backends])("$name", (backend) => {
  for (const subject of subjects) {
    const dtypes = subject.spec.dtypes.filter((d) => backend.supports(d));
    test.each(dtypes)(`${subject.name} %s`, (dtype) =>
      fc.assert(
        fc.asyncProperty(subject.spec.cases(dtype), (example) => check(backend, subject, example)),
        { numRuns: runs(8) },
      ));
  }
});

/**
 * The same programs on Dawn, Chrome's WebGPU: it accepts other WGSL than Deno's naga does. Software Vulkan
 * is slow, and Dawn refuses Mesa's: SwiftShader's driver must be named in `TRILEVEL_DAWN_ICD`.
 */
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { aval } from "../../src/core/aval.ts";
import { eliminateDeadCode } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { agree, supported } from "../support/agree.ts";
import { dawn } from "../support/dawn.ts";
import { subjects } from "../support/primitiveCases.ts";
import { randomPrograms } from "../support/random/randomProgram.ts";
import { examples, inputsOf, programOf } from "./webgpuPrograms.ts";
import { runs } from "../support/tier.ts";

describe.skipIf(!dawn)("Dawn", () => {
  afterAll(() => dawn?.backend.close());

  test.each([...examples])("$name", async (example) => {
    await agree(dawn!.backend, programOf(example), inputsOf(example));
  });

  for (const subject of subjects) {
    const dtypes = subject.spec.dtypes.filter((d) => d !== "float64");
    test.each(dtypes)(`${subject.name} %s`, (dtype) =>
      fc.assert(
        fc.asyncProperty(subject.spec.cases(dtype), async (example) => {
          if (subject.name === "while" && !example.reverse) return; // no bound
          const inputs = example.operands();
          const avals = inputs.map((x) => aval(x.shape, x.dtype));
          const program = traceClosed((...xs) => subject.apply(xs, example.params), avals);
          if (supported(program, dawn!.backend)) await agree(dawn!.backend, program, inputs);
        }),
        { numRuns: 2 },
      ));
  }

  // Each is several dozen kernels, and SwiftShader takes its time to compile them.
  test("random programs", () =>
    fc.assert(
      fc.asyncProperty(randomPrograms, async (random) => {
        const inputs = random.inputs();
        const avals = inputs.map((x) => aval(x.shape, x.dtype));
        const program = eliminateDeadCode(traceClosed((x, y, k) => random.run(x!, y!, k!), avals));
        await agree(dawn!.backend, program, inputs);
      }),
      { numRuns: runs(30) },
    ), 0);
});

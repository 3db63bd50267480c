/**
 * The same programs on Dawn, Chrome's WebGPU: it accepts other WGSL than Deno's naga does. Software Vulkan
 * is slow, and Dawn refuses Mesa's: SwiftShader's driver must be named in `TRILEVEL_DAWN_ICD`.
 */
import process from "node:process";
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { limitsOf, openWebGpu, type WebGpuBackend } from "../../src/backends/webgpu/index.ts";
import { aval } from "../../src/core/program.ts";
import { rewrite } from "../../src/core/trace.ts";
import { agree, supported } from "../support/agree.ts";
import { subjects } from "../support/primitiveCases.ts";
import { examples, inputsOf, programOf } from "./webgpuPrograms.ts";

const driver = process.env["TRILEVEL_DAWN_ICD"];
if (!driver) console.warn("Dawn is not tested: TRILEVEL_DAWN_ICD names no driver");

async function openDawn(driver: string): Promise<{ backend: WebGpuBackend; gpu: GPU }> {
  process.env["VK_DRIVER_FILES"] = driver;
  const { create } = await import("webgpu");
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error(`Dawn finds no adapter with ${driver}`);
  const device = await adapter.requestDevice({ requiredLimits: limitsOf(adapter) });
  return { backend: openWebGpu(device, { software: false }), gpu };
}

describe.skipIf(!driver)("Dawn", async () => {
  // The device dies with the object that `create` gave, so that is kept.
  const dawn = driver ? await openDawn(driver) : undefined;
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
          const program = rewrite((...xs) => subject.apply(xs, example.params), avals);
          if (supported(program, dawn!.backend)) await agree(dawn!.backend, program, inputs);
        }),
        { numRuns: 2 },
      ));
  }
});

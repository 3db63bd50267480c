/** The kernels of products as a GPU gets them, on whatever device there is. */
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { WebGpuBackend } from "../../src/backends/webgpu/index.ts";
import { agree } from "../support/agree.ts";
import "../support/quickDriver.ts";
import { newDevice, webgpuPresent } from "../support/webgpu.ts";
import { convolutions, products } from "./webgpuProducts.ts";
import { runs } from "../support/tier.ts";

const present = await webgpuPresent();

describe.skipIf(!present)("for a GPU", async () => {
  const backend = present ? new WebGpuBackend(await newDevice(), { software: false }) : undefined!;
  afterAll(() => backend?.close());

  test.each([["products", products], ["convolutions", convolutions]])("%s", (_, cases) =>
    fc.assert(
      fc.asyncProperty(cases, ({ program, inputs }) => agree(backend, program, inputs)),
      { numRuns: runs(100) },
    ));
});

/** The kernels of products on Dawn. SwiftShader takes its time to compile them. */
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { agree } from "../support/agree.ts";
import { dawn } from "../support/dawn.ts";
import { convolutions, products } from "./webgpuProducts.ts";
import { runs } from "../support/tier.ts";

describe.skipIf(!dawn)("Dawn", () => {
  afterAll(() => dawn?.backend.close());

  test.each([["products", products], ["convolutions", convolutions]])("%s", (_, cases) =>
    fc.assert(
      fc.asyncProperty(cases, ({ program, inputs }) => agree(dawn!.backend, program, inputs)),
      { numRuns: runs(12) },
    ), 0);
});

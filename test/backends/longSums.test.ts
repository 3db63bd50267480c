/** Long sums in float32 on every backend: within a small multiple of pairwise summation's bound. */
import { beforeAll, describe, expect, test } from "vitest";
import { setBackend } from "../../src/index.ts";
import { errorOf, errorOfProduct, kinds, type Layout, products, sums } from "./longSums.ts";

const sizes: { readonly [name: string]: { layouts: readonly Layout[]; terms: number } } = {
  reference: { layouts: [[1, 20_011, 2]], terms: 20_000 },
  onnx: {
    layouts: [[1, 100_003, 1], [1, 160_000, 8], [1, 100_000, 3], [2, 100_003, 4]],
    terms: 100_000,
  },
  // Software executes WebGPU here.
  webgpu: { layouts: [[1, 100_003, 1], [1, 40_000, 3]], terms: 40_000 },
};

for (const [backend, { layouts, terms }] of Object.entries(sizes)) {
  describe(backend, () => {
    beforeAll(async () => void await setBackend(backend as "onnx")); // one of the names above

    test.for(Object.keys(sums))("%s", async (name) => {
      for (const layout of layouts) {
        // Equal numbers are the hardest, since their roundings agree.
        for (const kind of layout === layouts[0] ? Object.keys(kinds) : ["equal"]) {
          const error = await errorOf(sums[name]!, kind, layout);
          expect(error, `${kind} numbers, [${layout}]`).toBeLessThanOrEqual(1);
        }
      }
    });

    const all = products(terms);
    test.for(Object.keys(all))("%s", async (name) => {
      for (const kind of Object.keys(kinds)) {
        expect(await errorOfProduct(all[name]!, kind), kind).toBeLessThanOrEqual(1);
      }
    });
  });
}

test.for(["sum", "var"])("%s of ten million numbers on onnx", async (name) => {
  await setBackend("onnx");
  expect(await errorOf(sums[name]!, "offset", [1, 10_000_000, 1])).toBeLessThanOrEqual(1);
});

/** Long sums in float32 on every backend: within a small multiple of pairwise summation's bound. */
import { beforeAll, describe, expect, test } from "vitest";
import { setBackend } from "../../src/index.ts";
import {
  errorOf,
  errorOfProduct,
  inFours,
  kinds,
  type Layout,
  products,
  stacks,
  sums,
  unlucky,
} from "./longSums.ts";
import { full, someOf } from "../support/tier.ts";

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

    test.for(someOf(Object.keys(sums)))("%s", async (name) => {
      for (const layout of layouts) {
        // Equal numbers are the hardest, since their roundings agree.
        for (const kind of layout === layouts[0] ? Object.keys(kinds) : ["equal"]) {
          const error = await errorOf(sums[name]!, kinds[kind]!, layout);
          expect(error, `${kind} numbers, [${layout}]`).toBeLessThanOrEqual(1);
        }
      }
    });

    // Not so long that they are cut in parts which are kernels, or nodes, of their own.
    test.for([64, 256, 1000, 4000, 16_000])(
      "%d equal numbers that are unlucky",
      async (n) => {
        const x = unlucky(n);
        for (const layout of [[64, n, 1], [1, n, 64]] as const) {
          const error = await errorOf(sums["sum"]!, () => x, layout);
          expect(error, `the sum of [${layout}]`).toBeLessThanOrEqual(1);
        }
        if (n > 4000) return;
        for (const [name, product] of Object.entries({ stacks: stacks(n), ...products(n) })) {
          const error = await errorOfProduct(product, (_, operand) => operand === 0 ? x : 1);
          expect(error, name).toBeLessThanOrEqual(1);
        }
      },
    );

    test.for(someOf(Object.keys(inFours)))("%s", async (name) => {
      for (const kind of Object.keys(kinds)) {
        const error = await errorOf(inFours[name]!, kinds[kind]!, [1, 40_000, 2]);
        expect(error, kind).toBeLessThanOrEqual(1);
      }
    });

    const all = products(terms);
    test.for(someOf(Object.keys(all)))("%s", async (name) => {
      for (const kind of Object.keys(kinds)) {
        expect(await errorOfProduct(all[name]!, kinds[kind]!), kind).toBeLessThanOrEqual(1);
      }
    });
  });
}

describe("ten million numbers", () => {
  const tenMillion = async (backend: "onnx" | "webgpu", name: string) => {
    await setBackend(backend);
    const error = await errorOf(sums[name]!, kinds["offset"]!, [1, 10_000_000, 1]);
    expect(error).toBeLessThanOrEqual(1);
  };
  test.runIf(full).for(["sum", "var"])("%s on onnx", (name) => tenMillion("onnx", name));
  // Once is enough where software executes WebGPU: in the full tier alone.
  test.runIf(full)("sum on webgpu", () => tenMillion("webgpu", "sum"));
});

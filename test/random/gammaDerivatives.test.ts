/** Derivatives of gamma numbers, and of those made from them, by their parameters. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad, hessian, jit, np, random, setBackend, type Tensor, vmap } from "trilevel";
import fixtures from "../fixtures/gamma-gradients.json" with { type: "json" };
import { slopeOfLog } from "../../src/random/gammaSlope.ts";
import { backends } from "../support/backends.ts";
import { loose } from "../support/mistakes.ts";

const key = () => random.key(5);
const weighted = (y: Tensor) => np.sum(y.mul(np.cos(np.reshape(np.arange(y.size), y.shape))));

describe("in double precision", () => {
  beforeAll(() => setBackend("reference"));

  test("the derivative is JAX's at every place of small and large shapes", async () => {
    const column = (k: number) =>
      np.array(fixtures.grid.map((row) => row[k]!), { dtype: "float64" });
    const [a, z] = [column(0), column(1)];
    const found = await slopeOfLog(a, np.log(z)).mul(z).data();
    fixtures.grid.forEach(([shape, , wanted], i) => {
      const tolerance = shape! >= 80 ? 3e-6 : 1e-11;
      expect(Math.abs(found[i]! / wanted! - 1), `at ${fixtures.grid[i]}`).toBeLessThan(tolerance);
    });
  });

  test("it has derivatives itself", async () => {
    for (const [shape, z] of [[0.4, 0.1], [0.4, 2], [10, 8], [10, 14], [300, 310]] as const) {
      const at = (a: number) =>
        slopeOfLog(np.array(a, { dtype: "float64" }), np.array(Math.log(z), { dtype: "float64" }));
      const slope = await grad((a: Tensor) =>
        slopeOfLog(a, np.array(Math.log(z), { dtype: "float64" }))
      )(
        np.array(shape, { dtype: "float64" }),
      ).item();
      const h = 1e-5 * shape;
      const difference = (await at(shape + h).item() - await at(shape - h).item()) / (2 * h);
      expect(slope / difference).toBeCloseTo(1, 5);
    }
    const second = hessian((a: Tensor) => random.gamma(key(), a))(np.array(3));
    expect(Number.isFinite(await second.item())).toBe(true);
  });

  test("the mean's derivative is 1, in batches too", async () => {
    const mean = (a: Tensor) => np.mean(random.gamma(key(), a, [300]));
    const each = vmap(grad(mean))(np.array([0.7, 6]));
    expect(await each.slice(0).item()).toBeCloseTo(1, 0);
    const apart = np.stack([grad(mean)(np.array(0.7)), grad(mean)(np.array(6))]);
    expect(await np.allclose(each, apart, { rtol: 1e-6 }).item()).toBe(1);
  });
});

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    const some = backend === "webgpu" ? fixtures.sampled.slice(0, 1) : fixtures.sampled;
    test.each(some)("gradients of $name are JAX's", async ({ name, parameters, gradients }) => {
      await setBackend(backend);
      const given = parameters.map((p) => np.array(loose(p)));
      const total = (...ps: Tensor[]) => weighted(loose(random)[name](key(), ...ps));
      const slopes = [jit(grad(total, { argnums: given.map((_, i) => i) }))(...given)].flat();
      for (const [i, wanted] of gradients.entries()) {
        const right = wanted.flat(2);
        const found = [...await (slopes[i] as Tensor).data()];
        const room = 2e-4;
        found.forEach((x, k) =>
          expect(Math.abs(x - right[k]!), `${name}: ${found} and ${right}`)
            .toBeLessThan(room * (1e-3 + Math.abs(right[k]!)))
        );
      }
    });
  });
}

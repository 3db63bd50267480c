/** Every activation: NaN is seen, slopes are finite wherever values are, and it compiles as it is called. */
import { describe, expect, test } from "vitest";
import { grad, jit, nn, np, setBackend, type Tensor } from "trilevel";
import * as logarithmic from "../../src/nn/logarithmic.ts";
import * as piecewise from "../../src/nn/piecewise.ts";
import { backends } from "../support/backends.ts";

const pairwise = (x: Tensor) => nn.glu(np.stack([x, x], { axis: -1 }));
const ofOne = {
  ...piecewise,
  ...logarithmic,
  elu: nn.elu,
  gelu: nn.gelu,
  leakyRelu: nn.leakyRelu,
  relu: nn.relu,
  silu: nn.silu,
  softplus: nn.softplus,
};
const activations = Object.entries(ofOne).map(([name, f]): [string, (x: Tensor) => Tensor] =>
  name === "glu" ? [name, pairwise] : [name, (x) => f(x)]
);

// In float32 all of these are numbers, and so are the values there.
const places = [-1e30, -1000, -30, -6, -3, -1, -1e-6, 0, 1e-6, 0.5, 1, 3, 6, 30, 1000, 1e30];

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    test.each(activations)("%s", async (name, f) => {
      await setBackend(backend);
      expect(await f(np.array(NaN)).item()).toBeNaN();
      const positive = places.filter((x) => x > 0);
      const x = np.array(name === "log1mexp" ? positive : places);
      const values = await f(x).data();
      const slopes = await grad((x: Tensor) => np.sum(f(x)))(x).data();
      const compiled = await jit(f)(x).data();
      values.forEach((value, i) => {
        expect(Number.isFinite(value)).toBe(true);
        expect(Number.isFinite(slopes[i])).toBe(true);
        expect(Math.abs(compiled[i]! - value)).toBeLessThanOrEqual(1e-5 * Math.abs(value));
      });
    });
  });
}

test("digits are kept where formulas of a textbook lose them", async () => {
  await setBackend("reference");
  const single = async (f: (x: Tensor) => Tensor, x: number) => await f(np.array(x)).item();
  expect(await single((x) => nn.squareplus(x), -1e4) / (1 / 1e4)).toBeCloseTo(1, 6);
  expect(await single(nn.log1mexp, 1e-20) / Math.log(1e-20)).toBeCloseTo(1, 6);
  expect(await single(nn.log1mexp, 30) / -Math.exp(-30)).toBeCloseTo(1, 5);
  expect(await single((x) => nn.losses.logCosh(x), 1e-4) / 0.5e-8).toBeCloseTo(1, 5);
  const far = np.array([1e4, 1e4 + 1, 1e4 + 2]);
  expect(await nn.standardize(far).slice(2).item()).toBeCloseTo(Math.sqrt(1.5), 4);
});

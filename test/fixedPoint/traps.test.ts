/** What easily goes wrong without a word: warm starts, tolerances below rounding, steps that are never at rest. */
import {
  argmin,
  fixedPointIteration,
  FixedPointStatus,
  grad,
  implicit,
  np,
  optim,
  setBackend,
  stopGradient,
  type Tensor,
  truncated,
  unrolled,
} from "trilevel";
import { describe, expect, it } from "vitest";

await setBackend("reference");
const f64 = (x: number) => np.array(x, { dtype: "float64" });

describe("a start at the solution", () => {
  const step = (z: Tensor, a: Tensor) => np.cos(z).mul(a);
  const a = f64(0.7);
  const rest = () => {
    let z = f64(0.5);
    for (let k = 0; k < 200; k++) z = step(z, a);
    return z;
  };
  // d/da of so many steps from a constant start.
  const written = (n: number) =>
    grad((a: Tensor) => {
      let z = stopGradient(rest());
      for (let k = 0; k < n; k++) z = step(z, a);
      return z;
    })(a).item();
  const slope = (options: object) =>
    grad((a: Tensor) => fixedPointIteration(step, { maxSteps: 12, ...options })(rest(), a).value)(a)
      .item();

  it("leaves unrolled steps nothing to do, unless there is no tolerance", async () => {
    expect(await slope({ adjoint: unrolled() })).toBe(0);
    const all = await slope({ adjoint: unrolled(), atol: 0, rtol: 0 });
    expect(all).toBeCloseTo(await written(12), 12);
    expect(all).not.toBe(0);
  });

  it("has the derivative of the last steps when it is truncated, and the exact one", async () => {
    for (const n of [1, 3]) {
      expect(await slope({ adjoint: truncated({ steps: n }) })).toBeCloseTo(await written(n), 12);
    }
    expect(await slope({ adjoint: implicit() })).toBeCloseTo(await written(300), 9);
  });
});

describe.each(["reference", "onnx"] as const)("a tolerance below rounding, on %s", (backend) => {
  // Its last digits go round in circles: cosines of large numbers.
  const step = (z: Tensor) => np.cos(z.mul(0.9)).mul(0.95).add(3);
  const options = { maxSteps: 400, atol: 0, rtol: 1e-12 };

  it("ends where the last digit is all that moves", async () => {
    await setBackend(backend);
    const { value, stats } = fixedPointIteration(step, options)(np.array(1));
    expect(await stats.steps.item()).toBeLessThan(200);
    expect(await stats.converged.item()).toBe(1);
    const z = await value.item();
    expect(await stats.residual.item()).toBeLessThanOrEqual(4.8e-7 * Math.abs(z));
    await setBackend("reference");
  });
});

it("a step that counts is never at rest, and says so", async () => {
  const { stats } = fixedPointIteration(({ v, n }: { v: Tensor; n: Tensor }) => ({
    v: v.mul(0.5),
    n: n.add(1),
  }), { maxSteps: 60 })({ v: f64(1), n: np.array(0, { dtype: "int32" }) });
  expect([await stats.steps.item(), await stats.status.item()])
    .toEqual([60, FixedPointStatus.maxSteps]);
});

it("an optimizer that breaks down leaves the last point that can be measured", async () => {
  const nowhere = argmin((z: Tensor) => np.square(z), {
    optimizer: optim.sgd(Number.MAX_VALUE),
    steps: 5,
  })(f64(3));
  expect([await nowhere.value.item(), await nowhere.stats.residual.item()]).toEqual([3, 6]);
  expect(await nowhere.stats.status.item()).toBe(FixedPointStatus.diverged);
});

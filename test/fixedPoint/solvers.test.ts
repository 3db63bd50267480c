/** How solvers get there: how many steps they take, what their steps are, and what they do not depend on. */
import {
  anderson,
  broyden,
  fixedPointIteration,
  type FixedPointSolver,
  forward,
  jacobianSpectralRadius,
  newton,
  np,
  random,
  setBackend,
  type Tensor,
} from "trilevel";
import * as trilevel from "trilevel";
import { describe, expect, it } from "vitest";

await setBackend("reference");

const normal = (seed: number, shape: readonly number[]) =>
  random.normal(random.key(seed), shape, { dtype: "float64" });
const zeros = (...shape: number[]) => np.zeros(shape, { dtype: "float64" });
const list = async (x: Tensor) => [...await x.data()];

describe("a map of 40 tanh whose Jacobian has radius 0.66", () => {
  const [w, b] = [normal(0, [40, 40]).mul(0.1085), normal(100, [40]).mul(0.5)];
  const step = (z: Tensor) => np.tanh(np.matmul(w, z).add(b));
  const solve = (solver: FixedPointSolver) =>
    fixedPointIteration(step, { solver, maxSteps: 200, atol: 1e-10, rtol: 0 })(zeros(40));

  it("is such a map", async () => {
    const { value } = solve(forward());
    const radius = await jacobianSpectralRadius(step, value, { steps: 400 }).item();
    expect(Math.abs(radius - 0.66)).toBeLessThan(0.01);
  });

  // What independent implementations need on a map of the same kind (40, tanh, 0.66), to 1e-10.
  it.each<[string, FixedPointSolver, number]>([
    ["forward", forward(), 55],
    ["broyden", broyden({ memory: 40 }), 29],
    ["broyden with line search", broyden({ memory: 40, lineSearch: true }), 29],
    ["broyden of memory 10", broyden({ memory: 10 }), 38],
    ["anderson of window 5", anderson({ window: 5 }), 36],
    ["anderson of window 10", anderson({ window: 10 }), 32],
    ["newton", newton(), 5],
  ])("%s takes about as many steps as elsewhere", async (_, solver, expected) => {
    const { value, stats } = solve(solver);
    expect(await stats.converged.item()).toBe(1);
    expect(Math.abs(await stats.steps.item() - expected)).toBeLessThanOrEqual(4);
    const residual = Math.hypot(...await list(step(value).sub(value)));
    expect(residual).toBeLessThan(1e-10);
    expect(await stats.residual.item()).toBeGreaterThanOrEqual(residual * 0.99);
  });

  it("newton converges quadratically", async () => {
    const residuals = (await list(solve(newton()).stats.trace)).filter(Number.isFinite);
    const [a, b, c] = residuals.slice(-4) as [number, number, number];
    expect(b).toBeLessThan(a ** 1.5);
    expect(c).toBeLessThan(b ** 1.5);
  });

  it("broyden with little memory still converges where the radius is 0.94", async () => {
    const [w, b] = [normal(1, [40, 40]).mul(0.16), normal(101, [40]).mul(0.5)];
    for (const memory of [3, 10, 20]) {
      const { stats } = fixedPointIteration((z: Tensor) => np.tanh(np.matmul(w, z).add(b)), {
        solver: broyden({ memory }),
        maxSteps: 200,
      })(zeros(40));
      expect(await stats.converged.item()).toBe(1);
    }
  });
});

describe("what must not matter", () => {
  const solvers = {
    forward: forward(),
    anderson: anderson(),
    broyden: broyden(),
    "broyden with line search": broyden({ lineSearch: true }),
    newton: newton(),
  };
  const w = () => normal(5, [9, 9]).mul(0.25);
  const b = () => normal(6, [9]);

  it.each(Object.entries(solvers))(
    "%s: one vector or three leaves of it are the same problem",
    async (_, solver) => {
      const step = (z: Tensor) => np.tanh(np.matmul(w(), z).add(b()));
      const options = { solver, maxSteps: 100, atol: 1e-10, rtol: 0 };
      const whole = fixedPointIteration(step, options)(zeros(9));
      type Parts = { x: Tensor; y: readonly [Tensor, Tensor] };
      const split = fixedPointIteration(({ x, y }: Parts): Parts => {
        const [p, q, r] = np.split(step(np.concatenate([x, y[0].reshape([4]), y[1]])), [3, 7]);
        return { x: p!, y: [q!.reshape([2, 2]), r!] };
      }, options)({ x: zeros(3), y: [zeros(2, 2), zeros(2)] });
      expect(await split.stats.steps.item()).toBe(await whole.stats.steps.item());
      const { x, y } = split.value;
      expect([...await list(x), ...await list(y[0]), ...await list(y[1])])
        .toEqual(await list(whole.value));
    },
  );

  // A power of two, so that rounding scales too.
  it.each(Object.entries(solvers))("%s: the scale of the unknowns", async (_, solver) => {
    const steps = async (scale: number) => {
      const step = (z: Tensor) => np.tanh(np.matmul(w(), z.mul(1 / scale)).add(b())).mul(scale);
      const { stats } = fixedPointIteration(step, { solver, maxSteps: 100, atol: 0, rtol: 1e-9 })(
        zeros(9),
      );
      expect(await stats.converged.item()).toBe(1);
      return stats.steps.item();
    };
    const expected = await steps(1);
    expect(await steps(2 ** 40)).toBe(expected);
    expect(await steps(2 ** -40)).toBe(expected);
  });

  it.each(["l2", "rms", "max"] as const)("%s: stops where that norm says so", async (norm) => {
    const step = (z: Tensor) => np.tanh(np.matmul(w(), z).add(b()));
    const { stats } = fixedPointIteration(step, { norm, atol: 1e-6, rtol: 0 })(zeros(9));
    const n = await stats.steps.item();
    const measure = (r: readonly number[]) =>
      norm === "max"
        ? Math.max(...r.map(Math.abs))
        : Math.hypot(...r) / (norm === "rms" ? Math.sqrt(r.length) : 1);
    let z = zeros(9);
    const sizes: number[] = [];
    for (let k = 0; k < n; k++) {
      const next = step(z);
      sizes.push(measure(await list(next.sub(z))));
      z = next;
    }
    expect(sizes.map((s) => s <= 1e-6)).toEqual(sizes.map((_, k) => k === n - 1));
    (await list(stats.trace)).slice(0, n).forEach((r, k) => expect(r).toBeCloseTo(sizes[k]!, 14));
  });
});

describe("anderson's weights", () => {
  // Iterates are unit vectors, and mixing is 0: the next iterate is α itself.
  const n = 6;
  const unit = (i: number) =>
    np.array([Array.from({ length: n }, (_, k) => k === i ? 1 : 0)], { dtype: "float64" });
  const weights = (window: number, g: readonly Tensor[], ridge = 0) => {
    const solver = anderson({ window, mixing: 0, ridge });
    let state = solver.init(unit(0));
    let next = unit(0);
    g.forEach((r, i) => {
      const moved = solver.next(unit(i), unit(i).add(r), state, (x) => x);
      state = moved.state;
      next = moved.z;
    });
    return list(next);
  };
  const residuals = (count: number) =>
    Array.from({ length: count }, (_, i) => normal(20 + i, [1, n]));
  const gram = async (g: readonly Tensor[]) => {
    const rows = await Promise.all(g.map(list));
    return rows.map((a) => rows.map((b) => a.reduce((sum, x, k) => sum + x * b[k]!, 0)));
  };

  it.each([1, 2, 3])("of %i iterates: they sum to 1 and satisfy the KKT conditions", async (m) => {
    const g = residuals(m);
    const alpha = await weights(3, g);
    expect(alpha.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(alpha.slice(m)).toEqual(Array(n - m).fill(0));
    // The gradient of ½‖Σ αᵢ gᵢ‖² is the same in all its entries: that is the multiplier of 1ᵀα = 1.
    const slopes = (await gram(g)).map((row) => row.reduce((s, x, j) => s + x * alpha[j]!, 0));
    slopes.forEach((s) => expect(s).toBeCloseTo(slopes[0]!, 10));
  });

  it("with a ridge: the KKT conditions of the regularized problem, relative to the trace", async () => {
    const [g, ridge] = [residuals(3), 0.1];
    const alpha = await weights(3, g, ridge);
    const matrix = await gram(g);
    const scale = (matrix[0]![0]! + matrix[1]![1]! + matrix[2]![2]!) / 3;
    const slopes = matrix.map((row, i) =>
      row.reduce((s, x, j) => s + x * alpha[j]!, ridge * scale * alpha[i]!)
    );
    slopes.forEach((s) => expect(s).toBeCloseTo(slopes[0]!, 10));
  });

  it("forget what is older than the window", async () => {
    const alpha = await weights(3, residuals(5));
    expect(alpha.slice(0, 2)).toEqual([0, 0]);
    expect(alpha.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });

  it("survive residuals that are the same, or zero", async () => {
    const same = normal(20, [1, n]);
    const alpha = await weights(3, [same, same, same], 1e-10);
    expect(alpha.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    const none = await weights(2, [zeros(1, n), zeros(1, n)], 1e-10);
    none.forEach((x) => expect(Number.isFinite(x)).toBe(true));
  });
});

it("solvers and adjoints are also found by one name each", () => {
  expect(trilevel.solvers.anderson).toBe(trilevel.anderson);
  expect(Object.keys(trilevel.adjoints).sort()).toEqual(
    ["implicit", "neumann", "oneStep", "phantom", "truncated", "unrolled"],
  );
  expect(trilevel.adjoints.oneStep).toBe(trilevel.oneStep);
});

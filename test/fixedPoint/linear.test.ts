/** Linear solvers, on systems that break the careless: nonsymmetric, far from the identity, singular, tiny. */
import {
  argmin,
  bicgstab,
  cg,
  dense,
  gmres,
  grad,
  hvp,
  implicit,
  jit,
  jvp,
  linearSolve,
  type LinearSolver,
  neumannSeries,
  newton,
  normalCg,
  np,
  random,
  setBackend,
  type Tensor,
} from "trilevel";
import { describe, expect, it } from "vitest";
import { expectClose } from "../support/close.ts";

await setBackend("reference");

const n = 8;
const normal = (seed: number, shape: readonly number[]) =>
  random.normal(random.key(seed), shape, { dtype: "float64" });
const identity = np.eye(n, undefined, { dtype: "float64" });
const list = async (x: Tensor) => [...await x.data()];

const solvers: Record<string, LinearSolver> = {
  dense: dense(),
  gmres: gmres(),
  // Restarts make it slow where J is no contraction: SciPy's takes as many steps, with the same residuals.
  "gmres, restarted": gmres({ restart: 5, maxSteps: 1500 }),
  bicgstab: bicgstab({ maxSteps: 200 }),
  normalCg: normalCg({ maxSteps: 400 }),
};

// All are I - J for some J: a contraction or not, and never symmetric.
const systems: Record<string, Tensor> = {
  "J a contraction": identity.sub(normal(1, [n, n]).mul(0.2)),
  "J of radius above 1": identity.sub(normal(2, [n, n]).mul(0.8)),
  "J a rotation, twice as long": identity.sub(
    np.kron(np.eye(n / 2, undefined, { dtype: "float64" }), np.array([[0, -2], [2, 0]])),
  ),
  "J far from normal": identity.sub(np.triu(normal(3, [n, n])).mul(0.6)),
};

const rows = (matrix: Tensor) => (x: Tensor) => np.matmul(x, matrix.T);

describe.each(Object.entries(solvers))("%s", (name, solver) => {
  it.each(Object.entries(systems))("solves I - J, %s", async (_, matrix) => {
    const x = normal(4, [3, n]);
    const { x: found, stats } = solver.solve(rows(matrix), rows(matrix)(x));
    expectClose([await list(found)], [await list(x)], { relative: 1e-8, absolute: 1e-8 });
    expect(await list(stats.converged)).toEqual([1, 1, 1]);
    (await list(stats.residual)).forEach((r) => expect(r).toBeLessThan(1e-10));
  });

  it("is as good for right-hand sides of 10⁻³⁰ and 10³⁰, each sample on its own", async () => {
    const matrix = systems["J of radius above 1"]!;
    const x = normal(4, [3, n]);
    const scales = np.array([[1e-30], [1], [1e30]], { dtype: "float64" });
    const { x: found, stats } = solver.solve(rows(matrix), rows(matrix)(x).mul(scales));
    expectClose([await list(found.div(scales))], [await list(x)], {
      relative: 1e-8,
      absolute: 1e-8,
    });
    expect(await list(stats.converged)).toEqual([1, 1, 1]);
  });

  it("gives zero for zero", async () => {
    const b = np.zeros([2, n], { dtype: "float64" });
    const { x, stats } = solver.solve(rows(systems["J a contraction"]!), b);
    expect(await list(x)).toEqual(Array(2 * n).fill(0));
    expect(await list(stats.converged)).toEqual([1, 1]);
  });

  it("of no unknowns", async () => {
    const { x, stats } = solver.solve((v) => v, np.zeros([2, 0], { dtype: "float64" }));
    expect(x.shape).toEqual([2, 0]);
    expect(await list(stats.converged)).toEqual([1, 1]);
  });

  it("says when there is no solution", async () => {
    // Projects on the first half of the unknowns: what is asked for in the second half cannot be had.
    const half = np.where(np.arange(n).less(n / 2), 1, 0).astype("float64");
    const b = np.stack([np.ones([n], { dtype: "float64" }), half]);
    const { x, stats } = solver.solve((v) => v.mul(half), b);
    const [impossible, possible] = await list(stats.converged);
    expect(impossible).toBe(0);
    if (name === "dense") return; // elimination has nothing to divide by
    expect(possible).toBe(1);
    const found = (await list(x)).slice(n, n + n / 2);
    found.forEach((v) => expect(v).toBeCloseTo(1, 10));
    (await list(x)).forEach((v) => expect(Number.isFinite(v)).toBe(true));
  });

  it("jit and float32 change nothing but rounding", async () => {
    const matrix = systems["J a contraction"]!;
    const b = normal(5, [2, n]);
    const run = (b: Tensor) => solver.solve(rows(matrix), b).x;
    expect(await list(jit(run)(b))).toEqual(await list(run(b)));
    const single = solver.solve(rows(matrix.astype("float32")), b.astype("float32")).x;
    expectClose([await list(single)], [await list(run(b))], { relative: 1e-5, absolute: 1e-5 });
  });

  it("in linearSolve: derivatives in the matrix and in the right-hand side, to second order", async () => {
    const matrix = systems["J a contraction"]!;
    const b = normal(6, [1, n]);
    const direction = normal(7, [n, n]).mul(0.1);
    const along = (t: Tensor) => {
      const a = matrix.add(direction.mul(t));
      const x = linearSolve(rows(a), b.mul(np.exp(t)), (f, rhs) => solver.solve(f, rhs).x);
      return np.sum(np.square(x));
    };
    const at = (t: number) => np.array(t, { dtype: "float64" });
    const h = 1e-5;
    const slope = (await along(at(h)).item() - await along(at(-h)).item()) / (2 * h);
    const first = await grad(along)(at(0)).item();
    expect(Math.abs(first / slope - 1)).toBeLessThan(1e-8);
    expect(await jvp(along, [at(0)], [at(1)])[1].item()).toBeCloseTo(first, 9);
    const bend = (await grad(along)(at(h)).item() - await grad(along)(at(-h)).item()) / (2 * h);
    expect(Math.abs(await grad(grad(along))(at(0)).item() / bend - 1)).toBeLessThan(1e-7);
  });
});

describe("cg", () => {
  const half = normal(11, [n, n]).mul(0.3);
  // Symmetric and positive, as the Hessian at a minimum.
  const matrix = np.matmul(half, half.T).add(identity);

  it("solves as the others do, in as many steps as there are unknowns", async () => {
    const x = normal(4, [3, n]);
    const { x: found, stats } = cg().solve(rows(matrix), rows(matrix)(x));
    expectClose([await list(found)], [await list(x)], { relative: 1e-9, absolute: 1e-9 });
    expect(await list(stats.converged)).toEqual([1, 1, 1]);
    for (const steps of await list(stats.steps)) expect(steps).toBeLessThanOrEqual(n + 1);
    // Half of what the normal equations take, or less.
    const normalSteps = await list(normalCg().solve(rows(matrix), rows(matrix)(x)).stats.steps);
    (await list(stats.steps)).forEach((k, i) => expect(2 * k).toBeLessThanOrEqual(normalSteps[i]!));
  });

  it("zero for zero, tiny and huge right-hand sides, no unknowns", async () => {
    const x = normal(4, [3, n]);
    const scales = np.array([[1e-30], [0], [1e30]], { dtype: "float64" });
    const { x: found } = cg().solve(rows(matrix), rows(matrix)(x).mul(scales));
    const right = await list(x.mul(scales));
    (await list(found)).forEach((v, i) =>
      expect(v / (right[i]! || 1)).toBeCloseTo(right[i] ? 1 : 0, 8)
    );
    expect(cg().solve((v) => v, np.zeros([2, 0])).x.shape).toEqual([2, 0]);
  });

  it("tells where the matrix is not positive", async () => {
    const { x, stats } = cg().solve((v) => v.mul(-1), np.ones([1, n], { dtype: "float64" }));
    expect(await list(stats.converged)).toEqual([0]);
    (await list(x)).forEach((v) => expect(Number.isFinite(v)).toBe(true));
  });

  it("in argmin: the derivative that gmres gives, to second order", async () => {
    const h = (z: Tensor, a: Tensor) =>
      np.sum(z.mul(np.matmul(matrix, z))).mul(0.5).sub(np.sum(z.mul(np.sin(a)))).add(
        np.sum(np.square(np.square(z))),
      );
    const f = (linear: LinearSolver) => (a: Tensor) => {
      const solve = argmin(h, { solver: newton({ linear }), adjoint: implicit({ linear }) });
      return np.sum(np.square(solve(np.zeros([n], { dtype: "float64" }), a).value));
    };
    const a = normal(12, [n]);
    const tolerance = { relative: 1e-8, absolute: 1e-9 };
    expectClose([await list(grad(f(cg()))(a))], [await list(grad(f(gmres()))(a))], tolerance);
    const twice = (linear: LinearSolver) =>
      hvp(f(linear))([a], [np.ones([n], { dtype: "float64" })]);
    expectClose([await list(twice(cg()))], [await list(twice(gmres()))], tolerance);
  });
});

describe("gmres", () => {
  it("ends after as many steps as there are unknowns, or distinct eigenvalues", async () => {
    const full = gmres().solve(rows(systems["J of radius above 1"]!), normal(8, [1, n]));
    expect(await full.stats.steps.item()).toBeLessThanOrEqual(n);
    const three = np.array([1, 2, 3, 1, 2, 3, 1, 2], { dtype: "float64" });
    const few = gmres().solve((v) => v.mul(three), normal(8, [1, n]));
    expect(await few.stats.steps.item()).toBe(3);
  });

  it("stops each sample on its own", async () => {
    const scales = np.array([[1], [2]], { dtype: "float64" });
    const diagonal = np.arange(1, n + 1).astype("float64");
    // The first sample's matrix is the identity, the second's has n eigenvalues.
    const matrix = np.where(scales.less(1.5), 1, diagonal);
    const { stats } = gmres().solve((v) => v.mul(matrix), np.ones([2, n], { dtype: "float64" }));
    expect(await list(stats.steps)).toEqual([1, n]);
  });

  it("tells the true residual when it may not go on", async () => {
    const matrix = systems["J of radius above 1"]!;
    const b = normal(9, [1, n]);
    const { x, stats } = gmres({ maxSteps: 3 }).solve(rows(matrix), b);
    const residual = Math.hypot(...await list(b.sub(rows(matrix)(x)))) /
      Math.hypot(...await list(b));
    expect(await stats.residual.item()).toBeCloseTo(residual, 12);
    expect(await list(stats.converged)).toEqual([0]);
  });
});

describe("neumannSeries", () => {
  it("sums so many terms", async () => {
    const matrix = systems["J a contraction"]!;
    const b = normal(10, [2, n]);
    let power = b;
    let sum = b;
    for (let i = 1; i < 5; i++) {
      power = power.sub(rows(matrix)(power));
      sum = sum.add(power);
    }
    const { x, stats } = neumannSeries({ terms: 5 }).solve(rows(matrix), b);
    expectClose([await list(x)], [await list(sum)]);
    expect(await list(stats.converged)).toEqual([0, 0]);
    const long = neumannSeries({ terms: 200 }).solve(rows(matrix), b);
    expect(await list(long.stats.converged)).toEqual([1, 1]);
  });

  it("says that it diverges where the radius is above 1", async () => {
    const matrix = systems["J of radius above 1"]!;
    const { stats } = neumannSeries({ terms: 50 }).solve(rows(matrix), normal(10, [1, n]));
    expect(await list(stats.converged)).toEqual([0]);
    expect(await stats.residual.item()).toBeGreaterThan(1);
  });
});

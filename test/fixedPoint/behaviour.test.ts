/** What users see beside derivatives: samples on their own, statistics, limits, trees, errors. */
import {
  anderson,
  argmin,
  broyden,
  debug,
  fixedPointIteration,
  FixedPointStatus,
  forward,
  gmres,
  grad,
  implicit,
  jit,
  newton,
  np,
  oneStep,
  optim,
  random,
  setBackend,
  type SolveStats,
  type Tensor,
  unrolled,
} from "trilevel";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => setBackend("reference"));
const f64 = (x: number | number[] | number[][]) => np.array(x, { dtype: "float64" });
const list = async (x: Tensor) => [...await x.data()];

describe("samples", () => {
  const w = () => random.normal(random.key(3), [4, 4], { dtype: "float64" }).mul(0.2);
  const inputs = () =>
    random.normal(random.key(4), [3, 4], { dtype: "float64" }).mul(np.array([[0.1], [1], [3]]));
  const solvers = {
    forward: forward(),
    anderson: anderson(),
    broyden: broyden(),
    newton: newton(),
  };

  it.each(Object.entries(solvers))(
    "%s: a result does not depend on batch mates",
    async (_, solver) => {
      const solve = fixedPointIteration(
        (z: Tensor, x: Tensor) => np.tanh(np.matmul(z, w()).add(x)),
        { solver, batchAxis: 0, maxSteps: 60 },
      );
      const x = inputs();
      const together = solve(np.zeros([3, 4], { dtype: "float64" }), x);
      for (let i = 0; i < 3; i++) {
        const alone = solve(np.zeros([1, 4], { dtype: "float64" }), np.slice(x, [i, i + 1]));
        const row = await list(np.slice(together.value, i));
        (await list(alone.value)).forEach((v, k) => expect(v).toBeCloseTo(row[k]!, 14));
        expect(await alone.stats.steps.data()).toEqual(
          await np.slice(together.stats.steps, [i, i + 1]).data(),
        );
      }
    },
  );

  it.each(Object.entries(solvers))("%s: a NaN in one sample harms no other", async (_, solver) => {
    const solve = fixedPointIteration(
      (z: Tensor, x: Tensor) => np.tanh(np.matmul(z, w()).add(x)),
      { solver, batchAxis: 0, maxSteps: 60 },
    );
    const x = inputs();
    const poisoned = np.where(np.array([[false], [true], [false]]), NaN, x);
    const zeros = np.zeros([3, 4], { dtype: "float64" });
    const [good, bad] = [solve(zeros, x), solve(zeros, poisoned)];
    const [a, b] = [await list(good.value), await list(bad.value)];
    for (const k of [0, 1, 2, 3, 8, 9, 10, 11]) expect(b[k]).toBe(a[k]);
    expect(b.slice(4, 8)).toEqual([0, 0, 0, 0]); // the best finite iterate: the start
    expect(await list(bad.stats.status)).toEqual([
      FixedPointStatus.converged,
      FixedPointStatus.diverged,
      FixedPointStatus.converged,
    ]);
  });

  it("a batch axis other than the first", async () => {
    const x = inputs();
    const first = fixedPointIteration((z: Tensor) => np.tanh(np.matmul(z, w()).add(x)), {
      batchAxis: 0,
    });
    const last = fixedPointIteration((z: Tensor) => np.tanh(np.matmul(z.T, w()).add(x)).T, {
      batchAxis: 1,
    });
    const [a, b] = [
      first(np.zeros([3, 4], { dtype: "float64" })),
      last(np.zeros([4, 3], { dtype: "float64" })),
    ];
    expect(await list(b.value.T)).toEqual(await list(a.value));
    expect(await list(b.stats.steps)).toEqual(await list(a.stats.steps));
  });
});

describe("limits", () => {
  const halve = (z: Tensor) => z.mul(0.5);

  it("no steps: the start, not converged, and no derivative", async () => {
    for (const adjoint of [implicit(), oneStep(), unrolled()]) {
      const solve = fixedPointIteration((z: Tensor, a: Tensor) => z.mul(a), {
        adjoint,
        maxSteps: 0,
      });
      const { value, stats } = solve(f64(3), f64(0.5));
      expect([await value.item(), await stats.converged.item(), await stats.steps.item()]).toEqual([
        3,
        0,
        0,
      ]);
    }
  });

  it("a start that is fixed already takes one look", async () => {
    const { value, stats } = fixedPointIteration(halve)(f64(0));
    expect([await value.item(), await stats.steps.item(), await stats.converged.item()]).toEqual([
      0,
      1,
      1,
    ]);
  });

  it("plain iteration without convergence is the step applied so often", async () => {
    const { value, stats } = fixedPointIteration((z: Tensor) => np.cos(z).mul(1.3), {
      maxSteps: 7,
    })(f64(0.5));
    let z = 0.5;
    for (let i = 0; i < 7; i++) z = 1.3 * Math.cos(z);
    expect(await value.item()).toBe(z);
    expect(await stats.status.item()).toBe(FixedPointStatus.maxSteps);
    expect(await stats.converged.item()).toBe(0);
  });

  it("others return their best iterate, and say its residual", async () => {
    const step = (z: Tensor) => np.cos(z.mul(3)).mul(2);
    const { value, stats } = fixedPointIteration(step, { solver: anderson(), maxSteps: 6 })(
      f64(0.4),
    );
    const trace = await list(stats.trace);
    expect(await stats.residual.item()).toBe(Math.min(...trace));
    const z = await value.item();
    expect(Math.abs(2 * Math.cos(3 * z) - z)).toBeCloseTo(Math.min(...trace), 12);
  });

  it("the stop test looks at the step, not at the damped one", async () => {
    const { value } = fixedPointIteration(halve, {
      solver: forward({ damping: 0.01 }),
      maxSteps: 5000,
      atol: 1e-6,
      rtol: 0,
    })(f64(1));
    expect(await value.item()).toBeLessThan(2.1e-6); // ‖z/2 - z‖ ≤ 1e-6
  });

  it("a divergent iteration keeps its last finite iterate", async () => {
    const { value, stats } = fixedPointIteration((z: Tensor) => z.mul(z).mul(1e3), {
      maxSteps: 50,
    })(f64(2));
    expect(Number.isFinite(await value.item())).toBe(true);
    expect(await stats.status.item()).toBe(FixedPointStatus.diverged);
  });

  it("onFail: throw rejects whoever reads the result, also under jit", async () => {
    const run = (x: Tensor) =>
      fixedPointIteration((z: Tensor) => np.cos(z).mul(1.3), { maxSteps: 5, onFail: "throw" })(x)
        .value;
    await expect(run(f64(0.5)).data()).rejects.toThrow(/1 of 1 samples did not converge/);
    await expect(jit((x: Tensor) => run(x).mul(2))(f64(0.5)).data()).rejects.toThrow(
      /did not converge/,
    );
  });
});

describe("trees", () => {
  it("integers and absent leaves ride along", async () => {
    type Z = { x: Tensor; n: Tensor; none: null };
    const step = ({ x, n }: Z, a: Tensor): Z => ({ x: np.cos(x).mul(a), n, none: null });
    const solve = fixedPointIteration(step, { maxSteps: 100 });
    const n = np.array([7, 8], { dtype: "int32" });
    const f = (a: Tensor) => solve({ x: f64(0.5), n, none: null }, a).value.x;
    expect(await list(solve({ x: f64(0.5), n, none: null }, f64(0.9)).value.n)).toEqual([7, 8]);
    const z = await f(f64(0.9)).item();
    const exact = Math.cos(z) / (1 + 0.9 * Math.sin(z));
    expect(await grad(f)(f64(0.9)).item()).toBeCloseTo(exact, 8);
  });

  it("integer arguments have no derivative and do no harm", async () => {
    const solve = fixedPointIteration(
      (z: Tensor, a: Tensor, n: Tensor) => np.cos(z).mul(a).div(n),
      { maxSteps: 99 },
    );
    const two = np.array(2, { dtype: "int32" });
    const g = await grad((a: Tensor) => solve(f64(0), a, two).value)(f64(0.9)).item();
    const same = await grad((a: Tensor) => solve(f64(0), a, two).value)(f64(0.9)).item();
    expect(g).toBe(same);
    expect(Number.isFinite(g)).toBe(true);
  });

  it("aux is that of a step from the solution, and differentiable", async () => {
    const step = (z: Tensor, a: Tensor) => [np.cos(z).mul(a), { square: z.mul(z), a }] as const;
    const solve = fixedPointIteration(step, { hasAux: true, maxSteps: 100 });
    const { value, aux } = solve(f64(0.5), f64(0.9));
    expect(await aux.square.item()).toBe((await value.item()) ** 2);
    const through = await grad((a: Tensor) => solve(f64(0.5), a).aux.square)(f64(0.9)).item();
    const direct = await grad((a: Tensor) => np.square(solve(f64(0.5), a).value))(f64(0.9)).item();
    expect(through).toBeCloseTo(direct, 12);
  });

  it("a step that gives another tree is refused at the call", () => {
    const bad = fixedPointIteration(((z: { a: Tensor }) => ({ b: z.a })) as never, {});
    expect(() => bad({ a: f64(1) } as never)).toThrow(/z and step\(z\): the trees differ/);
    const shape = fixedPointIteration((z: Tensor) => np.stack([z, z]));
    expect(() => shape(f64(1))).toThrow(/z is float64\[\], step\(z\) float64\[2\]/);
  });
});

describe("the backward solve", () => {
  it("is observed, and a failure is seen", async () => {
    const seen: SolveStats[] = [];
    const w = f64([[0, -2], [2, 0]]); // ‖J‖ = 2: no contraction, but I - J is regular
    const observe = (s: SolveStats) => void seen.push(s);
    const run = (linear: ReturnType<typeof gmres>) => (b: Tensor) =>
      fixedPointIteration((z: Tensor) => np.matmul(w, z).add(b), {
        solver: newton(),
        adjoint: implicit({ linear, observe }),
        maxSteps: 20,
      })(f64([0, 0])).value.sum();
    const g = await list(grad(run(gmres()))(f64([1, 2])));
    await debug.done();
    // (I - W)⁻ᵀ 1 with I - W = [[1, 2], [-2, 1]]
    expect(g[0]).toBeCloseTo(3 / 5, 10);
    expect(g[1]).toBeCloseTo(-1 / 5, 10);
    expect(seen.at(-1)!.converged[0]).toBe(1);
    await grad(run(gmres({ maxSteps: 1 })))(f64([1, 2])).data();
    await debug.done();
    expect(seen.at(-1)!.converged[0]).toBe(0);
    expect(seen.at(-1)!.residual[0]).toBeGreaterThan(0.1);
  });

  it("solves for tiny cotangents as well as for any", async () => {
    const f = (a: Tensor) =>
      fixedPointIteration((z: Tensor) => np.cos(z).mul(a), { maxSteps: 99 })(f64(0.5)).value;
    const one = await grad(f)(f64(0.9)).item();
    const tiny = await grad((a: Tensor) => f(a).mul(1e-30))(f64(0.9)).item();
    expect(tiny / 1e-30).toBeCloseTo(one, 10);
  });
});

describe("argmin", () => {
  const h = (z: Tensor, a: Tensor) => np.sum(np.square(z.sub(a)).add(np.exp(z)));
  const solve = (adjoint = implicit()) =>
    argmin(h, { optimizer: optim.sgd(0.2), steps: 400, adjoint, atol: 1e-13, rtol: 0 });

  it("finds the minimum, and its derivative: 2 / (2 + eᶻ)", async () => {
    const a = f64([0.5, -1]);
    const { value, stats } = solve()(f64([0, 0]), a);
    const z = await list(value);
    z.forEach((v, i) => expect(2 * (v - [0.5, -1][i]!) + Math.exp(v)).toBeCloseTo(0, 11));
    expect(await stats.converged.item()).toBe(1);
    const g = await list(grad((x: Tensor) => solve()(f64([0, 0]), x).value.sum())(a));
    g.forEach((v, i) => expect(v).toBeCloseTo(2 / (2 + Math.exp(z[i]!)), 10));
  });

  it("through the optimizer's steps: the same, and for momentum too", async () => {
    const a = f64([0.5, -1]);
    const exact = await list(grad((x: Tensor) => solve()(f64([0, 0]), x).value.sum())(a));
    const momentum = argmin(h, {
      optimizer: optim.sgd(0.1, { momentum: 0.5 }),
      steps: 150,
      adjoint: unrolled(),
      atol: 0,
      rtol: 0,
    });
    const g = await list(grad((x: Tensor) => momentum(f64([0, 0]), x).value.sum())(a));
    g.forEach((v, i) => expect(v).toBeCloseTo(exact[i]!, 8));
  });
});

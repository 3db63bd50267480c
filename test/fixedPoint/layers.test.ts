/** Fixed points inside larger functions: what they close over, how their backward solve went, inner minimization. */
import {
  type Adjoint,
  argmin,
  broyden,
  debug,
  fixedPointIteration,
  gmres,
  grad,
  implicit,
  jit,
  newton,
  np,
  oneStep,
  optim,
  setBackend,
  type SolveStats,
  type Tensor,
  unrolled,
} from "trilevel";
import { describe, expect, it } from "vitest";

await setBackend("reference");
const f64 = (x: number | number[] | number[][]) => np.array(x, { dtype: "float64" });
const list = async (x: Tensor) => [...await x.data()];

describe("closures", () => {
  const [w, x] = [f64([[0.3, -0.5], [0.4, 0.1]]), f64([0.7, -0.2])];
  const passed = (w: Tensor, x: Tensor, adjoint: Adjoint) =>
    fixedPointIteration(
      (z: Tensor, w: Tensor, x: Tensor) => np.tanh(np.matmul(w, z).add(x)),
      { adjoint },
    )(f64([0, 0]), w, x).value.sum();
  const closed = (w: Tensor, x: Tensor, adjoint: Adjoint) =>
    fixedPointIteration((z: Tensor) => np.tanh(np.matmul(w, z).add(x)), { adjoint })(
      f64([0, 0]),
    ).value.sum();

  it.each([implicit(), oneStep(), unrolled()])(
    "what a step closes over has the gradients of an argument: $name",
    async (adjoint) => {
      for (const argnums of [0, 1]) {
        const [a, b] = [closed, passed].map((f) =>
          grad((w: Tensor, x: Tensor) => f(w, x, adjoint), { argnums })(w, x) as Tensor
        );
        expect(await list(a!)).toEqual(await list(b!));
      }
      // Through a transformation in between, too.
      const twice = (x: Tensor) => grad((w: Tensor) => closed(w, x, adjoint))(w).sum();
      const apart = (x: Tensor) => grad((w: Tensor) => passed(w, x, adjoint))(w).sum();
      expect(await list(grad(twice)(x))).toEqual(await list(grad(apart)(x)));
    },
  );
});

describe("the backward solve", () => {
  it.each([["gmres", gmres()], ["broyden", broyden()]] as const)(
    "tells steps, true residual and convergence of each sample: %s",
    async (_, linear) => {
      const seen: SolveStats[] = [];
      // The first sample's Jacobian is 0, the second's 0.5, the third's diag(0.1, -0.9).
      const j = f64([[0, 0], [0.5, 0.5], [0.1, -0.9]]);
      const solve = fixedPointIteration((z: Tensor, b: Tensor) => z.mul(j).add(b), {
        adjoint: implicit({ linear, observe: (s) => void seen.push(s) }),
        batchAxis: 0,
        maxSteps: 300,
      });
      const weights = f64([[1, 2], [3, 4], [5, 6]]);
      const b = np.ones([3, 2], { dtype: "float64" });
      const loss = (b: Tensor) =>
        np.sum(solve(np.zeros([3, 2], { dtype: "float64" }), b).value.mul(weights));
      const g = await list(jit(grad(loss))(b));
      await debug.done();
      g.forEach((x, i) => {
        const slope = [0, 0, 0.5, 0.5, 0.1, -0.9][i]!;
        expect(x).toBeCloseTo((i + 1) / (1 - slope), 9);
      });
      expect(seen).toHaveLength(1);
      const [stats] = seen as [SolveStats];
      expect([...stats.converged]).toEqual([1, 1, 1]);
      for (const r of stats.residual) expect(r).toBeLessThan(1e-10);
      const steps = [...stats.steps];
      expect(steps[0]).toBeLessThanOrEqual(steps[1]!);
      expect(steps[1]).toBeLessThan(steps[2]!);
    },
  );

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

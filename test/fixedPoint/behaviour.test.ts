/** What users see beside derivatives: samples on their own, statistics, limits, trees, errors. */
import {
  type Adjoint,
  anderson,
  broyden,
  fixedPointIteration,
  FixedPointStatus,
  forward,
  grad,
  implicit,
  jit,
  newton,
  np,
  oneStep,
  random,
  setBackend,
  type Tensor,
  unrolled,
} from "trilevel";
import { describe, expect, it } from "vitest";

await setBackend("reference");
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

  it("no steps: the start, not converged; the derivative is the adjoint's at the start", async () => {
    const slope = async (adjoint: Adjoint) => {
      const step = (z: Tensor, a: Tensor) => z.mul(a);
      const solve = fixedPointIteration(step, { adjoint, maxSteps: 0 });
      const { value, stats } = solve(f64(3), f64(0.5));
      expect([await value.item(), await stats.converged.item(), await stats.steps.item()])
        .toEqual([3, 0, 0]);
      expect(await stats.residual.item()).toBe(Infinity);
      expect(stats.trace.shape).toEqual([0]);
      return grad((a: Tensor) => solve(f64(3), a).value)(f64(0.5)).item();
    };
    expect(await slope(unrolled())).toBe(0); // nothing was done
    expect(await slope(oneStep())).toBe(3); // ∂(az)/∂a at z = 3
    expect(await slope(implicit())).toBeCloseTo(6, 10); // divided by 1 - a
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

  it("1.3 cos, which does not converge: the residual is that of the value", async () => {
    const step = (z: Tensor, a: Tensor) => np.cos(z).mul(a);
    const run = (adjoint: Adjoint) => fixedPointIteration(step, { adjoint, maxSteps: 30 });
    const zs = [0.5];
    for (let k = 0; k < 30; k++) zs.push(1.3 * Math.cos(zs.at(-1)!));
    const { value, stats } = run(implicit())(f64(0.5), f64(1.3));
    expect(await value.item()).toBeCloseTo(zs.at(-1)!, 14);
    const last = zs.at(-1)!;
    expect(await stats.residual.item()).toBeCloseTo(Math.abs(1.3 * Math.cos(last) - last), 14);
    expect(await stats.residual.item()).toBeGreaterThan(0.1);
    expect([await stats.converged.item(), await stats.status.item()])
      .toEqual([0, FixedPointStatus.maxSteps]);
    // The derivative of the value that was computed; implicitly, what a fixed point there would have.
    const slope = (adjoint: Adjoint) =>
      grad((a: Tensor) => run(adjoint)(f64(0.5), a).value)(f64(1.3)).item();
    let dz = 0;
    zs.slice(0, -1).forEach((z) => dz = Math.cos(z) - 1.3 * Math.sin(z) * dz);
    expect(Math.abs(await slope(unrolled()) / dz - 1)).toBeLessThan(1e-12);
    const z = zs.at(-1)!;
    const there = Math.cos(z) / (1 + 1.3 * Math.sin(z));
    expect(await slope(implicit())).toBeCloseTo(there, 10);
  });

  it.each([forward(), anderson(), broyden(), newton()])(
    "of no unknowns, and of no samples: $name",
    async (solver) => {
      const solve = fixedPointIteration((z: Tensor) => z.mul(0.5), { solver });
      const { value, stats } = solve(np.zeros([0], { dtype: "float64" }));
      expect([value.shape, await stats.converged.item()]).toEqual([[0], 1]);
      const batched = fixedPointIteration((z: Tensor) => z.mul(0.5), { solver, batchAxis: 0 });
      const none = batched(np.zeros([0, 3], { dtype: "float64" }));
      expect([none.value.shape, none.stats.steps.shape]).toEqual([[0, 3], [0]]);
      const empty = fixedPointIteration((_: Record<string, never>) => ({}), { solver })({});
      expect(empty.value).toEqual({});
    },
  );

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

  it("booleans ride along, and choose", async () => {
    type Z = { x: Tensor; on: Tensor; empty: Record<string, never> };
    const step = ({ x, on }: Z, a: Tensor): Z => ({
      x: np.where(on, np.cos(x).mul(a), x.mul(0.5)),
      on,
      empty: {},
    });
    const on = np.array([true, false]);
    const solve = (a: Tensor) =>
      fixedPointIteration(step)({ x: f64([0.5, 0.5]), on, empty: {} }, a).value;
    const { x } = solve(f64(0.9));
    const [z, zero] = await list(x) as [number, number];
    expect(zero).toBeCloseTo(0, 8);
    const g = await grad((a: Tensor) => np.sum(solve(a).x))(f64(0.9)).item();
    expect(g).toBeCloseTo(Math.cos(z) / (1 + 0.9 * Math.sin(z)), 7);
  });

  it("leaves of two precisions keep them", async () => {
    type Z = { a: Tensor; b: Tensor };
    const solve = fixedPointIteration(({ a, b }: Z): Z => ({
      a: np.cos(b).astype("float32"),
      b: np.sin(a).mul(0.5).astype("float64"),
    }));
    const { value } = solve({ a: np.array(0), b: f64(0) });
    expect([value.a.dtype, value.b.dtype]).toEqual(["float32", "float64"]);
    expect(await value.a.item()).toBeCloseTo(Math.cos(await value.b.item()), 6);
  });

  it("a step that gives another tree is refused at the call", () => {
    const bad = fixedPointIteration(((z: { a: Tensor }) => ({ b: z.a })) as never, {});
    expect(() => bad({ a: f64(1) } as never)).toThrow(/z and step\(z\): the trees differ/);
    const shape = fixedPointIteration((z: Tensor) => np.stack([z, z]));
    expect(() => shape(f64(1))).toThrow(
      /z is float64\[\] before the step and float64\[2\] after it/,
    );
  });
});

describe("a step that does not give what it takes", () => {
  const from = (step: (z: Tensor) => unknown) => () =>
    fixedPointIteration(step as (z: Tensor) => Tensor)(np.zeros([3])); // what JavaScript lets pass
  it.each([
    ["another shape", from((z) => np.concatenate([z, z])), "ShapeError", /float32\[6\]/],
    ["another type", from((z) => z.astype("int32")), "DTypeError", /int32\[3\]/],
    ["another tree", from((z) => ({ z })), "TreeError", /trees differ/],
  ])("%s", (_, call, tag, words) => {
    expect(call).toThrow(expect.objectContaining({ _tag: tag }));
    expect(call).toThrow(words);
  });
});

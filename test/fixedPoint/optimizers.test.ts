/** Optimizers inside `argmin`: they see the user's tree, sample by sample, and what they close over has a derivative. */
import {
  type Adjoint,
  argmin,
  grad,
  implicit,
  jit,
  jvp,
  neumann,
  newton,
  np,
  oneStep,
  optim,
  setBackend,
  type Tensor,
  truncated,
  unrolled,
  vmap,
} from "trilevel";
import { describe, expect, it } from "vitest";

await setBackend("reference");
const f64 = (x: number | number[] | number[][]) => np.array(x, { dtype: "float64" });
const list = async (x: Tensor) => [...await x.data()];

type Params = { w: { kernel: Tensor; bias: Tensor }; scale: Tensor };
const start = (samples?: number): Params => {
  const full = (shape: number[], x: number) =>
    np.full(samples === undefined ? shape : [samples, ...shape], x, { dtype: "float64" });
  return { w: { kernel: full([2, 2], 0.1), bias: full([2], 0.2) }, scale: full([], 1.5) };
};
// For one sample; rough enough that clipping matters.
const alone = ({ w, scale }: Params, a: Tensor) =>
  np.sum(np.square(np.matmul(w.kernel, np.array([1, -2], { dtype: "float64" })).add(w.bias).sub(a)))
    .mul(np.square(scale)).add(np.square(scale.sub(2)).mul(3));
const together = (p: Params, a: Tensor) => np.sum(vmap(alone)(p, a));

/** What a tree, one sample, or a count of steps matter to. */
const optimizers: Record<string, optim.GradientTransformation> = {
  "clipped by the norm of all": optim.chain(optim.clipByGlobalNorm(0.7), optim.sgd(0.1)),
  "clipped by the largest": optim.chain(optim.clipByInfinityNorm(0.3), optim.adam(0.1)),
  "decayed, but for the bias": optim.adamw(0.1, {
    weightDecay: 0.1,
    mask: { w: { kernel: true, bias: false }, scale: true },
  }),
  "each subtree by its own": optim.multiTransform(
    { fast: optim.sgd(0.1), slow: optim.adam(0.01), frozen: optim.setToZero() },
    { w: { kernel: "fast", bias: "slow" }, scale: "frozen" },
  ),
  "by a schedule": optim.sgd(optim.cosineDecaySchedule({ initValue: 0.05, decaySteps: 9 })),
  "one step in three": optim.multiSteps(optim.sgd(0.1, { momentum: 0.9 }), 3),
};

function written(optimizer: optim.GradientTransformation, n: number, a: Tensor): Params {
  let params = start();
  let state = optimizer.init(params);
  for (let k = 0; k < n; k++) {
    const [updates, next] = optimizer.update(
      grad((p: Params) => alone(p, a))(params),
      state,
      params,
    );
    [params, state] = [optim.applyUpdates(params, updates), next];
  }
  return params;
}

describe.each(Object.entries(optimizers))("%s", (_, optimizer) => {
  const fixed = { optimizer, steps: 9, atol: 0, rtol: 0 };

  it("samples are as alone, and as written out", async () => {
    const targets = f64([[1, 2], [-3, 4], [0.1, 0]]);
    const batched = argmin(together, { ...fixed, batchAxis: 0 })(start(3), targets).value;
    const mapped = vmap((a: Tensor) => argmin(alone, fixed)(start(), a).value)(targets);
    for (let i = 0; i < 3; i++) {
      const right = written(optimizer, 9, np.slice(targets, i));
      for (const found of [batched, mapped]) {
        const [kernel, bias, scale] = [found.w.kernel, found.w.bias, found.scale];
        const pairs = [[kernel, right.w.kernel], [bias, right.w.bias], [scale, right.scale]];
        for (const [all, one] of pairs as [Tensor, Tensor][]) {
          const expected = await list(one);
          (await list(np.slice(all, i))).forEach((x, k) => expect(x).toBeCloseTo(expected[k]!, 12));
        }
      }
    }
  });

  it("the derivative of unrolled steps is that of the loop", async () => {
    const loss = (p: Params) => np.sum(p.w.bias).add(np.sum(p.w.kernel)).add(p.scale);
    const a = f64([1, -2]);
    const right = await list(grad((a: Tensor) => loss(written(optimizer, 9, a)))(a));
    const solve = argmin(alone, { ...fixed, adjoint: unrolled() });
    const found = await list(grad((a: Tensor) => loss(solve(start(), a).value))(a));
    found.forEach((g, i) => expect(g).toBeCloseTo(right[i]!, 11));
  });
});

describe("what an optimizer closes over", () => {
  const h = (z: Tensor, a: Tensor) => np.sum(np.square(z.sub(a)).add(np.exp(z)));
  const solveWith = (adjoint: Adjoint, lr: Tensor, steps = 200) =>
    argmin(h, { optimizer: optim.sgd(lr, { momentum: 0.2 }), steps, adjoint });
  const value = (adjoint: Adjoint, steps?: number) => (lr: Tensor, a: Tensor) =>
    solveWith(adjoint, lr, steps)(f64([0, 0]), a).value.sum();
  const a = f64([0.5, -1]);
  const lr = f64(0.2);

  it.each([implicit(), oneStep(), neumann({ terms: 3 })])(
    "does not move a minimum: $name",
    async (adjoint) => {
      const f = value(adjoint);
      expect(await grad(f)(lr, a).item()).toBe(0);
      expect(await grad(grad(f))(lr, a).item()).toBe(0);
      expect(await jvp(f, [lr, a], [f64(1), null])[1].item()).toBe(0);
      // What else there is keeps its derivative.
      const by = await list(grad(f, { argnums: 1 })(lr, a));
      const own = await list(grad((a: Tensor) => value(adjoint)(f64(0.2), a))(a));
      expect(by).toEqual(own);
      // The rate matters on the way.
      expect(await solveWith(adjoint, lr)(f64([0, 0]), a).stats.steps.item())
        .not.toBe(await solveWith(adjoint, f64(0.05))(f64([0, 0]), a).stats.steps.item());
    },
  );

  it.each([[unrolled(), 4], [truncated({ steps: 2 }), 2]] as const)(
    "has the derivative of the steps: %o",
    async (adjoint, last) => {
      const f = value(adjoint, 4);
      const found = await grad(f)(lr, a).item();
      const step = 1e-6;
      // Before the cut the rate is another constant.
      const at = async (x: number) => {
        let [z, v] = [[0, 0], [0, 0]];
        for (let k = 0; k < 4; k++) {
          const rate = k >= 4 - last ? x : 0.2;
          const g = z.map((zi, i) => 2 * (zi - [0.5, -1][i]!) + Math.exp(zi));
          v = v.map((vi, i) => g[i]! + 0.2 * vi);
          z = z.map((zi, i) => zi - rate * v[i]!);
        }
        return await Promise.resolve(z[0]! + z[1]!);
      };
      const difference = (await at(0.2 + step) - await at(0.2 - step)) / (2 * step);
      expect(found).toBeCloseTo(difference, 7);
    },
  );

  it("may be compiled and mapped over", async () => {
    for (const adjoint of [implicit(), unrolled()]) {
      const f = value(adjoint, 60);
      const [x, y] = [await f(f64(0.1), a).item(), await f(f64(0.2), a).item()];
      expect(await jit(f)(f64(0.2), a).item()).toBeCloseTo(y, 14);
      const many = vmap(f, { inAxes: [0, null] });
      const values = await list(many(f64([0.1, 0.2]), a));
      expect(values[0]).toBeCloseTo(x, 13);
      expect(values[1]).toBeCloseTo(y, 13);
      const slopes = await list(vmap(grad(f), { inAxes: [0, null] })(f64([0.1, 0.2]), a));
      expect(slopes[1]).toBeCloseTo(await grad(f)(f64(0.2), a).item(), 13);
    }
  });
});

describe("argmin", () => {
  it("by a solver", async () => {
    const h = (z: Tensor, a: Tensor) => np.sum(np.square(z.sub(a)).add(np.exp(z)));
    const solve = argmin(h, { solver: newton(), steps: 20 });
    const { value, stats } = solve(f64([3, -3]), f64([0.5, -1]));
    (await list(value)).forEach((z, i) =>
      expect(2 * (z - [0.5, -1][i]!) + Math.exp(z)).toBeCloseTo(0, 9)
    );
    expect(await stats.steps.item()).toBeLessThan(10);
  });

  it("takes either of two optimizers, by its type", async () => {
    const one = [optim.sgd(0.2), optim.adam(0.2)][Number(await np.array(1).item())]!;
    const { value } = argmin((z: Tensor) => np.square(z.sub(1)), { optimizer: one, steps: 1 })(
      f64(0),
    );
    expect(await value.item()).toBeCloseTo(0.2, 6);
  });

  it("whole numbers in z are constants, which the optimizer does not see", async () => {
    type Z = { x: Tensor; n: Tensor };
    const h = ({ x, n }: Z) => np.sum(np.square(x.sub(n)));
    const n = np.array([3, 5], { dtype: "int32" });
    const { value } = argmin(h, { optimizer: optim.adam(0.3), steps: 300 })({ x: f64([0, 0]), n });
    expect(await list(value.n)).toEqual([3, 5]);
    (await list(value.x)).forEach((x, i) => expect(x).toBeCloseTo([3, 5][i]!, 5));
  });

  it("watches the loss for those who ask", async () => {
    const optimizer = optim.chain(
      optim.sgd(0.4),
      optim.reduceOnPlateau({ factor: 0.5, patience: 1, rtol: 0, atol: 0.5 }),
    );
    const h = (z: Tensor) => np.sum(np.square(z)).mul(0.5);
    const { value } = argmin(h, { optimizer, steps: 4, atol: 0, rtol: 0 })(f64([1]));
    let [z, state] = [f64([1]), optimizer.init(f64([1]))];
    for (let k = 0; k < 4; k++) {
      const [u, next] = optimizer.update(grad(h)(z), state, z, { value: h(z) });
      [z, state] = [z.add(u), next];
    }
    expect(await list(value)).toEqual(await list(z));
    const batched = argmin(h, { optimizer, batchAxis: 0 });
    expect(() => batched(f64([1]))).toThrow(/loss of one sample.*sum over batchAxis/);
  });
});

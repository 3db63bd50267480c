/** What holds of wrappers, averages and small algebra whatever the numbers. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad, jit, np, optim, random, setBackend, type Tensor, tree, vmap } from "trilevel";
import { loose } from "../support/mistakes.ts";
import { backends } from "../support/backends.ts";

await setBackend("reference");

const double = fc.double({ min: -10, max: 10, noNaN: true });
const vector = fc.array(double, { minLength: 2, maxLength: 5 });
const params = () => ({ w: np.array([[1, -2], [0.5, 3]]), b: np.array([0.25, -1]) });

test("one vector of all parameters moves as they do, for transformations of single elements", async () => {
  const [whole, parts] = [optim.flatten(optim.adam(0.1)), optim.adam(0.1)];
  const [u] = whole.update(params(), whole.init(params()));
  const [v] = parts.update(params(), parts.init(params()));
  for (const k of ["w", "b"] as const) {
    expect([...await u[k].data()]).toEqual([...await v[k].data()]);
  }
});

test("a mask, its complement and a frozen rest fit together", async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.boolean(), async (w, b) => {
      const mask = { w, b };
      const both = optim.chain(
        optim.masked(optim.scale(2), mask),
        optim.masked(optim.scale(3), { w: !w, b: !b }),
      );
      const [u] = both.update(params(), both.init(params()), params());
      expect((await u.w.data())[0]).toBe(w ? 2 : 3);
      const rest = optim.selectiveTransform(optim.sgd(1), { freezeMask: mask });
      const frozen = optim.chain(optim.sgd(1), optim.freeze(mask));
      const [x] = rest.update(params(), rest.init(params()), params());
      const [y] = frozen.update(params(), frozen.init(params()), params());
      for (const k of ["w", "b"] as const) {
        expect([...await x[k].data()].map(Math.abs)).toEqual([...await y[k].data()].map(Math.abs));
      }
    }),
    { numRuns: 8 },
  );
});

test("what is not finite is refused until there was too much of it", async () => {
  const optimizer = optim.applyIfFinite(optim.sgd(1, { momentum: 0.5 }), 2);
  let state = optimizer.init(np.zeros([1]));
  const seen: number[] = [];
  for (const g of [1, NaN, Infinity, 1, NaN, NaN, NaN]) {
    const [u, next] = optimizer.update(np.array([g]), state);
    [state] = [next];
    seen.push(await u.item());
  }
  expect(seen).toEqual([-1, 0, 0, -1.5, 0, 0, NaN]);
  expect(await state.totalNotfinite.item()).toBe(5);
});

test("an accumulation without the gradients that are left out is that of the others", async () => {
  const optimizer = optim.multiSteps(optim.sgd(1), 2, { shouldSkip: optim.skipNotFinite });
  let state = optimizer.init(np.zeros([1]));
  const seen: number[] = [];
  for (const g of [1, NaN, 3, Infinity]) {
    const [u, next] = optimizer.update(np.array([g]), state);
    state = next;
    seen.push(Math.abs(await u.item()));
  }
  expect(seen).toEqual([0, 0, 2, 0]);
});

test("sums of examples are those of their gradients when all are within the limit, and never longer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(vector.map((v) => v.slice(0, 2)), { minLength: 1, maxLength: 4 }),
      async (rows) => {
        const gradients = { w: np.array(rows), b: np.array(rows.map(([x]) => [x!])) };
        const [sum, count] = optim.perExampleGlobalNormClip(gradients, 1e4);
        const total = [...await np.sum(gradients.w, { axis: 0 }).data()];
        (await sum.w.data()).forEach((x, i) => expect(x).toBeCloseTo(total[i]!, 3));
        expect(await count.item()).toBe(0);
        const [short] = optim.perExampleGlobalNormClip(gradients, 0.5);
        expect(await optim.globalNorm(short).item()).toBeLessThanOrEqual(
          0.5 * rows.length * 1.0001,
        );
      },
    ),
    { numRuns: 30 },
  );
});

test("NaN in one example is seen in the sum, and in the count", async () => {
  const [sum, count] = optim.perExampleGlobalNormClip(np.array([[NaN, 0], [1, 0]]), 1);
  expect((await sum.data())[0]).toBeNaN();
  expect(await count.item()).toBe(1);
  expect(() => optim.perExampleGlobalNormClip({ a: np.ones([2]), b: np.ones([3]) }, 1))
    .toThrow(/got first axes of 2, 3/);
});

test("noise depends on the key alone, differs from step to step, and falls", async () => {
  const noise = optim.addNoise(1, 1, random.key(7));
  const zeros = np.zeros([2000]);
  const [first, state] = noise.update(zeros, noise.init(zeros));
  const [again] = noise.update(zeros, noise.init(zeros));
  expect([...await again.data()]).toEqual([...await first.data()]);
  const [second] = noise.update(zeros, state);
  expect(await np.var(second).item()).toBeCloseTo(0.5, 1);
  expect(await np.var(first).item()).toBeCloseTo(1, 0);
});

describe("algebra", () => {
  test("the power iteration is the largest eigenvalue's, also of a function, under jit and vmap", async () => {
    const a = np.array([[4, 1, 0.5], [1, 3, 0.25], [0.5, 0.25, 2]]);
    const largest = Math.max(...await np.linalg.eigh(a)[0].data());
    const find = (m: Tensor) => optim.powerIteration(m)[0];
    expect(await find(a).item()).toBeCloseTo(largest, 4);
    expect(await jit(find)(a).item()).toBeCloseTo(largest, 4);
    expect((await vmap(find)(np.stack([a, a.mul(2)])).data())[1]).toBeCloseTo(2 * largest, 3);
    const [value] = optim.powerIteration((v) => np.matmul(a, v), { v0: np.ones([3]) });
    expect(await value.item()).toBeCloseTo(largest, 4);
    expect(() => optim.powerIteration(np.ones([2, 3]))).toThrow(/square/);
  });

  test("nonnegative least squares satisfy their optimality conditions", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1000 }), async (seed) => {
        const a = random.normal(random.key(seed), [6, 3]);
        const b = random.normal(random.key(seed + 1), [6]);
        const x = optim.nnls(a, b, 3000);
        const slope = await np.matmul(a.T, np.matmul(a, x).sub(b)).data();
        (await x.data()).forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(slope[i]!).toBeGreaterThan(-1e-2);
          expect(Math.abs(value * slope[i]!)).toBeLessThan(1e-2);
        });
      }),
      { numRuns: 10 },
    );
  });

  test.each([1, 2, 4, 8] as const)(
    "the inverse root of power %i, multiplied, is the inverse",
    async (p) => {
      const a = np.array([[4, 1], [1, 3]]);
      const [root] = optim.matrixInversePthRoot(a, p);
      const inverse = np.linalg.matrixPower(root, p);
      expect(await np.max(np.abs(np.matmul(inverse, a).sub(np.eye(2)))).item()).toBeLessThan(1e-3);
    },
  );
});

test("a gradient is scaled, reversed and stopped, the value stays", async () => {
  for (const scale of [0.5, -1, 0]) {
    const f = (p: { x: Tensor }) => np.sum(np.square(optim.scaleGradient(p, scale).x));
    expect(Math.abs(await grad(f)({ x: np.array(3) }).x.item() - 6 * scale)).toBe(0);
    expect(await f({ x: np.array(3) }).item()).toBe(9);
  }
});

test("a batch of optimizers is each of them", async () => {
  const make = () =>
    optim.chain(optim.applyIfFinite(optim.radam(0.1, { b2: 0.9 }), 1), optim.applyEvery(2));
  const run = (start: Tensor) => {
    const optimizer = make();
    let [p, state] = [start, optimizer.init(start)];
    for (let i = 0; i < 8; i++) {
      const [u, next] = optimizer.update(p.mul(2), state, p);
      [p, state] = [optim.applyUpdates(p, u), next];
    }
    return p;
  };
  const starts = np.array([[1, -2], [0.5, 3]]);
  const together = await vmap(run)(starts).data();
  expect([...together.slice(2)]).toEqual([...await run(starts.slice(1)).data()]);
});

test("mistakes are named", () => {
  const wrong = loose(optim);
  expect(() => wrong.masked(optim.adam, true)).toThrow(/^optim\.masked: the transformation is/);
  expect(() => optim.namedChain(["a", optim.sgd(1)], ["a", optim.sgd(1)])).toThrow(/are named a/);
  expect(() =>
    optim.lookahead(optim.sgd(1), { syncPeriod: 1, slowStepSize: 1 }).init(loose(params()))
  )
    .toThrow(/not \{ fast, slow \}/);
  expect(() => optim.polyakSgd().update(params(), [[null, null], null])).toThrow(/needs the loss/);
  expect(() => optim.adamaxw(1).update(params(), optim.adamaxw(1).init(params()))).toThrow(
    /needs the param/,
  );
  expect(() => optim.piecewiseInterpolateSchedule("linear", 1, { 3: -1 })).toThrow(/at step 3/);
  expect(() => optim.safeIncrement(np.equal(np.zeros([]), 0))).toThrow(/the count is/);
});

for (const { name } of backends) {
  test(`${name}: rectification keeps its digits at the steps where it begins`, async () => {
    const run = async (dtype: "float32" | "float64") => {
      const optimizer = optim.radam(1);
      let state = optimizer.init(np.zeros([1], { dtype }));
      const seen: number[] = [];
      for (let i = 0; i < 12; i++) {
        const [u, next] = optimizer.update(np.ones([1], { dtype }), state);
        state = next;
        seen.push(await u.item());
      }
      return seen;
    };
    await setBackend("reference");
    const right = await run("float64");
    await setBackend(name);
    const found = await run("float32");
    found.forEach((x, i) => expect(Math.abs(x / right[i]! - 1)).toBeLessThan(2e-5));
    await setBackend("reference");
  });
}

test("states are trees of tensors, which jit takes as they are", () => {
  const optimizer = optim.monitor({
    norm: optim.globalNorm,
    mean: optim.measureWithEma(optim.globalNorm, 0.9),
  });
  const state = optimizer.init(params());
  const next = jit((s: optim.MonitorState) => optimizer.update(params(), s)[1])(state);
  const shapes = (of: unknown) => tree.map((x: Tensor) => x.shape.join(), of);
  expect(shapes(next)).toEqual(shapes(state));
});

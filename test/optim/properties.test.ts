/** What holds of optimizers whatever the numbers. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  ArgumentError,
  grad,
  jit,
  memory,
  np,
  optim,
  setBackend,
  type Tensor,
  TreeError,
  vmap,
} from "trilevel";

await setBackend("reference");

const numbers = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), {
  minLength: 1,
  maxLength: 6,
});
const trees = fc.record({ a: numbers, b: fc.tuple(numbers) })
  .map(({ a, b: [b] }) => ({ a: np.array(a), b: [np.array(b)] as const }));

test("the global norm is that of all elements in one vector", async () => {
  await fc.assert(fc.asyncProperty(trees, async (t) => {
    const all = [...await t.a.data(), ...await t.b[0].data()];
    expect(await optim.globalNorm(t).item()).toBeCloseTo(Math.hypot(...all), 6);
    const largest = Math.max(...all.map(Math.abs));
    expect(await optim.infinityNorm(t).item()).toBeCloseTo(largest, 6);
  }));
});

test("the derivative of the global norm at 0 is 0, not NaN", async () => {
  const slope = grad((x: Tensor) => optim.globalNorm([x]))(np.zeros([2]));
  expect([...await slope.data()]).toEqual([0, 0]);
});

test("clipped gradients are within their bound, and point where they did", async () => {
  const limit = fc.double({ min: 0.01, max: 100, noNaN: true });
  await fc.assert(fc.asyncProperty(trees, limit, async (t, bound) => {
    const before = await optim.globalNorm(t).item();
    const [u] = optim.clipByGlobalNorm(bound).update(t, null);
    const after = await optim.globalNorm(u).item();
    expect(after).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(after).toBeCloseTo(Math.min(before, bound), 4);
    const dot = await np.sum(u.a.mul(t.a)).add(np.sum(u.b[0].mul(t.b[0]))).item();
    expect(dot).toBeCloseTo(before * after, -2);
    const [v] = optim.clipByInfinityNorm(bound).update(t, null);
    expect(await optim.infinityNorm(v).item()).toBeLessThanOrEqual(bound * (1 + 1e-6));
    const [w] = optim.clip(bound).update(t, null);
    expect(await optim.infinityNorm(w).item()).toBeLessThanOrEqual(bound * (1 + 1e-6));
  }));
});

test("accumulated gradients make the step of their mean", async () => {
  const gradients = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), {
    minLength: 2,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(gradients, async (gs) => {
      const optimizer = optim.multiSteps(optim.sgd(1), gs.length);
      let state = optimizer.init(np.zeros([1]));
      let total = 0;
      for (const g of gs) {
        const [u, next] = optimizer.update(np.array([g]), state);
        total += await u.item();
        state = next;
      }
      expect(total).toBeCloseTo(-gs.reduce((a, b) => a + b) / gs.length, 6);
      expect(await state.gradientStep.item()).toBe(1);
    }),
    { numRuns: 30 },
  );
});

test("a batch of optimizers is each of them", async () => {
  const optimizer = optim.adam(0.1);
  const run = (start: Tensor) => {
    let p = start;
    let state = optimizer.init(p);
    for (let i = 0; i < 3; i++) {
      const [u, next] = optimizer.update(p.mul(2), state, p);
      p = optim.applyUpdates(p, u);
      state = next;
    }
    return p;
  };
  const starts = np.array([[1, -2], [0.5, 3]]);
  const together = await vmap(run)(starts).data();
  const apart = await run(starts.slice(1)).data();
  expect([...together.slice(2)]).toEqual([...apart]);
});

test("updates can be differentiated: the derivative of a step in its learning rate", async () => {
  const loss = (p: Tensor) => np.sum(np.square(p));
  const after = (learningRate: Tensor) => {
    const optimizer = optim.sgd(learningRate, { momentum: 0.9 });
    const p = np.array([3]);
    const [u] = optimizer.update(grad(loss)(p), optimizer.init(p), p);
    return loss(optim.applyUpdates(p, u));
  };
  // (3 - 6 η)², whose derivative is -12 (3 - 6 η)
  expect(await grad(after)(np.array(0.25)).item()).toBeCloseTo(-18, 5);
});

test("hyperparameters in the state change a compiled step", async () => {
  const optimizer = optim.injectHyperparams(
    { learningRate: 0.5 },
    ({ learningRate }) => optim.sgd(learningRate),
  );
  const step = jit((p: Tensor, s: ReturnType<typeof optimizer.init>) => optimizer.update(p, s, p));
  const state = optimizer.init(np.ones([1]));
  expect(await step(np.ones([1]), state)[0].item()).toBe(-0.5);
  const changed = { ...state, hyperparams: { learningRate: np.array(2) } };
  expect(await step(np.ones([1]), changed)[0].item()).toBe(-2);
});

test("a compiled step with donated state runs in constant memory", () => {
  const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.adamw(0.1));
  const step = jit((p: Tensor, s: ReturnType<typeof optimizer.init>) => {
    const [u, next] = optimizer.update(p, s, p);
    return [optim.applyUpdates(p, u), next] as const;
  }, { donate: [0, 1] });
  let p = np.ones([64]);
  let s = optimizer.init(p);
  for (let i = 0; i < 3; i++) [p, s] = step(p, s);
  const before = memory().reference!.bytes;
  for (let i = 0; i < 20; i++) [p, s] = step(p, s);
  expect(memory().reference!.bytes).toBe(before);
});

test("subtrees have their own optimizers, absent leaves stay absent", async () => {
  const optimizer = optim.perSubtree({ a: optim.sgd(1), b: optim.setToZero() });
  const p = { a: { w: np.ones([1]), bias: null }, b: [np.ones([2])] };
  const [u, state] = optimizer.update(p, optimizer.init(p), p);
  expect(u.a.bias).toBeNull();
  expect(await u.a.w.item()).toBe(-1);
  expect([...await u.b[0]!.data()]).toEqual([0, 0]);
  expect(Object.keys(state).sort()).toEqual(["a", "b"]);
});

test("mistakes are named", () => {
  const p = { a: np.ones([1]), b: np.ones([1]) };
  const plateau = optim.reduceOnPlateau();
  expect(() => plateau.update(p, plateau.init(p))).toThrow(/needs the loss/);
  expect(() => optim.addDecayedWeights(1).update(p, null)).toThrow(ArgumentError);
  expect(() => optim.perSubtree({ a: optim.identity() }).init(p)).toThrow(/label b/);
  expect(() => optim.addDecayedWeights(1, { mask: { a: true } }).update(p, null, p))
    .toThrow(TreeError);
  expect(() => optim.multiSteps(optim.identity(), 0)).toThrow(ArgumentError);
  expect(() => optim.joinSchedules([optim.constantSchedule(1)], [1])).toThrow(ArgumentError);
  expect(() => optim.cosineDecaySchedule({ initValue: 1, decaySteps: 0 })).toThrow(ArgumentError);
});

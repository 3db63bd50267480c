/** What holds of slot attention and its systems whatever the weights. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  anderson,
  ArgumentError,
  evalShape,
  grad,
  implicit,
  jit,
  np,
  optim,
  random,
  setBackend,
  ShapeError,
  type Tensor,
  unrolled,
  valueAndGrad,
  vmap,
} from "trilevel";
import { hungarian } from "trilevel/metrics";
import {
  assignment,
  broadcastDecoder,
  discoveryPresets,
  objectDiscovery,
  paperOptimizer,
  propertyPrediction,
  propertyPresets,
  setLoss,
  slotAttention,
  softAssignment,
  torch,
  weightedMean,
} from "trilevel/models";

await setBackend("reference");

const float64 = { dtype: "float64" } as const;
const options = { slots: 4, inputSize: 5, slotSize: 6, mlpHidden: 7 };
const inputs = random.normal(random.key(3), [2, 9, 5]);
const vanilla = slotAttention({ ...options, adjoint: unrolled() });
const params = vanilla.init(random.key(0));
const key = random.key(1);

async function close(a: Tensor, b: Tensor, atol = 1e-6) {
  expect(a.shape).toEqual(b.shape);
  expect(await np.allclose(a, b, { atol, rtol: 1e-5 }).item()).toBe(1);
}

test("with identity projections and neither GRU nor MLP, a step is one of soft k-means", async () => {
  const sizes = fc.record({
    points: fc.integer({ min: 1, max: 8 }),
    clusters: fc.integer({ min: 1, max: 4 }),
    dims: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(),
  });
  await fc.assert(fc.asyncProperty(sizes, async ({ points, clusters, dims, seed }) => {
    const [a, b] = random.split(random.key(seed));
    const x = random.normal(a, [1, points, dims], float64);
    const raw = random.normal(b, [1, clusters, dims], float64);
    // Centres of one length: then -‖x - μ‖² and x · μ rank, and weigh, clusters the same way.
    const centres = raw.div(np.sqrt(np.sum(np.square(raw), { axis: -1, keepdims: true })));
    const means = await weightedMean(softAssignment(centres, x), x).array() as number[][][];

    const xs = await x.array() as number[][][];
    const mus = await centres.array() as number[][][];
    const stiffness = 1 / Math.sqrt(dims); // exp(-β ‖x - μ‖² / 2) with β = 1/√D
    const distance = (p: number[], m: number[]) =>
      p.reduce((sum, v, d) => sum + (v - m[d]!) ** 2, 0);
    const responsibilities = xs[0]!.map((p) => {
      const w = mus[0]!.map((m) => Math.exp(-stiffness * distance(p, m) / 2));
      const total = w.reduce((s, v) => s + v);
      return w.map((v) => v / total);
    });
    for (let c = 0; c < clusters; c++) {
      const mass = responsibilities.reduce((s, r) => s + r[c]!, 0);
      for (let d = 0; d < dims; d++) {
        const mean = responsibilities.reduce((s, r, n) => s + r[c]! * xs[0]![n]![d]!, 0) / mass;
        expect(means[0]![c]![d]).toBeCloseTo(mean, 4); // up to the paper's ε = 1e-8
      }
    }
  }));
});

test("the forward pass of implicit slot attention is one vanilla step more", async () => {
  const longer = slotAttention({ ...options, adjoint: unrolled(), iterations: 4 });
  const found = slotAttention(options).apply(params, inputs, key);
  await close(found.slots, longer.apply(params, inputs, key).slots);
  await close(found.attention, longer.apply(params, inputs, key).attention);
  const keys = vanilla.project(params, inputs);
  let slots = vanilla.start(params, key, 2);
  for (let i = 0; i < 3; i++) slots = vanilla.step(params, slots, keys);
  await close(vanilla.apply(params, inputs, key).slots, slots);
});

test("the implicit gradient is that of one step from where the iteration ended", async () => {
  const weights = random.normal(random.key(9), [2, 4, 6]);
  const model = slotAttention(options);
  const whole = grad((p: typeof params) => np.sum(model.apply(p, inputs, key).slots.mul(weights)));
  const ended = vanilla.apply(params, inputs, key).slots;
  const once = grad((p: typeof params) =>
    np.sum(vanilla.step(p, ended, vanilla.project(p, inputs)).mul(weights))
  );
  const [a, b] = [whole(params), once(params)];
  await close(a.gru.weightIh, b.gru.weightIh);
  await close(a.key.weight, b.key.weight);
  await close(a.normInputs.weight!, b.normInputs.weight!);
  const { start } = a;
  expect("mu" in start && await np.sum(np.abs(start.mu)).item()).toBe(0);
  const through = slotAttention({ ...options, initGrad: "straightThrough" });
  const passed =
    grad((p: typeof params) => np.sum(through.apply(p, inputs, key).slots.mul(weights)))(params)
      .start;
  expect("mu" in passed && await np.sum(np.abs(passed.mu)).item()).toBeGreaterThan(0);
});

test("slots in another order stay what they are; so do samples of a batch", async () => {
  const keys = vanilla.project(params, inputs);
  const slots = vanilla.start(params, key, 2);
  const swapped = vanilla.step(params, np.flip(slots, 1), keys);
  await close(np.flip(swapped, 1), vanilla.step(params, slots, keys));
  const one = vmap((x: Tensor, s: Tensor) => {
    const own = vanilla.project(params, np.expandDims(x, 0));
    return np.squeeze(vanilla.step(params, np.expandDims(s, 0), own), 0);
  });
  await close(one(inputs, slots), vanilla.step(params, slots, keys));
});

test("attention is a distribution over slots; statistics come for every sample", async () => {
  const { attention, stats } = slotAttention(options).apply(params, inputs, key);
  await close(np.sum(attention, { axis: -1 }), np.ones([2, 9]));
  expect(stats.residual.shape).toEqual([2]);
  expect(stats.trace.shape).toEqual([3, 2]);
});

test("slots may be parameters, solvers and adjoints others, the MLP absent", async () => {
  const model = slotAttention({
    ...options,
    mlpHidden: 0,
    start: "learned",
    solver: anderson({ window: 3 }),
    adjoint: implicit(),
    iterations: 10,
    rtol: 1e-3,
    conventions: torch,
  });
  const own = model.init(random.key(0));
  expect(own.mlp).toBeNull();
  const { slots } = model.apply(own, inputs, null);
  expect(slots.shape).toEqual([2, 4, 6]);
  expect(await np.all(np.isfinite(slots)).item()).toBe(1);
  expect(() => vanilla.apply(params, inputs, null)).toThrow(ArgumentError);
});

test("random slots have the learned mean and deviation", async () => {
  const size = 3;
  const wide = slotAttention({ slots: 2000, inputSize: 1, slotSize: size });
  const start = { mu: np.array([1, -2, 0]), logSigma: np.log(np.array([0.5, 1, 2])) };
  const slots = wide.start({ ...wide.init(key), start }, key, 1);
  await close(np.mean(slots, { axis: [0, 1] }), start.mu, 0.2);
  await close(np.std(slots, { axis: [0, 1] }), np.exp(start.logSigma), 0.2);
});

const costs = fc.integer({ min: 1, max: 5 }).chain((rows) =>
  fc.record({
    rows: fc.constant(rows),
    columns: fc.integer({ min: rows, max: 6 }),
    // Few distinct costs make ties, where shortest-path solvers go wrong.
    numbers: fc.array(
      fc.oneof(fc.integer({ min: -2, max: 2 }), fc.double({ min: -9, max: 9, noNaN: true })),
      { minLength: 30, maxLength: 30 },
    ),
  })
);

test("an assignment is as cheap as the Hungarian method's, and matches each column once", async () => {
  await fc.assert(
    fc.asyncProperty(costs, async ({ rows, columns, numbers }) => {
      const cost = numbers.slice(0, rows * columns);
      const found = await assignment(np.array(cost, { shape: [rows, columns], ...float64 })).data();
      const total = [...found].reduce((sum, c, r) => sum + cost[r * columns + c]!, 0);
      expect(new Set(found).size).toBe(rows);
      expect(total).toBeCloseTo(hungarian(cost, rows, columns).cost, 9);
    }),
    { numRuns: 60 },
  );
});

test("an assignment may be compiled and mapped; more rows than columns are refused", async () => {
  const batch = random.normal(random.key(5), [8, 4, 4], float64);
  const found = await jit(vmap(assignment))(batch).data();
  const all = await batch.data();
  for (let i = 0; i < 8; i++) {
    const { columnOfRow } = hungarian(all.slice(i * 16, i * 16 + 16), 4, 4);
    expect([...found.slice(i * 4, i * 4 + 4)]).toEqual([...columnOfRow]);
  }
  expect(() => assignment(np.zeros([3, 2]))).toThrow(ShapeError);
});

test("the loss of a set does not know its order, and its gradient follows the matching", async () => {
  const [x, y] = [random.uniform(random.key(1), [2, 4, 3]), random.uniform(key, [2, 4, 3])];
  const flipped = setLoss(np.flip(x, 1), y);
  await close(flipped.loss, setLoss(x, y).loss);
  const { loss, matching } = setLoss(x, x);
  expect(await loss.item()).toBe(0);
  expect([...await matching.data()]).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  const slope = grad((p: Tensor) => setLoss(p, y).loss)(x);
  const target = np.takeAlongAxis(y, np.expandDims(setLoss(x, y).matching, -1), { axis: 1 });
  await close(slope, x.sub(target).div(3 * 2)); // Huber's quadratic part, mean of 3, batch of 2
});

test("a compiled training step with everything donated learns", async () => {
  const model = objectDiscovery({
    resolution: [8, 8],
    slots: 3,
    slotSize: 8,
    mlpHidden: 8,
    encoder: { channels: 8, kernel: 3, strides: [2] },
    decoder: { kind: "pixel", channels: 8, layers: 1 },
  });
  const optimizer = optim.adam(1e-2);
  type Params = ReturnType<typeof model.init>;
  type State = ReturnType<typeof optimizer.init>;
  const step = jit((p: Params, s: State, image: Tensor, key: Tensor) => {
    const [[loss], gradient] = valueAndGrad(model.loss, { hasAux: true })(p, image, key);
    const [updates, next] = optimizer.update(gradient, s, p);
    return [optim.applyUpdates(p, updates), next, loss] as const;
  }, { donate: [0, 1] });
  const image = random.uniform(random.key(2), [2, 1, 1, 3]).sub(np.zeros([2, 8, 8, 3]));
  let [p, s] = [model.init(random.key(0)), optimizer.init(model.init(random.key(0)))];
  const losses: number[] = [];
  for (let i = 0; i < 30; i++) {
    const [p2, s2, loss] = step(p, s, image, random.key(i));
    [p, s] = [p2, s2];
    losses.push(await loss.item());
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
});

test("the presets have the shapes of the paper", () => {
  const counts = (tree: unknown) => JSON.stringify(tree);
  const clevr6 = objectDiscovery(discoveryPresets.clevr6.model);
  const out = evalShape(
    (image: Tensor, key: Tensor) => clevr6.apply(clevr6.init(key), image, key),
    np.zeros([1, 128, 128, 3]),
    key,
  );
  expect(counts(out.attention.shape)).toBe(counts([1, 128 * 128, 7]));
  expect(counts(out.images.shape)).toBe(counts([1, 7, 128, 128, 3]));
  const clevr10 = propertyPrediction(propertyPresets.clevr10.model);
  const predicted = evalShape(
    (image: Tensor, key: Tensor) => clevr10.apply(clevr10.init(key), image, key),
    np.zeros([1, 128, 128, 3]),
    key,
  );
  expect(counts(predicted.attention.shape)).toBe(counts([1, 32 * 32, 10]));
  expect(counts(predicted.predictions.shape)).toBe(counts([1, 10, 19]));
  expect(() => broadcastDecoder({ resolution: [10, 10], strides: [4] })).toThrow(ArgumentError);
});

test("the papers' learning rate warms up, then halves", async () => {
  const optimizer = paperOptimizer({
    ...discoveryPresets.clevr6.training,
    warmupSteps: 2,
    decaySteps: 4,
  });
  let state = optimizer.init(np.ones([1]));
  const rates: number[] = [];
  for (let i = 0; i < 9; i++) {
    const [u, next] = optimizer.update(np.ones([1]), state);
    rates.push(-await u.item() / 4e-4);
    state = next;
  }
  [0, 0.5 * 0.5 ** 0.25, 0.5 ** 0.5, 0.5 ** 0.75, 0.5].forEach((rate, i) =>
    expect(rates[i]).toBeCloseTo(rate, 4)
  );
  expect(rates[8]).toBeCloseTo(0.25, 4);
});

/** What holds of layers whatever the numbers. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ArgumentError,
  grad,
  jit,
  nn,
  np,
  random,
  setBackend,
  ShapeError,
  type Tensor,
  tree,
  vjp,
  vmap,
} from "trilevel";

await setBackend("reference");

const { initializers } = nn;
const key = random.key(0);
const int32 = { dtype: "int32" } as const;

async function close(a: Tensor, b: Tensor, atol = 1e-6) {
  expect(a.shape).toEqual(b.shape);
  expect(await np.allclose(a, b, { atol, rtol: 1e-6 }).item()).toBe(1);
}

describe("initializers", () => {
  const shape = [64, 16, 3, 3]; // fan-in 144, fan-out 576
  const variances: [string, nn.Initializer, number][] = [
    ["kaimingUniform", initializers.kaimingUniform(), 2 / 144],
    ["kaimingNormal", initializers.kaimingNormal({ mode: "fanOut" }), 2 / 576],
    ["kaimingUniform leaky", initializers.kaimingUniform({ negativeSlope: 1 }), 1 / 144],
    ["xavierUniform", initializers.xavierUniform(2), 4 * 2 / 720],
    ["xavierNormal", initializers.xavierNormal(), 2 / 720],
    ["linearDefault", initializers.linearDefault, 1 / 3 / 144],
    ["glorotUniform", initializers.glorotUniform, 2 / 720],
    ["glorotNormal", initializers.glorotNormal, 2 / 720],
    ["heNormal", initializers.heNormal, 2 / 144],
    ["heUniform", initializers.heUniform, 2 / 144],
    ["lecunNormal", initializers.lecunNormal, 1 / 144],
    ["lecunUniform", initializers.lecunUniform, 1 / 144],
    ["normal", initializers.normal(0.3), 0.09],
    ["uniform", initializers.uniform(0.3), 0.03],
  ];

  test.each(variances)("%s has its variance, and mean 0", async (_, init, variance) => {
    const w = init(key, shape);
    expect(w.shape).toEqual(shape);
    expect(await np.var(w).item() / variance).toBeCloseTo(1, 1);
    expect(Math.abs(await np.mean(w).item())).toBeLessThan(5 * Math.sqrt(variance / w.size));
  });

  test("linearDefault is within PyTorch's bound, truncatedNormal within two deviations", async () => {
    const w = initializers.linearDefault(key, [8, 100]);
    expect(await np.max(np.abs(w)).item()).toBeLessThanOrEqual(0.1);
    const t = initializers.truncatedNormal(0.5)(key, [1000]);
    expect(await np.max(np.abs(t)).item()).toBeLessThan(1);
  });

  test("orthogonal matrices are orthogonal, and their distribution has no preferred sign", async () => {
    for (const [rows, columns] of [[5, 5], [3, 8], [8, 3], [64, 64]] as const) {
      const q = initializers.orthogonal(2)(key, [rows, columns]);
      const gram = rows < columns ? np.matmul(q, q.T) : np.matmul(q.T, q);
      await close(gram, np.eye(Math.min(rows, columns)).mul(4), 1e-4);
    }
    expect(initializers.orthogonal()(key, [4, 2, 3, 3]).shape).toEqual([4, 2, 3, 3]);
  });

  test("fans of vectors are refused", () => {
    expect(() => initializers.heNormal(key, [3])).toThrow(ArgumentError);
  });
});

test("PyTorch's defaults: biases within the bound of their weight's fan-in, unit normalizations", async () => {
  const p = nn.conv({ in: 4, out: 64, kernel: 5 }).init(key);
  expect(await np.max(np.abs(p.bias!)).item()).toBeLessThanOrEqual(0.1);
  expect(await np.max(np.abs(p.bias!)).item()).toBeGreaterThan(0.09);
  expect(nn.linear({ in: 2, out: 3, bias: false }).init(key).bias).toBeNull();
  const norm = nn.layerNorm({ size: 3, affine: false }).init(key);
  expect(norm).toEqual({ weight: null, bias: null });
});

test("two layers from one key differ from each other, and are the same again", async () => {
  const layer = nn.mlp({ sizes: [4, 4, 4] });
  const [a, b] = [layer.init(key), layer.init(key)];
  await close(a[0]!.weight, b[0]!.weight);
  const same = np.allclose(a[0]!.weight, a[1]!.weight);
  expect(await same.item()).toBe(0);
});

const layers: Record<string, { layer: nn.Layer<unknown>; shape: number[] }> = {
  linear: { layer: nn.linear({ in: 4, out: 3 }), shape: [4] },
  conv: { layer: nn.conv({ in: 2, out: 3, kernel: 3, padding: "same" }), shape: [4, 5, 2] },
  convTranspose: {
    layer: nn.convTranspose({ in: 2, out: 3, kernel: 3, stride: 2, padding: "same" }),
    shape: [3, 3, 2],
  },
  layerNorm: { layer: nn.layerNorm({ size: 4 }), shape: [5, 4] },
  groupNorm: { layer: nn.groupNorm({ groups: 2, channels: 4 }), shape: [3, 3, 4] },
  sequential: {
    layer: nn.sequential(nn.mlp({ sizes: [4, 5, 6] }), nn.gelu, nn.linear({ in: 6, out: 2 })),
    shape: [4],
  },
  softPosition: { layer: nn.softPosition({ size: 3 }), shape: [4, 5, 3] },
};

test.each(Object.entries(layers))(
  "%s: compiled as called, and a batch is its samples",
  async (_, { layer, shape }) => {
    const params = layer.init(key);
    const x = random.normal(random.key(1), [3, ...shape]);
    const y = layer.apply(params, x);
    await close(jit((p: unknown, x: Tensor) => layer.apply(p, x))(params, x), y);
    const single = (x: Tensor) => np.squeeze(layer.apply(params, np.expandDims(x, 0)), 0);
    await close(vmap(single)(x), y);
    await close(single(np.slice(x, 1)), np.slice(y, 1));
  },
);

test("a transposed convolution with same padding is the transpose of the convolution", async () => {
  const sizes = fc.record({
    kernel: fc.integer({ min: 1, max: 5 }),
    stride: fc.integer({ min: 1, max: 3 }),
    size: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(sizes, async ({ kernel, stride, size }) => {
      const options = { kernel, stride, padding: "same", bias: false } as const;
      const up = nn.convTranspose({ in: 2, out: 3, ...options });
      const down = nn.conv({ in: 3, out: 2, ...options });
      const params = up.init(key); // [2, 3, k, k]: the very weight of the convolution
      const small = random.normal(random.key(1), [1, size, size, 2]);
      const large = np.zeros([1, size * stride, size * stride, 3]);
      const [y, pullback] = vjp((x: Tensor) => down.apply(params, x), large);
      expect(y.shape).toEqual(small.shape);
      await close(up.apply(params, small), pullback(small)[0], 1e-5);
    }),
    { numRuns: 40 },
  );
});

test("dropout keeps the mean, and drops with its probability", async () => {
  const x = np.full([4000], 3);
  const y = [...await nn.dropout(key, x, 0.3).data()];
  expect(y.reduce((a, b) => a + b) / y.length).toBeCloseTo(3, 0);
  expect(y.filter((v) => v === 0).length / y.length).toBeCloseTo(0.3, 1);
  expect(nn.dropout(null, x, 0.3)).toBe(x);
  expect(() => nn.dropout(key, x, 1)).toThrow(ArgumentError);
});

test("the soft grid has four sides", async () => {
  const grid = nn.softGrid(3, 5);
  expect(grid.shape).toEqual([3, 5, 4]);
  const at = async (i: number, j: number) => [...await np.slice(grid, i, j).data()];
  expect(await at(0, 0)).toEqual([0, 0, 1, 1]);
  expect(await at(2, 4)).toEqual([1, 1, 0, 0]);
  expect(await at(1, 4)).toEqual([0.5, 1, 0.5, 0]);
});

test("the soft grid around zero: opposite sides are opposite numbers", async () => {
  const grid = nn.softGrid(3, 5, [-1, 1]);
  const at = async (i: number, j: number) => [...await np.slice(grid, i, j).data()];
  expect(await at(0, 0)).toEqual([-1, -1, 1, 1]);
  expect(await at(0, 3)).toEqual([-1, 0.5, 1, -0.5]);
  const layer = nn.softPosition({ size: 2, coordinates: [-1, 1] });
  const weight = np.array([[1, 2, 0, 0], [0, 0, 0, 4]]);
  const y = layer.apply({ weight, bias: np.zeros([2]) }, np.zeros([1, 3, 5, 2]));
  expect([...await np.slice(y, 0, 0, 3).data()]).toEqual([-1 + 2 * 0.5, 4 * -0.5]);
});

test("sinusoidal positions: neighbours are as similar wherever they are", async () => {
  const p = nn.sinusoidalPosition(50, 16);
  const similarity = np.matmul(p, p.T);
  const near = await np.diagonal(similarity, { offset: 1 }).data();
  near.forEach((s) => expect(s).toBeCloseTo(near[0]!, 5));
  expect(await np.slice(p, 0, 1).item()).toBe(1);
});

test("what is masked has no weight; a causal model does not see ahead", async () => {
  const layer = nn.multiHeadAttention({ size: 8, heads: 2 });
  const params = layer.init(key);
  const x = random.normal(random.key(1), [1, 5, 8]);
  const last = (x: Tensor) =>
    np.sum(np.slice(layer.apply(params, x, x, x, { mask: nn.causalMask(5) }), 0, 2));
  const slope = await np.sum(np.abs(grad(last)(x)), { axis: [0, 2] }).data();
  expect([...slope].map((s) => s > 0)).toEqual([true, true, true, false, false]);
});

test("cross-entropy: labels are one-hot vectors", async () => {
  const logits = random.normal(key, [3, 5]);
  const labels = np.array([1, 4, 0], int32);
  await close(nn.crossEntropy(logits, labels), nn.crossEntropy(logits, nn.oneHot(labels, 5)));
});

test("Huber's loss is quadratic near, linear far", async () => {
  const numbers = fc.double({ min: -5, max: 5, noNaN: true });
  const deltas = fc.double({ min: 0.1, max: 3, noNaN: true });
  await fc.assert(fc.asyncProperty(numbers, deltas, async (d, delta) => {
    const expected = Math.abs(d) <= delta ? d * d / 2 : delta * (Math.abs(d) - delta / 2);
    const float64 = { dtype: "float64" } as const;
    const loss = nn.huber(np.array(d, float64), np.array(0, float64), { delta });
    expect(await loss.item()).toBeCloseTo(expected, 9);
  }));
});

test("NaN survives the activations", async () => {
  for (const f of [nn.relu, nn.leakyRelu, nn.elu, nn.gelu, nn.silu, nn.softplus]) {
    expect(await f(np.array(NaN)).item()).toBeNaN();
  }
});

test("parameters are trees of tensors", () => {
  const params = nn.sequential(nn.conv({ in: 3, out: 4, kernel: 3 }), nn.relu).init(key);
  expect(tree.leaves<Tensor>(params).map((x) => x.shape.length)).toEqual([1, 4]);
});

test("mistakes are named", () => {
  expect(() => nn.groupNorm({ groups: 3, channels: 4 })).toThrow(ArgumentError);
  expect(() => nn.multiHeadAttention({ size: 4, heads: 3 })).toThrow(/divides/);
  expect(() => nn.conv({ in: 1, out: 1, kernel: [1, 1, 1] })).toThrow(ArgumentError);
  expect(() => nn.pixelShuffle(np.zeros([1, 2, 2, 3]), 2)).toThrow(ShapeError);
  expect(() => nn.resize(np.zeros([2, 2]), [4, 4])).toThrow(ShapeError);
  const position = nn.learnedPosition({ length: 3, size: 2 });
  expect(() => position.apply(position.init(key), np.zeros([1, 4, 2]))).toThrow(/greater length/);
});

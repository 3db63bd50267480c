/** Normalizations and transformers as PyTorch's, losses as optax's, where docs/coverage.md has no row. */
import { describe, expect, test } from "vitest";
import { jit, nn, np, random, setBackend, type Tensor, tree } from "trilevel";
import fixtures from "../fixtures/learning-extra.json" with { type: "json" };

await setBackend("reference");

interface Recorded {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const load = ({ data, shape }: Recorded) =>
  np.reshape(np.array([...data], { dtype: "float64" }), shape);
const linear = ({ weight, bias }: { weight: Recorded; bias: Recorded }) => ({
  weight: load(weight),
  bias: load(bias),
});

async function close(found: Tensor, wanted: Recorded, tolerance = 1e-10) {
  expect(found.shape).toEqual(wanted.shape);
  const data = await found.data();
  data.forEach((x, i) => expect(Math.abs(x - wanted.data[i]!)).toBeLessThan(tolerance));
}

test("batch normalization is PyTorch's, step by step and in evaluation", async () => {
  const { steps, evaluated, ...params } = fixtures.batchNorm;
  const layer = nn.batchNorm({ channels: 3, momentum: 0.3 });
  const weights = linear(params);
  const train = jit((stats: nn.BatchStats, x: Tensor) =>
    layer.apply(weights, stats, x, { training: true })
  );
  let stats: nn.BatchStats = tree.map((x: Tensor) => x.astype("float64"), layer.initStats());
  for (const { x, y, mean, variance } of steps) {
    const [found, next] = train(stats, load(x));
    await close(found, y);
    await close(next.mean, mean);
    await close(next.variance, variance);
    stats = next;
  }
  const [found, same] = layer.apply(weights, stats, load(steps.at(-1)!.x), { training: false });
  await close(found, evaluated);
  expect(same).toBe(stats);
});

test("a batch of one element has no variance, and other channels are refused", () => {
  const layer = nn.batchNorm({ channels: 2 });
  const params = layer.init(random.key(0));
  const stats = layer.initStats();
  const call = (x: Tensor) => layer.apply(params, stats, x, { training: true });
  expect(() => call(np.ones([1, 2]))).toThrow(/has no variance/);
  expect(() => call(np.ones([4, 3]))).toThrow(/nn\.batchNorm: the input is float32\[4,3\]/);
});

test("root mean square normalization is PyTorch's", async () => {
  const { weight, x, y } = fixtures.rmsNorm;
  await close(
    nn.rmsNorm({ size: 4 }).apply({ weight: load(weight), bias: null }, load(x)),
    y,
  );
});

test.each(["pre", "post"] as const)("a transformer with norms %s is PyTorch's", async (norm) => {
  const { params: { attention, mlp, norm1, norm2 }, x, y } = fixtures[norm];
  const block = nn.transformerBlock({ size: 4, heads: 2, hidden: 6, activation: nn.gelu, norm });
  const params: nn.TransformerBlockParams = {
    attention: {
      query: linear(attention.query),
      key: linear(attention.key),
      value: linear(attention.value),
      out: linear(attention.out),
    },
    mlp: mlp.map(linear),
    norm1: linear(norm1),
    norm2: linear(norm2),
  };
  await close(block.apply(params, load(x), { mask: nn.causalMask(3) }), y);
});

test("a transformer drops with a key only, another part for another key", async () => {
  const block = nn.transformerBlock({ size: 4, heads: 2, dropout: 0.5 });
  const params = block.init(random.key(0));
  const x = random.normal(random.key(1), [2, 3, 4]);
  const same = async (a: Tensor, b: Tensor) => await np.allclose(a, b).item() === 1;
  const call = (seed?: number) =>
    block.apply(params, x, seed === undefined ? {} : { key: random.key(seed) });
  expect(await same(call(), block.apply(params, x))).toBe(true);
  expect(await same(call(1), call(1))).toBe(true);
  expect(await same(call(1), call(2))).toBe(false);
});

describe("losses of each element", () => {
  const [x, y, z, p] = [fixtures.x, fixtures.y, fixtures.z, fixtures.p].map(load) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const losses: { readonly [K in keyof typeof fixtures.losses]: () => Tensor } = {
    perceptronLoss: () => nn.losses.perceptronLoss(x, np.sign(y)),
    polyLossCrossEntropy: () => nn.losses.polyLossCrossEntropy(x, p, { epsilon: -1 }),
    klDivergenceWithLogTargets: () => nn.losses.klDivergenceWithLogTargets(x, np.log(p)),
    tripletMarginLoss: () => nn.losses.tripletMarginLoss(x, y, z, { margin: 0.5 }),
  };
  test.each(Object.entries(losses))("%s is optax's", async (name, loss) => {
    await close(loss(), fixtures.losses[name as keyof typeof losses], 1e-5);
  });
});

describe("dropout of parts", () => {
  const key = random.key(0);
  const x = np.ones([64, 4, 4, 8]);
  const uniform = async (y: Tensor, axis: readonly number[]) =>
    await np.all(np.equal(np.max(y, { axis }), np.min(y, { axis }))).item() === 1;

  test("channels are dropped as a whole, and samples", async () => {
    const channels = nn.channelDropout(key, x, 0.25);
    expect(await uniform(channels, [1, 2])).toBe(true);
    expect(await uniform(channels, [3])).toBe(false);
    expect(await np.mean(channels).item()).toBeCloseTo(1, 0);
    const samples = nn.pathDropout(key, x, 0.25);
    expect(await uniform(samples, [1, 2, 3])).toBe(true);
    expect(await uniform(samples, [0])).toBe(false);
  });

  test("alpha dropout keeps mean and variance of normal numbers", async () => {
    const y = nn.alphaDropout(key, random.normal(random.key(1), [20000]), 0.3);
    expect(await np.mean(y).item()).toBeCloseTo(0, 1);
    expect(await np.var(y).item()).toBeCloseTo(1, 1);
  });

  test.each([nn.channelDropout, nn.pathDropout, nn.alphaDropout])("%o: no key, no dropout", (f) => {
    expect(f(null, x, 0.5)).toBe(x);
    expect(() => f(key, x, 1)).toThrow(/at least 0 and below 1/);
  });
});

/** PARTS against PyTorch, weights loaded by name, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad, jit, np, random, setBackend, type Tensor, tree } from "trilevel";
import { type NoisyFrame, parts, type PartsParams, type Posteriors } from "trilevel/models";
import fixture from "../fixtures/parts.json" with { type: "json" };

const small = {
  resolution: [4, 4],
  slots: 3,
  latentSize: 2,
  memorySize: 3,
  hidden: 5,
  predictor: { heads: 2, hidden: 5 },
  encoder: { channels: 4, kernel: 3, strides: [2] },
  decoder: { kind: "pixel", channels: 4, layers: 1 },
  truncate: 2,
} as const;

const load = (data: readonly number[], shape: readonly number[]) =>
  np.array(Float64Array.from(data), { shape, dtype: "float64" });

/** `.correct[0].weight` is `correct.0.weight` in PyTorch. */
const torchName = (path: string) =>
  path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const named = (params: PartsParams): [name: string, leaf: Tensor][] => {
  const leaves = tree.flatten(params)[0] as Tensor[]; // parameters are trees of tensors
  return tree.paths(tree.structure(params)).map((path, i) => [torchName(path), leaves[i]!]);
};

async function expectClose(x: Tensor, expected: Tensor | readonly number[], tolerance: number) {
  const wanted = Array.isArray(expected)
    ? expected as readonly number[]
    : await (expected as Tensor).data();
  const data = await x.data();
  expect(data.length).toBe(wanted.length);
  const size = Math.max(1e-3, ...Array.from(wanted, Math.abs));
  data.forEach((value, i) => expect(Math.abs(value - wanted[i]!) / size).toBeLessThan(tolerance));
}

beforeAll(() => setBackend("reference"));

test("the loss, all outputs and all gradients of PyTorch", async () => {
  const model = parts(small);
  const given: Record<string, { shape: number[]; data: number[] }> = fixture.params;
  const empty = model.init(random.key(0));
  expect(named(empty).map(([name]) => name).sort()).toEqual(Object.keys(given).sort());
  const params = tree.unflatten<PartsParams>(
    tree.structure(empty),
    named(empty).map(([name, leaf]) => {
      expect(leaf.shape).toEqual(given[name]!.shape);
      return load(given[name]!.data, leaf.shape);
    }),
  );
  const videos = {
    video: load(fixture.video, [3, 2, 4, 4, 3]),
    noise: load(fixture.noise, [3, 2, 3, 2]),
  };
  const loss = (p: PartsParams) => {
    const [value, { corrected: { lambda }, masks }] = model.loss(p, videos, random.key(0));
    return [value, { value, lambda, masks }] as [Tensor, { [name: string]: Tensor }];
  };
  const [gradient, { value, lambda, masks }] = jit(grad(loss, { hasAux: true }))(params);
  expect(await value!.item() / fixture.loss).toBeCloseTo(1, 10);
  await expectClose(lambda!, fixture.lambda, 1e-9);
  await expectClose(masks!, fixture.masks, 1e-9);
  const gradients: Record<string, number[]> = fixture.gradients;
  for (const [name, leaf] of named(gradient)) await expectClose(leaf, gradients[name]!, 1e-9);
});

describe("whatever the weights are", () => {
  const video = () => random.uniform(random.key(3), [3, 2, 4, 4, 3]);

  test("slots are equivariant in their noise, and K is not in the weights", async () => {
    const model = parts(small);
    const params = model.init(random.key(0));
    const noise = random.normal(random.key(1), [3, 2, 3, 2]);
    const order = np.array(Int32Array.of(2, 0, 1));
    const turned = np.take(noise, order, { axis: 2 });
    const one = model.apply(params, { video: video(), noise }, random.key(0));
    const other = model.apply(params, { video: video(), noise: turned }, random.key(0));
    await expectClose(np.take(one.masks, order, { axis: 2 }), other.masks, 1e-10);
    const more = parts({ ...small, slots: 5 }).apply(params, { video: video() }, random.key(0));
    expect(more.masks.shape).toEqual([3, 2, 5, 4, 4]);
    await expectClose(np.sum(more.masks, { axis: 2 }), np.ones([3, 2, 4, 4]), 1e-10);
  });

  test("the objective is the bound: with one slot that draws the frame, a Gaussian's log-density less the divergence", async () => {
    const model = parts({ ...small, slots: 1, beta: 2 });
    const params = model.init(random.key(0));
    const lambda = np.array([[[0.3, -0.2, 0.1, -0.4]]]);
    const memory = [np.zeros([1, 1, 3]), np.zeros([1, 1, 3])] as const;
    const z: Posteriors = { lambda, memory };
    const noise = np.zeros([1, 1, 2]);
    const drawn = model.apply(params, { video: np.zeros([1, 1, 4, 4, 3]) }, random.key(0));
    expect(drawn.masks.shape).toEqual([1, 1, 1, 4, 4]);
    const at = { t: np.array(0), key: random.key(0) };
    const bound = (x: NoisyFrame) => model.level.objective!(params, z, x, at);
    const frame = np.zeros([1, 4, 4, 3]);
    const [low, high] = [bound({ frame, noise }), bound({ frame: frame.add(1), noise })];
    // The bound is a quadratic of the frame, so that a slope and a curvature tell how it changes.
    const slope = grad((x: Tensor) => np.sum(bound({ frame: x, noise })))(frame);
    const n = 16 * 3;
    const expected = (await np.sum(slope).item()) - n / (2 * 0.09);
    expect(await high.sub(low).item()).toBeCloseTo(expected, 4);
    const prior = parts({ ...small, slots: 1, beta: 0 });
    const divergence = [[0.3, 0.1], [-0.2, -0.4]].reduce(
      (sum, [mu, s]) => sum + 0.5 * (mu! ** 2 + Math.exp(2 * s!) - 1 - 2 * s!),
      0,
    );
    const free = prior.level.objective!(params, z, { frame, noise }, at);
    expect(await np.sum(free.sub(low)).item()).toBeCloseTo(2 * divergence, 5);
  });

  test("what does not fit is refused with its cure", () => {
    const model = parts(small);
    const params = model.init(random.key(0));
    const key = random.key(0);
    expect(() => model.apply(params, { video: np.zeros([2, 4, 4, 3]) }, key)).toThrow(
      /parts: the video is/,
    );
    const noise = np.zeros([2, 2, 3, 2]);
    expect(() => model.apply(params, { video: video(), noise }, key)).toThrow(
      /parts: the noise is[^]*\[3, 2, 3, 2\]/,
    );
    expect(() => parts({ ...small, predictor: { heads: 3 } })).toThrow(
      /3 heads cannot share posteriors of 4 numbers/,
    );
    expect(() => parts({ ...small, variance: 0 })).toThrow(/variance/);
  });
});

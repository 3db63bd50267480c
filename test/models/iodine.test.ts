/** IODINE against PyTorch, weights loaded by name, closed forms, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  grad,
  jit,
  neumann,
  np,
  oneStep,
  random,
  setBackend,
  stopGradient,
  type Tensor,
  tree,
  truncated,
  unrolled,
} from "trilevel";
import {
  type Iodine,
  iodine,
  type IodineLevel,
  type IodineOptions,
  type IodineParams,
  iodinePresets,
} from "trilevel/models";
import {
  likelihoodShares,
  logLogistic,
  logMixture,
  logMixtureWithout,
} from "../../src/models/parts/slotMixture.ts";
import { caught } from "../support/caught.ts";
import fixture from "../fixtures/iodine.json" with { type: "json" };

const small = {
  resolution: [4, 4],
  slots: 3,
  latentSize: 2,
  iterations: 3,
  scale: 0.3,
  decoder: { channels: 4, layers: 1 },
  encoder: { channels: 4, strides: [2], hidden: [5, 3] },
  memorySize: 3,
} as const satisfies IodineOptions;

const load = (data: readonly number[], shape: readonly number[]) =>
  np.array(Float64Array.from(data), { shape, dtype: "float64" });

/** `.decoder[0].weight` is `decoder.0.weight` in PyTorch. */
const torchName = (path: string) =>
  path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const named = (params: IodineParams): [name: string, leaf: Tensor][] => {
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

/** The level with noise [iterates, batch, slots, latentSize] that is given. */
const withNoise = (noise: Tensor) => (own: IodineLevel): IodineLevel => ({
  ...own,
  init: (p, x, key) => ({ ...own.init(p, x, key), noise: np.slice(noise, 0) }),
  step(p, z, x, at) {
    const [next, bound] = own.step(p, z, x, at) as [typeof z, Tensor]; // a step with an output
    return [{ ...next, noise: np.take(noise, at.t.add(1), { axis: 0 }) }, bound];
  },
});

/** Compiled: operations of the reference backend alone are slow. */
const applied = (model: Iodine, params: IodineParams, image: Tensor, key = random.key(0)) =>
  jit((p: IodineParams) => {
    const { stats: _, ...rest } = model.apply(p, image, key);
    return rest;
  })(params);

beforeAll(() => setBackend("reference"));

describe("the loss, all iterates and all gradients of PyTorch", () => {
  const flat = {
    ...small,
    iterations: 2,
    encoder: { ...small.encoder, hidden: [3] },
    memorySize: 0,
    coordinates: "cosine",
  } as const satisfies IodineOptions;
  test.each([["memory", small], ["flat", flat]] as const)("%s", async (name, options) => {
    const from = fixture.cases[name];
    const steps = options.iterations;
    const noise = load(from.noise, [steps + 1, 2, 3, 2]);
    const model = iodine({ ...options, level: withNoise(noise) });
    const given: Record<string, { shape: number[]; data: number[] }> = from.params;
    const empty = model.init(random.key(0));
    expect(named(empty).map(([name]) => name).sort()).toEqual(Object.keys(given).sort());
    const params = tree.unflatten<IodineParams>(
      tree.structure(empty),
      named(empty).map(([name, leaf]) => {
        expect(leaf.shape).toEqual(given[name]!.shape);
        return load(given[name]!.data, leaf.shape);
      }),
    );
    const image = load(from.image, [2, 4, 4, 3]);
    const loss = (p: IodineParams) => {
      const [value, { each, bounds, images, masks }] = model.loss(p, image, random.key(0));
      const found = { value, iterates: each!.lambda, bounds, images, masks };
      return [value, found] as [Tensor, { [name: string]: Tensor }];
    };
    const [gradient, found] = jit(grad(loss, { hasAux: true }))(params);
    expect(await found["value"]!.item() / from.loss).toBeCloseTo(1, 10);
    await expectClose(found["iterates"]!, from.iterates, 1e-9);
    await expectClose(found["bounds"]!, from.bounds, 1e-9);
    await expectClose(found["images"]!, from.colors, 1e-9);
    await expectClose(found["masks"]!, from.masks, 1e-9);
    const gradients: Record<string, number[]> = from.gradients;
    for (const [name, leaf] of named(gradient)) await expectClose(leaf, gradients[name]!, 1e-9);
  });
});

describe("closed forms", () => {
  test("a pixel of three slots: ln p, what it loses without each slot, and the shares", async () => {
    const x = load([0.2, 0.5, 0.8], [1, 1, 1, 1, 3]);
    const colors = load([0.25, 0.5, 0.7, 0.1, 0.6, 0.8, 0.9, 0.1, 0.3], [1, 3, 1, 1, 3]);
    const logits = load([0.3, -0.2, 0.1], [1, 3, 1, 1]);
    const logP = np.sum(logLogistic(x, colors, 0.03), { axis: -1 });
    const whole = logMixture(logits, logP);
    expect(await whole.item()).toBeCloseTo(2.9719135938, 9);
    const lost = await np.expandDims(whole, 1).sub(logMixtureWithout(logits, logP)).data();
    [1.4997658384, -0.1472060577, -0.4118623335].forEach((v, k) =>
      expect(lost[k]).toBeCloseTo(v, 9)
    );
    const shares = await likelihoodShares(logP).data();
    [0.800713, 0.199287, 5e-21].forEach((v, k) => expect(shares[k]).toBeCloseTo(v, 6));
    const peak = logLogistic(load([0.4], [1]), load([0.4], [1]), 0.03);
    expect(await peak.item()).toBeCloseTo(2.1202635362, 9);
  });

  test("the objective is that pixel's ln p less the divergence from N(0, ln 2)", async () => {
    // A decoder without hidden layers that draws its latents: the logit, then the colour.
    const model = iodine({
      ...small,
      resolution: [1, 1],
      latentSize: 4,
      scale: 0.03,
      decoder: { layers: 0, kernel: 1 },
    });
    const given = model.init(random.key(0));
    const identity = np.eye(4, 7, { dtype: "float64" }).reshape([4, 7, 1, 1]);
    const params = { ...given, decoder: [{ weight: identity, bias: load([0, 0, 0, 0], [4]) }] };
    const mean = [0.3, 0.25, 0.5, 0.7, -0.2, 0.1, 0.6, 0.8, 0.1, 0.9, 0.1, 0.3];
    const s = 1;
    const rows = [0, 4, 8].flatMap((k) => [...mean.slice(k, k + 4), s, s, s, s]);
    const z = {
      lambda: load(rows, [1, 3, 8]),
      noise: load(Array<number>(12).fill(0), [1, 3, 4]),
      memory: null,
    };
    const at = { t: np.array(0), key: random.key(0) };
    const bound = model.level.objective!(params, z, load([0.2, 0.5, 0.8], [1, 1, 1, 3]), at);
    const variance = Math.log1p(Math.E);
    const divergence = mean.reduce(
      (sum, m) => sum + 0.5 * (Math.log(Math.LN2 / variance) + (variance + m * m) / Math.LN2 - 1),
      0,
    );
    expect(0.5 * (Math.log(Math.LN2 / variance) + (variance + 0.25) / Math.LN2 - 1))
      .toBeCloseTo(0.3081415416, 9);
    expect(await bound.item()).toBeCloseTo(2.9719135938 - divergence, 8);
  });

  test("at first the posterior's variance is near that of the prior, ln 2", async () => {
    const { posterior } = iodine({ ...small, latentSize: 64 }).init(random.key(0));
    const s = Array.from(await posterior.slice([64, null]).data(), Number);
    const mean = s.reduce((sum, v) => sum + Math.log1p(Math.exp(v)), 0) / 64;
    expect(Math.abs(mean - Math.LN2)).toBeLessThan(0.03);
  });
});

describe("whatever the weights are", () => {
  const image = () => random.uniform(random.key(3), [2, 4, 4, 3]);
  const noise = () => random.normal(random.key(1), [4, 2, 3, 2]);

  test("slots are equivariant in their noise, and K is not in the weights", async () => {
    const params = iodine(small).init(random.key(0));
    const order = np.array(Int32Array.of(2, 0, 1));
    const one = iodine({ ...small, level: withNoise(noise()) });
    const turned = iodine({ ...small, level: withNoise(np.take(noise(), order, { axis: 2 })) });
    const [a, b] = [one, turned].map((model) => applied(model, params, image()));
    await expectClose(np.take(a!.masks, order, { axis: 1 }), b!.masks, 1e-10);
    await expectClose(a!.bounds, b!.bounds, 1e-10);
    const more = applied(iodine({ ...small, slots: 5 }), params, image());
    expect(more.masks.shape).toEqual([2, 5, 4, 4]);
    await expectClose(np.sum(more.masks, { axis: 1 }), np.ones([2, 4, 4]), 1e-10);
  });

  test("slots with the same noise stay the same", async () => {
    const alike = np.broadcastTo(noise().slice([0, null], [0, null], [0, 1]), [4, 2, 3, 2]);
    const model = iodine({ ...small, level: withNoise(alike) });
    const { masks, value } = applied(model, model.init(random.key(0)), image());
    await expectClose(masks, load(Array<number>(96).fill(1 / 3), [2, 3, 4, 4]), 1e-10);
    expect(await np.max(np.abs(value.lambda.sub(value.lambda.slice([0, null], [0, 1])))).item())
      .toBeLessThan(1e-10);
  });

  test("an image's slots know nothing of its batch with the sum's gradient, and do with the mean's", async () => {
    const found = (gradientOf: "sum" | "mean", images: Tensor, own: Tensor) => {
      const model = iodine({ ...small, gradientOf, level: withNoise(own) });
      return applied(model, model.init(random.key(0)), images).value.lambda;
    };
    // A normalization's epsilon is seen beside small gradients: a wide distribution has them.
    const alone = (of: "sum" | "mean") =>
      found(of, image().slice([0, 1]), noise().slice([0, null], [0, 1]));
    const together = (of: "sum" | "mean") => found(of, image(), noise()).slice([0, 1]);
    await expectClose(alone("sum"), together("sum"), 1e-10);
    const change = np.max(np.abs(alone("mean").sub(together("mean"))));
    expect(await change.item()).toBeGreaterThan(1e-9);
  });

  test("what the network sees are the gradients of the loss, and they are constants", async () => {
    const at = { t: np.array(0), key: random.key(2) };
    // Of the inputs behind the features only ∇_λ is read.
    const flat = iodine({ ...small, iterations: 1, memorySize: 0, gradientOf: "sum" });
    const own = flat.init(random.key(0));
    const z = flat.level.init(own, image(), random.key(1));
    const weight = np.concatenate([
      np.zeros([4, 3]),
      np.eye(4),
      np.zeros([4, 5]),
    ], { axis: 1 });
    const reading: IodineParams = {
      ...own,
      refiner: { ...own.refiner, update: { weight, bias: np.zeros([4]) } },
    };
    const step = (lambda: Tensor) =>
      (flat.level.step(reading, { ...z, lambda }, image(), at) as [
        typeof z,
        Tensor,
      ])[0].lambda.sub(lambda);
    const loss = (lambda: Tensor) =>
      np.sum(flat.level.objective!(reading, { ...z, lambda }, image(), at)).neg();
    const slope = grad(loss)(z.lambda);
    const centred = slope.sub(np.mean(slope, { axis: -1, keepdims: true }));
    const variance = np.mean(np.square(centred), { axis: -1, keepdims: true });
    await expectClose(step(z.lambda), centred.div(np.sqrt(variance.add(1e-5))), 1e-9);
    const through = grad((lambda: Tensor) => np.sum(np.square(step(lambda))))(z.lambda);
    expect(await np.max(np.abs(through)).item()).toBe(0);
  });
});

describe("adjoints", () => {
  const image = () => random.uniform(random.key(3), [2, 4, 4, 3]);
  const from = () => random.key(5);
  const gradient = (options: Partial<IodineOptions>) => {
    const model = iodine({ ...small, ...options });
    const params = model.init(random.key(0));
    return jit(grad((p: IodineParams) => model.loss(p, image(), from())[0]))(params);
  };

  test("truncated to one step, a step learns from the bound of the iterate that it makes", async () => {
    const model = iodine({ ...small, adjoint: truncated({ steps: 1 }) });
    const [params, x, key] = [model.init(random.key(0)), image(), from()];
    const { each } = applied(model, params, x, key);
    const first = model.level.init(params, x, key);
    const iterates = [first, ...[0, 1, 2].map((t) => tree.map((v: Tensor) => v.slice(t), each!))];
    const at = (t: number) => ({ t: np.array(t), key: random.foldIn(key, t + 1) });
    const byHand = (p: IodineParams) => {
      const losses = [0, 1, 2].map((t) => {
        const from = tree.map((v: Tensor) => stopGradient(v), iterates[t]!) as typeof first;
        const [next] = model.level.step(p, from, x, at(t)) as [typeof first, Tensor];
        return np.mean(model.level.objective!(p, next, x, at(t))).mul(-(t + 1) / 3);
      });
      return losses[0]!.add(losses[1]!).add(losses[2]!);
    };
    const [a, b] = [gradient({ adjoint: truncated({ steps: 1 }) }), jit(grad(byHand))(params)];
    await expectClose(a.refiner.update.weight, b.refiner.update.weight, 1e-9);
    await expectClose(a.decoder[0]!.weight, b.decoder[0]!.weight, 1e-9);
    // The whole way to λ₀ is cut.
    expect(await np.max(np.abs(a.posterior)).item()).toBe(0);
    const whole = gradient({ adjoint: unrolled() });
    const kept = gradient({ adjoint: truncated({ steps: 3 }) });
    await expectClose(kept.refiner.update.weight, whole.refiner.update.weight, 1e-9);
    expect(await np.max(np.abs(whole.posterior)).item()).toBeGreaterThan(1e-6);
  });

  test("those at the solution train all weights by the last iterate", async () => {
    const model = iodine({ ...small, adjoint: oneStep() });
    const { bounds, each } = applied(model, model.init(random.key(0)), image());
    expect([bounds.shape, each]).toEqual([[1, 2], null]);
    for (const adjoint of [oneStep(), neumann({ terms: 2 })]) {
      const { refiner, decoder } = gradient({ adjoint });
      for (const { weight } of [refiner.update, decoder[0]!]) {
        const size = await np.max(np.abs(weight)).item();
        expect(size).toBeGreaterThan(1e-6);
        expect(size).toBeLessThan(Infinity);
      }
    }
  });
});

test("on one batch the loss falls", async () => {
  const model = iodine({ ...small, iterations: 2 });
  const x = random.uniform(random.key(3), [2, 4, 4, 3]);
  const step = jit((p: IodineParams) => {
    const [slope, value] = grad((p: IodineParams) => {
      const [loss] = model.loss(p, x, random.key(0));
      return [loss, loss] as [Tensor, Tensor];
    }, { hasAux: true })(p);
    const norm = np.sqrt(
      (tree.flatten(slope)[0] as Tensor[]).reduce(
        (sum, g) => sum.add(np.sum(np.square(g))),
        np.array(0),
      ),
    );
    const next = tree.map((w: Tensor, g: Tensor) => w.sub(g.div(norm).mul(0.03)), p, slope);
    return [next as IodineParams, value] as const;
  });
  let params = model.init(random.key(1));
  const losses: number[] = [];
  for (let i = 0; i < 12; i++) {
    const [next, loss] = step(params);
    params = next;
    losses.push(await loss.item());
  }
  expect(losses.at(-1)!).toBeLessThan(losses[0]! - 5);
});

test("the original's presets are models", () => {
  for (const { model } of Object.values(iodinePresets)) {
    expect(iodine(model).level.objective).toBeTypeOf("function");
  }
});

test("what does not fit is refused with its cure", () => {
  const model = iodine(small);
  const params = model.init(random.key(0));
  const of = (image: Tensor) => () => model.loss(params, image, random.key(0));
  expect(of(np.zeros([2, 5, 4, 3]))).toThrow(/iodine: the image is float32\[2,5,4,3\][^]*4, 4, 3/);
  expect(of(np.zeros([4, 4, 3]))).toThrow(/iodine: the image is/);
  expect(of(np.zeros([0, 4, 4, 3]))).toThrow(/iodine: the batch is empty/);
  expect(caught(() => iodine({ ...small, slots: 0 })).message).toMatch(/`slots`/);
  expect(caught(() => iodine({ ...small, slots: 1 })).hint).toMatch(/two slots or more/);
  expect(() => iodine({ ...small, decoder: { patch: 3 } })).toThrow(/patches of 3/);
  expect(() => iodine({ ...small, scale: 0 })).toThrow(/scale/);
  expect(() => model.decode(params, np.zeros([3, 2]))).toThrow(/the latents are/);
  const { refiner: _, ...missing } = params;
  expect(() => model.apply(missing as IodineParams, np.zeros([2, 4, 4, 3]), random.key(0)))
    .toThrow(/refiner/);
  expect(() => ({ ...model })).toThrow(/a copy of a model/);
});

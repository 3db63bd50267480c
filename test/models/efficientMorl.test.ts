/** EfficientMORL against PyTorch, weights loaded by name, closed forms, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad, jit, np, oneStep, random, setBackend, type Tensor, tree, truncated } from "trilevel";
import {
  efficientMorl,
  type EfficientMorlLevel,
  type EfficientMorlOptions,
  type EfficientMorlParams,
  efficientMorlPresets,
  geco,
  type GecoState,
  refinementsAt,
} from "trilevel/models";
import { mixtureError } from "../../src/models/parts/slotMixture.ts";
import fixture from "../fixtures/efficient-morl.json" with { type: "json" };

const small = {
  resolution: [4, 4],
  slots: 3,
  latentSize: 2,
  iterations: 2,
  encoder: { channels: 3, kernel: 3, strides: [2] },
  decoder: { channels: 3, kernels: [3, 3] },
  start: "standard",
} as const satisfies EfficientMorlOptions;

const load = (data: readonly number[], shape: readonly number[]) =>
  np.array(Float64Array.from(data), { shape, dtype: "float64" });

/** `.decoder.convs[0].weight` is `decoder.convs.0.weight` in PyTorch. */
const torchName = (path: string) =>
  path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const named = (params: EfficientMorlParams): [name: string, leaf: Tensor][] => {
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

/** The level with given noise of the first stage and of refinements, [steps, batch, slots, latentSize]. */
const withNoise = (noise: Tensor, later: Tensor) => (own: EfficientMorlLevel) => ({
  ...own,
  init: (p, x, key) => own.init(p, { ...x, noise }, key),
  step(p, z, x, at) {
    const [next, terms] = own.step(p, z, x, at) as [
      typeof z,
      { error: Tensor; divergence: Tensor },
    ];
    return [{ ...next, noise: np.take(later, at.t, { axis: 0 }) }, terms];
  },
} satisfies EfficientMorlLevel);

beforeAll(() => setBackend("reference"));

describe("the loss, the terms of all iterates and all gradients of PyTorch", () => {
  const cases = {
    mixture: { ...small, geco: { target: -20, warmup: 0 } },
    gaussian: {
      ...small,
      levels: 2,
      iterations: 1,
      likelihood: "gaussian",
      deviation: 0.3,
      decoder: { ...small.decoder, activation: "relu" },
    },
    flat: { ...small, levels: 1, iterations: 1 },
  } as const satisfies Record<keyof typeof fixture.cases, EfficientMorlOptions>;
  test.each(Object.entries(cases))("%s", async (name, options: EfficientMorlOptions) => {
    const from = fixture.cases[name as keyof typeof cases];
    const [levels, steps] = [options.levels ?? 3, options.iterations!];
    const noise = load(from.noise, [2 * levels, 2, 3, 2]);
    const model = efficientMorl({
      ...options,
      level: withNoise(noise, load(from.later, [steps, 2, 3, 2])),
    });
    const given: Record<string, { shape: number[]; data: number[] }> = from.params;
    const empty = model.init(random.key(0));
    expect(named(empty).map(([name]) => name).sort()).toEqual(Object.keys(given).sort());
    const params = tree.unflatten<EfficientMorlParams>(
      tree.structure(empty),
      named(empty).map(([name, leaf]) => {
        expect(leaf.shape).toEqual(given[name]!.shape);
        return load(given[name]!.data, leaf.shape);
      }),
    );
    const image = load(from.image, [2, 4, 4, 3]);
    const state: GecoState = {
      step: np.array(5, { dtype: "int32" }),
      beta: load([0.75], []),
      distance: load([-3], []),
    };
    const loss = (p: EfficientMorlParams) => {
      const [value, output] = model.loss(p, image, random.key(0), { geco: state });
      const { terms, value: { lambda }, images, masks } = output;
      const found = { value, lambda, ...terms, images, masks };
      return [value, found] as [Tensor, { [name: string]: Tensor }];
    };
    const [gradient, found] = jit(grad(loss, { hasAux: true }))(params);
    expect(await found["value"]!.item() / from.loss).toBeCloseTo(1, 9);
    await expectClose(found["error"]!, from.errors, 1e-9);
    await expectClose(found["divergence"]!, from.divergences, 1e-9);
    await expectClose(found["lambda"]!, from.lambda, 1e-9);
    await expectClose(found["images"]!, from.images, 1e-9);
    await expectClose(found["masks"]!, from.masks, 1e-9);
    const gradients: Record<string, number[]> = from.gradients;
    for (const [name, leaf] of named(gradient)) await expectClose(leaf, gradients[name]!, 1e-8);
  });
});

describe("closed forms", () => {
  test("a pixel of three slots, each channel a mixture of its own", async () => {
    const x = load([0.2, 0.5, 0.8], [1, 1, 1, 3]);
    const colors = load([0.25, 0.5, 0.7, 0.1, 0.6, 0.8, 0.9, 0.1, 0.3], [1, 3, 1, 1, 3]);
    const logits = load([0.3, -0.2, 0.1], [1, 3, 1, 1]);
    expect(await mixtureError({ colors, logits }, x, 0.1).item()).toBeCloseTo(-4.979994058, 9);
  });

  test("GECO: β rises with the error above the target, and stays below it", async () => {
    const target = -100;
    const run = async (error: number, steps: number) => {
      const { init, update, weight } = geco({ target, warmup: 3 });
      let state = init();
      const weights: number[] = [];
      for (let i = 0; i < steps; i++) {
        weights.push(await weight(state).item());
        state = update(state, np.array(error));
      }
      return { state, weights };
    };
    const above = await run(target + 10, 13); // three steps of warmup, one that begins, nine that move
    expect(await above.state.distance.item()).toBeCloseTo(-10, 5);
    expect(await above.state.beta.item()).toBeCloseTo(0.55 + 9e-5, 6);
    expect(above.weights.slice(0, 3)).toEqual([1, 1, 1]);
    expect(above.weights[3]).toBeCloseTo(1.0054924815, 6);
    const below = await run(target - 10, 8);
    expect(await below.state.beta.item()).toBeCloseTo(0.55, 6);
    // The first step has a moving average of 0 as value, and softplus(β) as slope.
    const { init, loss } = geco({ target, warmup: 0 });
    const of = (error: Tensor) => loss(init(), error, np.array(7));
    expect(await of(np.array(-90)).item()).toBeCloseTo(7, 6);
    expect(await grad(of)(np.array(-90)).item()).toBeCloseTo(1.0054924815, 6);
  });

  test("the target of Tetrominoes is below the least error, that of CLEVR6 is not", () => {
    const { tetrominoes, clevr6 } = efficientMorlPresets;
    expect(3 * 35 ** 2 * Math.log(0.3)).toBeCloseTo(-4424.6, 1);
    expect(tetrominoes.model.geco.target).toBeCloseTo(-4498.2, 1);
    expect(clevr6.model.geco.target).toBeGreaterThan(3 * 96 ** 2 * Math.log(0.1));
  });

  test("the curriculum names refinements by steps", async () => {
    const { curriculum } = efficientMorlPresets.clevr6.training;
    const at = (step: number) => refinementsAt(curriculum, np.array(step)).item();
    expect([await at(0), await at(99_999), await at(100_000)]).toEqual([3, 3, 1]);
  });
});

describe("whatever the weights are", () => {
  const image = () => random.uniform(random.key(3), [2, 4, 4, 3]);
  const applied = (options: EfficientMorlOptions, params?: EfficientMorlParams) => {
    const model = efficientMorl(options);
    const p = params ?? model.init(random.key(0));
    return jit((p: EfficientMorlParams) => {
      const { masks, terms, value } = model.apply(p, image(), random.key(0));
      return { masks, terms, lambda: value.lambda };
    })(p);
  };

  test("slots are equivariant in their noise, and K is not in the weights", async () => {
    const order = np.array(Int32Array.of(2, 0, 1));
    const noise = random.normal(random.key(1), [6, 2, 3, 2]);
    const later = random.normal(random.key(2), [2, 2, 3, 2]);
    const turn = (x: Tensor) => np.take(x, order, { axis: 2 });
    const one = applied({ ...small, level: withNoise(noise, later) });
    const other = applied({ ...small, level: withNoise(turn(noise), turn(later)) });
    await expectClose(np.take(one.masks, order, { axis: 1 }), other.masks, 1e-9);
    await expectClose(one.terms.divergence, other.terms.divergence, 1e-9);
    const more = applied({ ...small, slots: 5 }, efficientMorl(small).init(random.key(0)));
    expect(more.masks.shape).toEqual([2, 5, 4, 4]);
  });

  test("fewer refinements of the loss are those of a model with fewer", async () => {
    const lossOf = (iterations: number, refinements: number) => {
      const model = efficientMorl({ ...small, iterations });
      const params = model.init(random.key(0));
      return jit((p: EfficientMorlParams) =>
        model.loss(p, image(), random.key(0), { refinements })[0]
      )(params);
    };
    await expectClose(lossOf(2, 1), lossOf(1, 1), 1e-9);
  });

  test("adjoints: refinements alone, and the last step", async () => {
    const gradient = (adjoint: EfficientMorlOptions["adjoint"]) => {
      const model = efficientMorl({ ...small, iterations: 1, ...adjoint && { adjoint } });
      const params = model.init(random.key(0));
      return jit(grad((p: EfficientMorlParams) => model.loss(p, image(), random.key(0))[0]))(
        params,
      );
    };
    const [cut, last] = [gradient(truncated({ steps: 1 })), gradient(oneStep())];
    for (const { encoder, refiner, decoder } of [cut, last]) {
      for (const { weight } of [encoder.convs[0]!, refiner.mean, decoder.convs[0]!]) {
        const size = await np.max(np.abs(weight)).item();
        expect(size).toBeGreaterThan(1e-7);
        expect(size).toBeLessThan(Infinity);
      }
    }
  });
});

test("the original's presets are models", () => {
  for (const { model } of Object.values(efficientMorlPresets)) {
    expect(efficientMorl(model).level.objective).toBeTypeOf("function");
  }
});

test("what does not fit is refused with its cure", () => {
  const model = efficientMorl(small);
  const params = model.init(random.key(0));
  const of = (image: Tensor) => () => model.loss(params, image, random.key(0));
  expect(of(np.zeros([2, 5, 4, 3]))).toThrow(/efficientMorl: the image is/);
  expect(of(np.zeros([0, 4, 4, 3]))).toThrow(/the batch is empty/);
  expect(() => efficientMorl({ ...small, slots: 0 })).toThrow(/slots/);
  expect(() => efficientMorl({ ...small, decoder: { patch: 3 } })).toThrow(/patches of 3/);
  expect(() => efficientMorl({ ...small, decoder: { kernels: [] } })).toThrow(/convolutions/);
  expect(() => geco({ target: Infinity })).toThrow(/target/);
});

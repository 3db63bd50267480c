/** Slot attention and its systems against the official formulas in PyTorch, weights loaded by name. */
import { describe, expect, test } from "vitest";
import { np, random, setBackend, type Tensor, tree, unrolled, valueAndGrad } from "trilevel";
import {
  type DiscoveryOptions,
  objectDiscovery,
  type PropertyOptions,
  propertyPrediction,
  type SlotAttentionOptions,
} from "trilevel/models";
import fixtures from "../fixtures/slot-attention.json" with { type: "json" };

await setBackend("reference");

type DType = "float32" | "float64";
type Case = (typeof fixtures.cases)[keyof typeof fixtures.cases];

const parts = {
  slots: 3,
  slotSize: 6,
  mlpHidden: 8,
  iterations: 3,
  encoder: { channels: 4, kernel: 3, strides: [2, 1] },
} as const;
const discovery: DiscoveryOptions = {
  ...parts,
  resolution: [8, 8],
  decoder: { kind: "broadcast", channels: 4, strides: [2, 2] },
};
const properties: PropertyOptions = {
  ...parts,
  encoder: { ...parts.encoder, strides: [1, 2] },
  size: 5,
  hidden: 7,
};
const pixel = { kind: "pixel", channels: 4, layers: 2 } as const;

const load = (data: readonly number[], shape: readonly number[], dtype: DType) =>
  np.array(Float64Array.from(data), { shape, dtype });

/** `.slotAttention.mlp.layers[0].weight` is `slot_attention.mlp.layers.0.weight` in PyTorch. */
const torchName = (path: string) =>
  path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Leaves by the names that PyTorch gives them. */
function named<P>(params: P): [name: string, leaf: Tensor][] {
  const leaves = tree.flatten(params)[0] as Tensor[]; // parameters are trees of tensors
  return tree.paths(tree.structure(params)).map((path, i) => [torchName(path), leaves[i]!]);
}

function loadParams<P>(params: P, example: Case, dtype: DType): P {
  const given: Record<string, { shape: number[]; data: number[] }> = example.params;
  expect(named(params).map(([name]) => name).sort()).toEqual(Object.keys(given).sort());
  const leaves = named(params).map(([name, leaf]) => {
    expect(leaf.shape).toEqual(given[name]!.shape);
    return load(given[name]!.data, leaf.shape, dtype);
  });
  return tree.unflatten(tree.structure(params), leaves);
}

async function expectClose(got: Tensor, expected: readonly number[], tolerance: number) {
  const data = await got.data();
  expect(data.length).toBe(expected.length);
  const size = Math.max(1e-3, ...expected.map(Math.abs));
  data.forEach((x, i) => expect(Math.abs(x - expected[i]!) / size).toBeLessThan(tolerance));
}

describe.each([["float64", 1e-9], ["float32", 1e-4]] as const)("in %s", (dtype, tolerance) => {
  const image = load(fixtures.image, [2, 8, 8, 3], dtype);
  const targets = load(fixtures.targets, [2, 3, 5], dtype);
  const key = random.key(fixtures.key);
  const noise = load(fixtures.noise, [2, 3, 6], dtype);

  /** A key gives other noise in float32 than in float64: there, PyTorch's noise is put in its place. */
  const withNoise: Pick<SlotAttentionOptions, "level"> = dtype === "float64" ? {} : {
    level: (own) => ({
      ...own,
      init: ({ start }) =>
        "mu" in start ? start.mu.add(np.exp(start.logSigma).mul(noise)) : start.slots,
    }),
  };

  async function compare(
    example: Case,
    loss: Tensor,
    output: Record<string, unknown>,
    gradient: unknown,
  ) {
    await expectClose(loss, [example.loss], tolerance);
    for (const [name, expected] of Object.entries(example.outputs)) {
      await expectClose(output[name] as Tensor, expected, tolerance);
    }
    const expected: Record<string, number[]> = example.gradients;
    for (const [name, g] of named(gradient)) await expectClose(g, expected[name]!, tolerance);
  }

  // The systems differ in these lines only.
  const systems = {
    vanilla: { ...discovery, adjoint: unrolled() },
    implicit: discovery,
    pixel: { ...discovery, decoder: pixel },
  };
  test.each(Object.entries(systems))("%s object discovery", async (name, options) => {
    const example = fixtures.cases[name as keyof typeof systems];
    const model = objectDiscovery({ ...options, ...withNoise });
    const params = loadParams(model.init(random.key(0)), example, dtype);
    const [[loss, output], gradient] = valueAndGrad(model.loss, { hasAux: true })(
      params,
      image,
      key,
    );
    await compare(example, loss, output, gradient);
  });

  const predictors = {
    properties: { ...properties, adjoint: unrolled() },
    propertiesImplicit: properties,
  };
  test.each(Object.entries(predictors))("%s", async (name, options) => {
    const example = fixtures.cases[name as keyof typeof predictors];
    const model = propertyPrediction({ ...options, ...withNoise });
    const params = loadParams(model.init(random.key(0)), example, dtype);
    const [[loss, output], gradient] = valueAndGrad(model.loss, { hasAux: true })(
      params,
      image,
      targets,
      key,
    );
    await compare(example, loss, output, gradient);
  });
});

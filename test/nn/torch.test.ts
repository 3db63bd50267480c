/** Every layer against PyTorch in float64: values, and gradients in all parameters and inputs. */
import { expect, test } from "vitest";
import { grad, nn, np, setBackend, Tensor, tree } from "trilevel";
import fixtures from "../fixtures/nn.json" with { type: "json" };

await setBackend("reference");

type Nested = number | boolean | Nested[];
type Params = Record<string, Tensor>;
type Apply = (params: Params, ...inputs: Tensor[]) => Tensor | readonly Tensor[];

interface Case {
  readonly inputs: Nested[];
  readonly params: Record<string, Nested>;
  readonly outputs: Nested[];
  readonly weights: Nested[];
  readonly gradients: {
    readonly inputs: (Nested | null)[];
    readonly params: Record<string, Nested>;
  };
}

/** A layer whose parameters have the names of the fixture. */
// What parameters a layer takes is checked by running it.
// deno-lint-ignore no-explicit-any
const layer = (l: nn.Layer<any, any[], any>): Apply => (params, ...inputs) =>
  l.apply(params, ...inputs);
const activation = (f: nn.Activation): Apply => (_, x) => f(x!);
const loss = (f: (x: Tensor, y: Tensor) => Tensor): Apply => (_, x, y) => f(x!, y!);

const attention: Apply = (p, q, k, v, mask) => {
  const params = Object.fromEntries(
    ["query", "key", "value", "out"].map((name) => [
      name,
      { weight: p[`${name}Weight`], bias: p[`${name}Bias`] },
    ]),
  ) as unknown as nn.AttentionParams; // the four projections, by name
  return nn.multiHeadAttention({ size: 4, heads: 2 })
    .apply(params, q!, k!, v!, mask ? { mask } : {});
};

const layers: Record<keyof typeof fixtures.cases, Apply> = {
  linear: layer(nn.linear({ in: 3, out: 4 })),
  conv: layer(nn.conv({ in: 2, out: 3, kernel: [3, 2] })),
  convStride: layer(nn.conv({ in: 2, out: 2, kernel: 3, stride: [2, 1], padding: [1, 2] })),
  convSame: layer(nn.conv({ in: 2, out: 2, kernel: [3, 2], padding: "same", dilation: 2 })),
  convGroups: layer(nn.conv({ in: 4, out: 4, kernel: 3, groups: 2, padding: 1 })),
  conv1d: layer(nn.conv({ in: 2, out: 3, kernel: [3], stride: 2, padding: 1 })),
  convTranspose: layer(nn.convTranspose({ in: 2, out: 3, kernel: [3, 2] })),
  convTransposeStride: layer(
    nn.convTranspose({ in: 2, out: 1, kernel: 5, stride: 2, padding: 2, outputPadding: 1 }),
  ),
  convTransposeDilation: layer(
    nn.convTranspose({
      in: 2,
      out: 2,
      kernel: [3, 2],
      stride: [1, 3],
      padding: [1, 0],
      dilation: 2,
    }),
  ),
  convTranspose1d: layer(nn.convTranspose({ in: 2, out: 3, kernel: [3], stride: 2 })),
  layerNorm: layer(nn.layerNorm({ size: 4 })),
  layerNormTwoAxes: layer(nn.layerNorm({ size: [2, 3], eps: 1e-3 })),
  groupNorm: layer(nn.groupNorm({ groups: 2, channels: 4 })),
  gruCell: layer(nn.gruCell({ in: 3, hidden: 4 })),
  gruCellResetBefore: layer(nn.gruCell({ in: 3, hidden: 4, resetAfter: false })),
  lstmCell: (params, x, h, c) =>
    nn.lstmCell({ in: 3, hidden: 4 }).apply(params as unknown as nn.CellParams, x!, [h!, c!]),
  attention,
  attentionMask: attention,
  relu: activation(nn.relu),
  leakyRelu: activation(nn.leakyRelu),
  elu: activation(nn.elu),
  silu: activation(nn.silu),
  softplus: activation(nn.softplus),
  gelu: activation(nn.gelu),
  geluTanh: activation((x) => nn.gelu(x, { approximate: true })),
  sigmoid: activation(nn.sigmoid),
  tanh: activation(nn.tanh),
  softmax: activation(nn.softmax),
  logSoftmax: activation(nn.logSoftmax),
  mse: loss(nn.mse),
  huber: loss((x, y) => nn.huber(x, y, { delta: 0.5 })),
  huberSum: loss((x, y) => nn.huber(x, y, { reduction: "sum" })),
  crossEntropy: loss(nn.crossEntropy),
  crossEntropySoft: loss(nn.crossEntropy),
  embedding: layer(nn.embedding({ count: 3, size: 4 })),
  pixelShuffle: activation((x) => nn.pixelShuffle(x, 2)),
  resizeBilinear: activation((x) => nn.resize(x, [5, 3])),
  resizeNearest: activation((x) => nn.resize(x, [6, 5], { method: "nearest" })),
  resizeDown: activation((x) => nn.resize(x, [2, 3], { method: "nearest" })),
};

// The labels of the fixture are whole numbers, its masks booleans; all else is float64.
const integers = new Set(["crossEntropy.1", "embedding.0"]);
const isBoolean = (data: Nested): boolean =>
  Array.isArray(data) ? data.some(isBoolean) : typeof data === "boolean";
const load = (data: Nested, name: string): Tensor => {
  const dtype = isBoolean(data) ? "bool" : integers.has(name) ? "int32" : "float64";
  return np.array(data, { dtype });
};

async function expectClose(got: Tensor, expected: Nested) {
  const want = np.array(expected, { dtype: "float64" });
  expect(got.shape).toEqual(want.shape);
  const [a, b] = [await got.data(), await want.data()];
  const size = Math.max(1, ...b.map(Math.abs));
  a.forEach((x, i) => expect(Math.abs(x - b[i]!) / size).toBeLessThan(1e-12));
}

test.each(Object.entries(layers))("%s is PyTorch's", async (name, apply) => {
  const example = fixtures.cases[name as keyof typeof layers] as Case;
  const inputs = example.inputs.map((x, i) => load(x, `${name}.${i}`));
  const params = Object.fromEntries(
    Object.entries(example.params).map(([key, x]) => [key, load(x, key)]),
  );
  const run = (p: Params, xs: readonly Tensor[]) => {
    const y = apply(p, ...xs);
    return y instanceof Tensor ? [y] : y;
  };
  for (const [i, y] of run(params, inputs).entries()) await expectClose(y, example.outputs[i]!);

  const floats = inputs.filter((x) => x.dtype === "float64");
  const weighted = (p: Params, xs: readonly Tensor[]) => {
    let next = 0;
    const all = inputs.map((x) => x.dtype === "float64" ? xs[next++]! : x);
    return run(p, all)
      .map((y, i) => np.sum(y.mul(load(example.weights[i]!, "weights"))))
      .reduce((a, b) => a.add(b));
  };
  const [dParams, dInputs] = grad(weighted, { argnums: [0, 1] })(params, floats);
  for (const [key, g] of Object.entries(dParams)) {
    await expectClose(g, example.gradients.params[key]!);
  }
  const expected = example.gradients.inputs.filter((g) => g !== null);
  expect(tree.leaves<Tensor>(dInputs).length).toBe(expected.length);
  for (const [i, g] of dInputs.entries()) await expectClose(g, expected[i]!);
});

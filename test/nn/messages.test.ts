/** What is said to those who give a layer another shape than it takes, or parameters that are not its own. */
import { beforeAll, describe, expect, test } from "vitest";
import { jit, nn, np, random, setBackend, type Tensor } from "trilevel";
import { caught } from "../support/caught.ts";
import { answered, loose, type Mistake } from "../support/mistakes.ts";

beforeAll(() => setBackend("reference"));

const here = /messages\.test\.ts:\d+:\d+/;
const key = () => random.key(0);
const ones = (...shape: number[]) => np.ones(shape);

/** A layer applied to parameters of its own. */
const applied = (layer: nn.Layer<unknown>, ...shape: number[]) => () =>
  layer.apply(layer.init(key()), ones(...shape));

/** A layer, something that it takes, and the fields of its parameters. */
const layers: readonly [
  name: string,
  layer: nn.Layer<unknown, never[], unknown>,
  inputs: () => unknown[],
  fields: string,
][] = [
  ["linear", nn.linear({ in: 3, out: 4 }), () => [ones(2, 3)], "{ bias, weight }"],
  ["conv", nn.conv({ in: 3, out: 4, kernel: 3 }), () => [ones(1, 8, 8, 3)], "{ bias, weight }"],
  [
    "convTranspose",
    nn.convTranspose({ in: 3, out: 4, kernel: 3 }),
    () => [ones(1, 8, 8, 3)],
    "{ bias, weight }",
  ],
  ["layerNorm", nn.layerNorm({ size: 3 }), () => [ones(2, 3)], "{ bias, weight }"],
  ["groupNorm", nn.groupNorm({ groups: 1, channels: 3 }), () => [ones(2, 3)], "{ bias, weight }"],
  ["softPosition", nn.softPosition({ size: 3 }), () => [ones(1, 8, 8, 3)], "{ bias, weight }"],
  [
    "learnedPosition",
    nn.learnedPosition({ length: 9, size: 3 }),
    () => [ones(1, 8, 3)],
    "{ weight }",
  ],
  [
    "embedding",
    nn.embedding({ count: 3, size: 4 }),
    () => [np.zeros([2], { dtype: "int32" })],
    "{ weight }",
  ],
  [
    "gruCell",
    nn.gruCell({ in: 3, hidden: 4 }),
    () => [ones(2, 3), ones(2, 4)],
    "{ biasHh, biasIh, weightHh, weightIh }",
  ],
  [
    "lstmCell",
    nn.lstmCell({ in: 3, hidden: 4 }),
    () => [ones(2, 3), [ones(2, 4), ones(2, 4)]],
    "{ biasHh, biasIh, weightHh, weightIh }",
  ],
  [
    "multiHeadAttention",
    nn.multiHeadAttention({ size: 4, heads: 2 }),
    () => [ones(1, 3, 4), ones(1, 5, 4), ones(1, 5, 4)],
    "{ key, out, query, value }",
  ],
  ["mlp", nn.mlp({ sizes: [3, 4, 5] }), () => [ones(2, 3)], "a list of 2"],
  ["sequential", nn.sequential(nn.relu, nn.relu, nn.relu), () => [ones(2, 3)], "a list of 3"],
];

describe.each(layers)("%s, given for parameters", (name, layer, inputs, fields) => {
  const { init, apply } = loose(layer);
  const says = (what: string) =>
    new RegExp(
      `^nn\\.${name}: the parameters are ${what}, not ${fields}$`.replace(/[{}]/g, "\\$&"),
    );
  const hint = /layer\.apply\(params, x\)/;
  answered([
    ["nothing", () => apply(undefined, ...inputs()), says("undefined"), hint],
    ["the input", () => apply(...inputs(), init(key())), says(".*\\[.*\\]"), hint],
    [
      "those of other libraries",
      () => apply({ kernel: ones(3) }, ...inputs()),
      says("{ kernel }"),
      hint,
    ],
  ], here);

  test("its own, takes them", () => {
    expect(() => apply(init(key()), ...inputs())).not.toThrow();
  });
});

describe("an input's shape", () => {
  const linear = nn.linear({ in: 3, out: 4 });
  const conv = nn.conv({ in: 3, out: 8, kernel: 3 });
  const sequence = nn.conv({ in: 3, out: 8, kernel: [3] });
  const gru = nn.gruCell({ in: 3, hidden: 4 });
  const heads = nn.multiHeadAttention({ size: 8, heads: 2, keySize: 6 });
  const between = nn.sequential(nn.linear({ in: 3, out: 8 }), nn.linear({ in: 7, out: 1 }));
  const size = /the size that the layer was made for/;
  const channels = /channels come last.*expandDims/;
  const images = (name: string, given: string) =>
    new RegExp(
      `^nn\\.${name}: the input is float32\\[${given}\\], not \\[batch, height, width, 3\\]$`,
    );
  answered([
    [
      "linear",
      applied(linear, 2, 5),
      /^nn\.linear: the input is float32\[2,5\], not \[…, 3\]$/,
      size,
    ],
    ["linear, a scalar", applied(linear), /float32\[\], not \[…, 3\]/, size],
    [
      "linear, a list",
      () => linear.apply(linear.init(key()), loose([1, 2, 3])),
      /a list of 3/,
      size,
    ],
    ["linear, nothing", () => loose(linear).apply(linear.init(key())), /undefined, not \[…/, size],
    ["mlp", applied(nn.mlp({ sizes: [3, 4] }), 5, 4), /nn\.mlp: the input of layer 0 is/, size],
    [
      "sequential",
      applied(between, 5, 3),
      /nn\.linear: the input is float32\[5,8\], not \[…, 7\]/,
      size,
    ],
    ["conv, one image", applied(conv, 8, 8, 3), images("conv", "8,8,3"), channels],
    ["conv, no channels", applied(conv, 8, 8), images("conv", "8,8"), channels],
    ["conv, channels first", applied(conv, 1, 3, 8, 8), images("conv", "1,3,8,8"), channels],
    ["conv, a video", applied(conv, 1, 2, 8, 8, 3), images("conv", "1,2,8,8,3"), channels],
    [
      "convTranspose, grey",
      applied(nn.convTranspose({ in: 3, out: 8, kernel: 3 }), 1, 8, 8, 1),
      images("convTranspose", "1,8,8,1"),
      channels,
    ],
    [
      "conv along a sequence",
      applied(sequence, 8, 3),
      /\[8,3\], not \[batch, length, 3\]/,
      channels,
    ],
    [
      "conv, smaller than its window",
      applied(conv, 1, 2, 8, 3),
      /nn\.conv: the window \[3, 3\] is larger than the input float32\[1,2,8,3\]/,
      /padding/,
    ],
    [
      "layerNorm",
      applied(nn.layerNorm({ size: 4 }), 2, 3),
      /nn\.layerNorm: .*\[2,3\], not \[…, 4\]/,
      size,
    ],
    [
      "layerNorm, stretched",
      applied(nn.layerNorm({ size: [2, 4] }), 2, 1),
      /\[2,1\], not \[…, 2, 4\]/,
      size,
    ],
    [
      "layerNorm without parameters",
      applied(nn.layerNorm({ size: 4, affine: false }), 2, 3),
      /\[2,3\], not \[…, 4\]/,
      size,
    ],
    [
      "groupNorm",
      applied(nn.groupNorm({ groups: 2, channels: 4 }), 1, 8, 8, 6),
      /nn\.groupNorm: .*\[1,8,8,6\], not \[batch, …, 4\]/,
      size,
    ],
    [
      "groupNorm, one sample",
      applied(nn.groupNorm({ groups: 2, channels: 4 }), 4),
      /\[4\], not \[batch, …, 4\]/,
      size,
    ],
    [
      "softPosition, stretched",
      applied(nn.softPosition({ size: 16 }), 1, 8, 8, 1),
      /nn\.softPosition: .*\[1,8,8,1\], not \[…, height, width, 16\]/,
      size,
    ],
    [
      "learnedPosition",
      applied(nn.learnedPosition({ length: 8, size: 16 }), 16),
      /nn\.learnedPosition: .*\[16\], not \[…, n, 16\]/,
      size,
    ],
    [
      "gruCell",
      () => gru.apply(gru.init(key()), ones(2, 5), ones(2, 4)),
      /nn\.gruCell: x is float32\[2,5\], not \[…, 3\]/,
      size,
    ],
    [
      "gruCell's state",
      () => gru.apply(gru.init(key()), ones(2, 3), ones(2, 5)),
      /nn\.gruCell: h is float32\[2,5\], not \[…, 4\]/,
      size,
    ],
    [
      "gruCell without a state",
      () => loose(gru).apply(gru.init(key()), ones(2, 3)),
      /nn\.gruCell: h is undefined/,
      size,
    ],
    [
      "gruCell, parameters of an LSTM",
      () => gru.apply(nn.lstmCell({ in: 3, hidden: 4 }).init(key()), ones(2, 3), ones(2, 4)),
      /nn\.gruCell: weightHh is float32\[16,4\], not \[12, 4\]/,
      size,
    ],
    [
      "lstmCell, half a state",
      () => {
        const lstm = nn.lstmCell({ in: 3, hidden: 4 });
        return lstm.apply(lstm.init(key()), ones(2, 3), loose(ones(2, 4)));
      },
      /nn\.lstmCell: the state is float32\[2,4\], not a list of 2/,
      /\[h, c\]/,
    ],
    [
      "multiHeadAttention's keys",
      () => heads.apply(heads.init(key()), ones(1, 5, 8), ones(1, 5, 8), ones(1, 5, 6)),
      /nn\.multiHeadAttention: the keys are float32\[1,5,8\], not \[…, keys, 6\]/,
      size,
    ],
    [
      "multiHeadAttention without values",
      () => loose(heads).apply(heads.init(key()), ones(1, 5, 8), ones(1, 5, 6)),
      /the values are undefined/,
      size,
    ],
    ["resize", () => nn.resize(ones(8, 8, 3), [4, 4]), /\[8,8,3\], not \[batch, height/, channels],
  ], here);

  test("is told while a program is traced", () => {
    const params = linear.init(key());
    expect(caught(() => jit((x: Tensor) => linear.apply(params, x))(ones(2, 5))).message)
      .toMatch(/nn\.linear: the input is float32\[2,5\], not \[…, 3\]/);
  });
});

describe("losses", () => {
  const { crossEntropy, huber, mse } = loose(nn);
  const labels = (...shape: number[]) => np.ones(shape, { dtype: "int32" });
  const reshape = /target\.reshape\(prediction\.shape\)/;
  const either = /int32 labels \[5\], or a distribution \[5, 3\]/;
  const mistakes: Mistake[] = [
    [
      "a column for a vector",
      () => mse(ones(5, 1), ones(5)),
      /nn\.mse: the prediction float32\[5,1\] and the target float32\[5\] give \[5, 5\] errors/,
      reshape,
    ],
    [
      "a vector for a column",
      () => huber(ones(5), ones(5, 1)),
      /nn\.huber: .* \[5, 5\] errors/,
      reshape,
    ],
    ["labels of a column", () => crossEntropy(ones(5, 3), labels(5, 1)), /int32\[5,1\]/, either],
    ["labels that are floats", () => crossEntropy(ones(5, 3), ones(5)), /float32\[5\]/, either],
    ["labels of another batch", () => crossEntropy(ones(5, 3), labels(4)), /int32\[4\]/, either],
    [
      "an unknown reduction",
      () => mse(ones(5), ones(5), { reduction: "avg" }),
      /nn\.mse: `reduction` must be one of "mean", "sum", "none", got "avg"/,
      /reduction: "mean"/,
    ],
    [
      "a reduction by place",
      () => mse(ones(5), ones(5), "sum"),
      /an object, got "sum"/,
      /reduction: "sum"/,
    ],
    [
      "delta by place",
      () => huber(ones(5), ones(5), 0.5),
      /nn\.huber: .* 0\.5/,
      /\{ delta: 0\.5 \}/,
    ],
    [
      "no count of classes",
      () => loose(nn).oneHot(labels(4)),
      /nn\.oneHot: count is undefined/,
      /whole/,
    ],
  ];
  answered(mistakes, here);

  test("may have a target that is stretched to the prediction, and pairs without a reduction", () => {
    expect(nn.mse(ones(5, 3), ones(3)).shape).toEqual([]);
    expect(nn.huber(ones(5, 1), ones(5), { reduction: "none" }).shape).toEqual([5, 5]);
    expect(nn.crossEntropy(ones(5, 3), ones(3)).shape).toEqual([]);
  });
});

describe("options", () => {
  const { attention, conv, dropout, gelu, logSoftmax, resize, sequential, softmax } = loose(nn);
  const size = { in: 3, out: 4, kernel: 3 };
  const heads = loose(nn.multiHeadAttention({ size: 8, heads: 2 }));
  const x = () => ones(1, 5, 8);
  answered([
    [
      "an axis by place",
      () => softmax(x(), 0),
      /nn\.softmax: the options must be an object, got 0/,
      /axis: 0/,
    ],
    ["an axis by place", () => logSoftmax(x(), 0), /nn\.logSoftmax: .* got 0/, /axis: 0/],
    ["an approximation by place", () => gelu(x(), true), /nn\.gelu: .* true/, /approximate: true/],
    [
      "a mask by place",
      () => attention(x(), x(), x(), nn.causalMask(5)),
      /nn\.attention: .* an object, got bool\[5,5\]$/,
      /\{ mask: /,
    ],
    [
      "a mask by place",
      () => heads.apply(heads.init(key()), x(), x(), x(), nn.causalMask(5)),
      /nn\.multiHeadAttention\.apply: .* an object, got bool\[5,5\]$/,
      /\{ mask: /,
    ],
    [
      "a mask to be added",
      () => attention(x(), x(), x(), { mask: np.full([5, 5], -Infinity) }),
      /nn\.attention: the mask is float32\[5,5\]/,
      /true where a query may look/,
    ],
    [
      "a rate that is a key",
      () => dropout(x(), 0.5, key()),
      /the rate is uint32\[2\]/,
      /dropout\(key, x, 0\.1\)/,
    ],
    [
      "one size",
      () => resize(ones(1, 8, 8, 3), 4),
      /`size` must be a list of 2, .* got 4$/,
      /\[1, 1\]/,
    ],
    [
      "an unknown method",
      () => resize(ones(1, 8, 8, 3), [4, 4], { method: "cubic" }),
      /one of "bilinear", "nearest", got "cubic"/,
      /method: "bilinear"/,
    ],
    [
      "a list of stages",
      () => sequential([nn.relu]),
      /nn\.sequential: stage 0 is a list of 1/,
      /\.\.\.list/,
    ],
    [
      "a padding of another library",
      () => conv({ ...size, padding: "SAME" }),
      /nn\.conv: `padding` must be .* got "SAME"/,
      /"same"/,
    ],
    [
      "one stride for two axes",
      () => conv({ ...size, stride: [2] }),
      /stride is a list of 1/,
      /of 2/,
    ],
    ["no kernel", () => conv({ in: 3, out: 4 }), /nn\.conv: `kernel` is missing/, /kernel: 1/],
    ["no stage", () => sequential(nn.relu, undefined), /stage 1 is undefined/, /one by one/],
  ], here);
});

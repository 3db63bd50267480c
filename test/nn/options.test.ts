/** What layers, losses and activations say to options that are none. */
import { describe } from "vitest";
import { nn, np, random, setBackend } from "trilevel";
import { answered, loose } from "../support/mistakes.ts";
import { type Calls, lookAtOptions } from "../support/options.ts";

await setBackend("reference"); // before the operands below are made

const x = np.ones([2, 4]);
const heads4 = np.ones([1, 3, 2, 4]);
const image = np.ones([1, 4, 4, 2]);
const labels = np.array([1, 0], { dtype: "int32" });

const functions: Calls<typeof nn> = {
  attention: [x, x, x],
  attentionWeights: [x, x],
  batchNorm: { operands: [], options: { channels: 4 } },
  conv: { operands: [], options: { in: 2, out: 4, kernel: 3 } },
  convTranspose: { operands: [], options: { in: 2, out: 4, kernel: 3 } },
  crossEntropy: [x, labels],
  dotProductAttention: [heads4, heads4, heads4],
  embedding: { operands: [], options: { count: 3, size: 4 } },
  gelu: [x],
  glu: [x],
  groupNorm: { operands: [], options: { groups: 2, channels: 4 } },
  gruCell: { operands: [], options: { in: 3, hidden: 4 } },
  huber: [x, x],
  layerNorm: { operands: [], options: { size: 4 } },
  learnedPosition: { operands: [], options: { length: 5, size: 4 } },
  linear: { operands: [], options: { in: 3, out: 4 } },
  logSoftmax: [x],
  logmeanexp: [x],
  lstmCell: { operands: [], options: { in: 3, hidden: 4 } },
  mlp: { operands: [], options: { sizes: [3, 4] } },
  mse: [x, x],
  multiHeadAttention: { operands: [], options: { size: 4, heads: 2 } },
  oneHot: [labels, 3],
  resize: [image, [8, 8]],
  rmsNorm: { operands: [], options: { size: 4 } },
  softPosition: { operands: [], options: { size: 4 } },
  softmax: [x],
  standardize: [x],
  transformerBlock: { operands: [], options: { size: 4, heads: 2 } },
};
lookAtOptions("nn", nn, functions);

const sequence = np.ones([1, 5, 3]);
const short = np.ones([1, 2], { dtype: "int32" });
const pads = [np.zeros([1, 5]), np.zeros([1, 2])] as const;

const losses: Calls<typeof nn.losses> = {
  convexKlDivergence: [x, x],
  cosineDistance: [x, x],
  cosineSimilarity: [x, x],
  ctcLoss: [sequence, pads[0], short, pads[1]],
  ctcLossWithForwardProbs: [sequence, pads[0], short, pads[1]],
  generalizedKlDivergence: [x, x],
  huberLoss: [x, x],
  klDivergence: [x, x],
  klDivergenceWithLogTargets: [x, x],
  ntxent: [x, labels],
  polyLossCrossEntropy: [x, x],
  sigmoidFocalLoss: [x, x],
  smoothLabels: [x, 0.5],
  softmaxCrossEntropy: [x, x],
  softmaxCrossEntropyWithIntegerLabels: [x, labels],
  tripletMarginLoss: [x, x, x],
};
lookAtOptions("nn.losses", nn.losses, losses);

const initializers: Calls<typeof nn.initializers> = {
  kaimingNormal: [],
  kaimingUniform: [],
  varianceScaling: [],
};
lookAtOptions("nn.initializers", nn.initializers, initializers);

const heads = nn.multiHeadAttention({ size: 4, heads: 2 });
lookAtOptions("nn.multiHeadAttention(…)", heads, {
  apply: [heads.init(random.key(0)), x, x, x],
});

const norm = nn.batchNorm({ channels: 4 });
lookAtOptions("nn.batchNorm(…)", norm, {
  apply: {
    operands: [norm.init(random.key(0)), norm.initStats(), x],
    options: { training: true },
  },
});
const block = nn.transformerBlock({ size: 4, heads: 2 });
lookAtOptions("nn.transformerBlock(…)", block, { apply: [block.init(random.key(0)), x] });

describe("options", () => {
  answered([
    [
      "the size of another normalization",
      () => nn.groupNorm(loose({ groups: 2, size: 8 })),
      /^nn\.groupNorm: no option is named `size`$/,
      /it takes \{ groups, channels, eps, affine \}/,
    ],
    [
      "channels of another normalization",
      () => nn.layerNorm(loose({ channels: 8 })),
      /^nn\.layerNorm: no option is named `channels`$/,
      /it takes \{ size, eps, affine \}/,
    ],
    ["no sizes", () => nn.linear(loose({ in: 3 })), /^nn\.linear: `out` is missing/, /out: 1/],
    ["no options", () => loose(nn.linear)(3, 4), /^nn\.linear: .* got 3$/, /in: 3, out: 1/],
    [
      "channels that groups do not divide",
      () => nn.conv({ in: 3, out: 4, kernel: 3, groups: 2 }),
      /^nn\.conv: 3 channels .* 2 groups$/,
      /divides both/,
    ],
  ], /options\.test\.ts:\d+:\d+/);
});

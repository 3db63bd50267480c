/** What the array language says to those who give a shape, a count or options that are none. */
import { describe, expect, test } from "vitest";
import { np, setBackend, type Tensor } from "trilevel";
import { answered, loose } from "../support/mistakes.ts";
import { type Calls, lookAtOptions } from "../support/options.ts";

await setBackend("reference"); // before the operands below are made

const here = /messages\.test\.ts:\d+:\d+/;

describe("shapes and counts", () => {
  const sizes = /a list of sizes, \[2, 3\], or one number/;
  const whole = /a whole number, 0 or more/;
  answered([
    ["no shape", () => loose(np.zeros)(), /^zeros: the shape is undefined$/, sizes],
    ["a shape of text", () => np.ones(loose("2")), /^ones: the shape is the string "2"$/, sizes],
    ["a tensor as shape", () => np.full(loose(np.ones(2)), 7), /^full: .* is a Tensor$/, sizes],
    ["a shape by name", () => np.zeros(loose({ shape: [2] })), /is an object$/, sizes],
    ["a size of text", () => np.zeros(loose(["2"])), /shape is the string "2"$/, whole],
    ["a nested shape", () => np.zeros(loose([[2, 3]])), /shape is a list of 2$/, whole],
    ["half a size", () => np.zeros([0.5]), /shape is 0\.5$/, whole],
    ["no classes", () => loose(np.oneHot)(1), /^oneHot: the classes is undefined$/, whole],
    ["no width", () => np.linspace(0, 1, loose("5")), /count is the string "5"$/, whole],
  ], here);
});

const x = np.ones([4, 4]);
const v = np.ones([4]);
const index = np.array([1, 0], { dtype: "int32" });

/** All that stands before the options. */
const functions: Calls<typeof np> = {
  all: [x],
  allclose: [x, x],
  amax: [x],
  amin: [x],
  angle: [x],
  any: [x],
  append: [x, v],
  arange: [0, 4, 1],
  argmax: [x],
  argmin: [x],
  argpartition: [x, 1],
  argsort: [x],
  argwhere: { operands: [x], options: { size: 2 } },
  array: [[1, 2]],
  arraySplit: [x, 2],
  asarray: [[1, 2]],
  average: [x],
  avgPool: [np.ones([1, 4, 4, 1]), [2, 2]],
  bincount: { operands: [index], options: { length: 2 } },
  choose: [index, [v.slice([0, 2]), 1]],
  compress: { operands: [v, x], options: { size: 2 } },
  concat: [[x, x]],
  concatenate: [[x, x]],
  convGeneralDilated: [np.ones([1, 4, 4, 1]), np.ones([2, 2, 1, 1])],
  convGeneralDilatedPatches: [np.ones([1, 4, 4, 1]), [2, 2]],
  convTranspose: [np.ones([1, 4, 4, 1]), np.ones([2, 2, 1, 1])],
  convolve: [v, v],
  corrcoef: [x],
  correlate: [v, v],
  countNonzero: [x],
  cov: [x],
  cross: [np.ones([3]), np.ones([3])],
  cummax: [x],
  cummin: [x],
  cumprod: [x],
  cumsum: [x],
  cumulativeProd: [v],
  cumulativeSum: [v],
  delete: [x, 1],
  deleteAt: [x, 1],
  diag: [x],
  diagflat: [x],
  diagonal: [x],
  diff: [x],
  digitize: [x, v],
  ediff1d: [x],
  empty: [[2]],
  emptyLike: [x],
  extract: { operands: [x, x], options: { size: 2 } },
  eye: [2, 2],
  flatnonzero: { operands: [x], options: { size: 2 } },
  fromfunction: [np.add, [2, 2]],
  fromData: { operands: [new Float32Array(2)], options: { dtype: "float32", shape: [2] } },
  full: [[2], 7],
  fullLike: [x, 7],
  geomspace: [1, 8, 4],
  gradient: [x],
  histogram: [x],
  histogram2d: [v, v],
  histogramBinEdges: [x],
  histogramdd: [x],
  identity: [2],
  indices: [[2, 2]],
  insert: [x, 1, 1],
  interp: [v, v, v],
  intersect1d: { operands: [x, v], options: { size: 2 } },
  isclose: [x, x],
  isin: [x, v],
  lexsort: [[v, v]],
  linspace: [0, 1, 3],
  logSoftmax: [x],
  logspace: [0, 1, 3],
  logsumexp: [x],
  maskIndices: { operands: [3, np.triu], options: { size: 2 } },
  max: [x],
  maxPool: [np.ones([1, 4, 4, 1]), [2, 2]],
  mean: [x],
  median: [x],
  meshgrid: [[v, v]],
  min: [x],
  minPool: [np.ones([1, 4, 4, 1]), [2, 2]],
  nanToNum: [x],
  nanargmax: [x],
  nanargmin: [x],
  nancumprod: [x],
  nancumsum: [x],
  nanmax: [x],
  nanmean: [x],
  nanmedian: [x],
  nanmin: [x],
  nanpercentile: [x, 50],
  nanprod: [x],
  nanquantile: [x, 0.5],
  nanstd: [x],
  nansum: [x],
  nanvar: [x],
  nonzero: { operands: [x], options: { size: 2 } },
  oneHot: [index, 3],
  ones: [[2]],
  onesLike: [x],
  packbits: [index],
  pad: [x, 1],
  partition: [x, 1],
  percentile: [x, 50],
  polyfit: [v, v, 1],
  polyint: [v],
  prod: [x],
  ptp: [x],
  put: [x, index, 1],
  putAlongAxis: [x, np.zeros([4, 1], { dtype: "int32" }), 1],
  quantile: [x, 0.5],
  ravelMultiIndex: [[index, index], [2, 2]],
  repeat: [x, 2],
  roll: [x, 1],
  rot90: [x, 1],
  reduceWindow: [x, 0, np.add, [1, 1]],
  searchsorted: [v, v],
  setdiff1d: { operands: [x, v], options: { size: 2 } },
  setxor1d: { operands: [x, v], options: { size: 2 } },
  softmax: [x],
  sort: [x],
  sortKeyVal: [x, x],
  split: [x, 2],
  stack: [[x, x]],
  std: [x],
  sum: [x],
  take: [x, index],
  takeAlongAxis: [x, np.zeros([4, 1], { dtype: "int32" })],
  tensordot: [x, x],
  topK: [x, 1],
  trace: [x],
  trapezoid: [x],
  tri: [2, 2],
  tril: [x],
  trilIndices: [3],
  trilIndicesFrom: [x],
  triu: [x],
  triuIndices: [3],
  triuIndicesFrom: [x],
  union1d: { operands: [x, v], options: { size: 2 } },
  unique: { operands: [x], options: { size: 2 } },
  uniqueAll: { operands: [x], options: { size: 2 } },
  uniqueCounts: { operands: [x], options: { size: 2 } },
  uniqueInverse: { operands: [x], options: { size: 2 } },
  uniqueValues: { operands: [x], options: { size: 2 } },
  unpackbits: [index],
  unstack: [x],
  unwrap: [x],
  vander: [v, 2],
  var: [x],
  variance: [x],
  vecdot: [x, x],
  vectorize: [np.add],
  zeros: [[2]],
  zerosLike: [x],
};

const linalg: Calls<typeof np.linalg> = {
  choFactor: [np.eye(2)],
  luSolve: [[np.eye(2), np.arange(2).astype("int32")], np.ones([2])],
  cond: [x],
  lstsq: [x, v],
  matrixNorm: [x],
  matrixRank: [x],
  norm: [x],
  pinv: [x],
  tensorinv: [np.ones([2, 2, 4])],
  tensorsolve: [np.ones([2, 2, 2, 2]), np.ones([2, 2])],
  triangularSolve: [x, v],
  vectorNorm: [x],
};

const methods: Calls<Tensor> = {
  all: [],
  any: [],
  argmax: [],
  argmin: [],
  argsort: [],
  cumprod: [],
  cumsum: [],
  max: [],
  mean: [],
  min: [],
  prod: [],
  sort: [],
  std: [],
  sum: [],
  take: [index],
  var: [],
};

const places: Calls<np.Place> = {
  add: [1],
  apply: [(t: Tensor) => t],
  divide: [1],
  get: [],
  max: [1],
  min: [1],
  multiply: [1],
  power: [1],
  set: [1],
  subtract: [1],
};

const fft: Calls<typeof np.fft> = {
  fft: [x],
  fft2: [x],
  fftfreq: [4],
  fftn: [x],
  fftshift: [x],
  hfft: [x],
  ifft: [x],
  ifft2: [x],
  ifftn: [x],
  ifftshift: [x],
  ihfft: [x],
  irfft: [x],
  irfft2: [x],
  irfftn: [x],
  rfft: [x],
  rfft2: [x],
  rfftfreq: [4],
  rfftn: [x],
};

lookAtOptions("np", np, functions);
lookAtOptions("np.fft", np.fft, fft);
lookAtOptions("np.linalg", np.linalg, linalg);
lookAtOptions("x", x, methods);
lookAtOptions("x.at(0)", x.at(0), places);

describe("options", () => {
  answered([
    [
      "an axis apart",
      () => np.concatenate([x, x], loose(1)),
      /an object, got 1$/,
      /\(xs, \{ axis: 1 \}\)$/,
    ],
    [
      "axes for axis",
      () => np.sum(x, loose({ axes: 0 })),
      /^np\.sum: .* `axes`$/,
      /did you mean `axis`\?/,
    ],
    [
      "keepDims",
      () => x.mean(loose({ axis: 0, keepDims: true })),
      /^np\.mean: .* `keepDims`$/,
      /keepdims/,
    ],
    [
      "two lists apart",
      () => loose(np.concatenate)(x, x),
      /an object, got float32\[4,4\]$/,
      /\(xs, /,
    ],
    ["a type apart", () => loose(np.arange)(4, "int32"), /^np\.arange: .* got "int32"$/, /dtype: /],
    ["a count apart", () => loose(np.arange)(0, 4, { type: "int32" }), /named `type`$/, /dtype/],
    [
      "a method of others",
      () => np.median(x, loose({ method: "lower" })),
      /named `method`$/,
      /axis/,
    ],
    [
      "a mode that nobody has",
      () => np.pad(x, 2, loose({ mode: "zeros" })),
      /^np\.pad: `mode` must be one of "constant", .*, got "zeros"$/,
      /np\.pad\(x, width, \{ mode: "constant" \}\)/,
    ],
    [
      "a mode of reading",
      () => x.at(0).set(1, loose({ mode: "wrap" })),
      /set: `mode` .* "wrap"$/,
      /mode: "drop"/,
    ],
    [
      "half a quarter",
      () => np.rot90(x, 0.5),
      /^np\.rot90: `quarters` .* 0\.5$/,
      /np\.rot90\(x, 1\)/,
    ],
    [
      "a side with a capital",
      () => np.searchsorted(v, v, loose({ side: "Right" })),
      /got "Right"$/,
      /side: "right"/,
    ],
    [
      "options for none",
      () => loose(np.sin)(x, { dtype: "float64" }),
      /^np\.sin: it takes 1 argument, and no options; after them it got \{ dtype \}$/,
      /np\.sin\(x\)/,
    ],
    [
      "tensors that are no list",
      () => loose(np.vstack)(v, v),
      /^np\.vstack: it takes 1 argument, .* float32\[4\]$/,
      /np\.vstack\(xs\)/,
    ],
  ], here);

  test("are not what callbacks get from arrays", () => {
    expect([v, v].map(np.negative)).toHaveLength(2);
    expect([v, v, v].reduce(np.add).shape).toEqual([4]);
  });

  test("stand by a function that takes them, also behind operands left out", () => {
    expect(np.arange(3, { dtype: "float64" }).dtype).toBe("float64");
    expect(np.arange(1, 3, { dtype: "float64" }).shape).toEqual([2]);
    expect(np.linspace(0, 1, undefined, { endpoint: false }).shape).toEqual([50]);
  });
});

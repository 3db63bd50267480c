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
  allclose: [x, x],
  all: [x],
  any: [x],
  arange: [0, 4, 1],
  argmax: [x],
  argmin: [x],
  argsort: [x],
  array: [[1, 2]],
  arraySplit: [x, 2],
  asarray: [[1, 2]],
  average: [x],
  avgPool: [np.ones([1, 4, 4, 1]), [2, 2]],
  concat: [[x, x]],
  concatenate: [[x, x]],
  convGeneralDilated: [np.ones([1, 4, 4, 1]), np.ones([2, 2, 1, 1])],
  convTranspose: [np.ones([1, 4, 4, 1]), np.ones([2, 2, 1, 1])],
  countNonzero: [x],
  cummax: [x],
  cummin: [x],
  cumprod: [x],
  cumsum: [x],
  diag: [x],
  diagonal: [x],
  diff: [x],
  eye: [2, 2],
  full: [[2], 7],
  fullLike: [x, 7],
  identity: [2],
  isclose: [x, x],
  linspace: [0, 1, 3],
  logSoftmax: [x],
  logspace: [0, 1, 3],
  logsumexp: [x],
  max: [x],
  maxPool: [np.ones([1, 4, 4, 1]), [2, 2]],
  mean: [x],
  median: [x],
  meshgrid: [[v, v]],
  min: [x],
  minPool: [np.ones([1, 4, 4, 1]), [2, 2]],
  nanToNum: [x],
  nanmean: [x],
  nansum: [x],
  oneHot: [index, 3],
  ones: [[2]],
  onesLike: [x],
  pad: [x, 1],
  prod: [x],
  ptp: [x],
  quantile: [x, 0.5],
  repeat: [x, 2],
  roll: [x, 1],
  rot90: [x, 1],
  searchsorted: [v, v],
  softmax: [x],
  sort: [x],
  split: [x, 2],
  stack: [[x, x]],
  std: [x],
  sum: [x],
  take: [x, index],
  takeAlongAxis: [x, np.zeros([4, 1], { dtype: "int32" })],
  tensordot: [x, x],
  trace: [x],
  tri: [2, 2],
  tril: [x],
  triu: [x],
  var: [x],
  variance: [x],
  vecdot: [x, x],
  zeros: [[2]],
  zerosLike: [x],
};

const linalg: Calls<typeof np.linalg> = {
  cond: [x],
  lstsq: [x, v],
  matrixRank: [x],
  norm: [x],
  pinv: [x],
  triangularSolve: [x, v],
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
  get: [],
  max: [1],
  min: [1],
  multiply: [1],
  set: [1],
};

lookAtOptions("np", np, functions);
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
      "a mode of NumPy",
      () => np.pad(x, 2, loose({ mode: "maximum" })),
      /^np\.pad: `mode` must be one of "constant", .*, got "maximum"$/,
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
      /^np\.sin: it takes 1 argument, and no options; behind them it got \{ dtype \}$/,
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

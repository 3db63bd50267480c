/** What is said to those who mix up gradients, state and parameters, or take those of another model. */
import { beforeAll, describe, expect, test } from "vitest";
import { jit, np, optim, setBackend, valueAndGrad } from "trilevel";
import { caught } from "../support/caught.ts";
import { answered, loose } from "../support/mistakes.ts";

beforeAll(() => setBackend("reference"));

const here = /messages\.test\.ts:\d+:\d+/;
const params = () => ({ w: np.ones([2, 3]), b: np.zeros([3]) });
const single = () => ({ v: np.ones([2]) });

/** Every transformation that keeps a state, and the fields of it. */
const stateful: readonly [name: string, optim.GradientTransformation, fields: string][] = [
  ["trace", optim.trace(0.9), "{ trace }"],
  ["scaleByAdam", optim.scaleByAdam(), "{ count, mu, nu }"],
  ["scaleByRms", optim.scaleByRms(), "{ count, mu, nu }"],
  ["scaleBySchedule", optim.scaleBySchedule(optim.constantSchedule(1)), "{ count }"],
  ["ema", optim.ema(0.9), "{ count, ema }"],
  [
    "multiSteps",
    optim.multiSteps(optim.sgd(1), 2),
    "{ accumulated, gradientStep, inner, miniStep }",
  ],
  ["reduceOnPlateau", optim.reduceOnPlateau(), "{ avgValue, bestValue, cooldownCount, "],
  ["scaleByRss", optim.scaleByRss(), "{ sumOfSquares }"],
  ["scaleBySm3", optim.scaleBySm3(), "{ bounds, nu }"],
  ["scaleByRadam", optim.scaleByRadam(), "{ count, mu, nu }"],
  ["scaleByYogi", optim.scaleByYogi(), "{ count, mu, nu }"],
  ["scaleByAdan", optim.scaleByAdan(), "{ count, g, m, n, v }"],
  ["scaleByFactoredRms", optim.scaleByFactoredRms(), "{ count, v, vCol, vRow }"],
  ["scaleByLion", optim.scaleByLion(), "{ count, mu }"],
  ["masked", optim.masked(optim.scale(1), true), "{ inner }"],
  ["applyEvery", optim.applyEvery(2), "{ count, gradAcc }"],
  ["monitor", optim.monitor({ norm: optim.globalNorm }), "{ measureStates, measurements }"],
  ["multiTransform", optim.multiTransform({ a: optim.sgd(1), c: optim.sgd(2) }, "a"), "{ a, c }"],
  [
    "injectHyperparams",
    optim.injectHyperparams({ rate: 1 }, ({ rate }) => optim.sgd(rate)),
    "{ count, hyperparams, inner }",
  ],
];

describe.each(stateful)("%s, given for a state", (name, transformation, fields) => {
  const { update } = loose(transformation);
  const says = (what: string) =>
    new RegExp(`^optim\\.${name}: the state is ${what}, not ${fields.replace(/[{}]/g, "\\$&")}`);
  const hint = /optimizer\.update\(gradients, state, params\)/;
  answered([
    ["nothing", () => update(params()), says("undefined"), hint],
    ["the parameters", () => update(params(), params()), says("\\{ b, w \\}"), hint],
    ["what another kept", () => update(params(), null), says("null"), hint],
  ], here);
});

describe("optimizers", () => {
  const adam = loose(optim.adam(0.1));
  const state = () => adam.init(params());
  const second = /const \[updates, next\] = optimizer\.update\(gradients, state, params\)/;
  answered([
    [
      "no state",
      () => adam.update(params()),
      /optim\.chain: the state is undefined, not a list of 2/,
      second,
    ],
    ["the state first", () => adam.update(state(), params()), /the state is \{ b, w \}/, second],
    ["the parameters second", () => adam.update(params(), params(), state()), /\{ b, w \}/, second],
    [
      "all that update returned",
      () => adam.update(params(), adam.update(params(), state(), params())),
      /optim\.scaleByAdam: the state is \{ b, w \}, not \{ count, mu, nu \}/,
      second,
    ],
    [
      "the state of another optimizer",
      () => adam.update(params(), optim.sgd(0.1, { momentum: 0.9 }).init(params())),
      /optim\.scaleByAdam: the state is \{ trace \}, not \{ count, mu, nu \}/,
      second,
    ],
    [
      "the state of one with more parts",
      () => adam.update(params(), optim.adamw(0.1).init(params()), params()),
      /the state is a list of 3, not a list of 2/,
      second,
    ],
  ], here);
});

/** Those that keep something for every parameter. */
const kept: readonly [name: string, optim.GradientTransformation][] = [
  ["trace", optim.sgd(0.1, { momentum: 0.9 })],
  ["scaleByAdam", optim.adamw(0.1)],
  ["scaleByRms", optim.rmsprop(0.1)],
  ["ema", optim.ema(0.9)],
  ["multiSteps", optim.multiSteps(optim.identity(), 2)],
  ["scaleByBelief", optim.adabelief(0.1)],
  ["scaleByAmsgrad", optim.amsgrad(0.1)],
  ["scaleByAdamax", optim.adamax(0.1)],
  ["scaleByRadam", optim.radam(0.1)],
  ["scaleByAdadelta", optim.scaleByAdadelta()],
  ["scaleByRss", optim.adagrad(0.1)],
  ["scaleByLion", optim.scaleByLion()],
  ["scaleByRprop", optim.rprop(0.1)],
  ["scaleByOptimisticGradient", optim.optimisticGradientDescent(0.1)],
  ["applyEvery", optim.applyEvery(2)],
];

describe.each(kept)("%s, given for gradients", (name, optimizer) => {
  const { init, update } = loose(optimizer);
  const says = (what: string) =>
    new RegExp(
      `^optim\\.${name}: the gradients differ from the parameters that init was given ${what}`,
    );
  const hint = /valueAndGrad returns \[value, gradients\]/;
  answered([
    ["nothing", () => update(undefined, init(params())), says("at the root: null against"), hint],
    [
      "a part",
      () => update({ w: np.ones([2, 3]) }, init(params())),
      says("at the root: keys \\{w\\} against \\{b, w\\}"),
      hint,
    ],
    [
      "value and gradients",
      () => {
        const loss = ({ v }: ReturnType<typeof single>) => v.sum();
        return update(valueAndGrad(loss)(single()), init(single()));
      },
      says("at the root: \\[\\*, \\{ v: \\* \\}\\] against \\{ v: \\* \\}"),
      hint,
    ],
    [
      "those of another model",
      () => update({ layers: [single()] }, init({ layers: [{ u: np.ones([2]) }] })),
      says("at \\.layers\\[0\\]: keys \\{v\\} against \\{u\\}"),
      hint,
    ],
    [
      "another shape",
      () => update({ w: np.ones([3, 2]), b: np.ones([3]) }, init(params())),
      says("at \\.w: float32\\[3,2\\] against float32\\[2,3\\]"),
      hint,
    ],
    [
      "a shape that would be stretched",
      () => update({ layers: [{ v: np.ones([4, 2]) }] }, init({ layers: [single()] })),
      says("at \\.layers\\[0\\]\\.v: float32\\[4,2\\] against float32\\[2\\]"),
      hint,
    ],
    [
      "a number",
      () => update(3, init(np.ones([]))),
      says("at the root: the number 3 against"),
      hint,
    ],
  ], here);
});

describe("updates and parameters", () => {
  const decay = loose(optim.adamw(0.1));
  const apply = loose(optim.applyUpdates);
  const alone = /const \[updates, next\] = optimizer\.update\(gradients, state, params\)/;
  answered([
    [
      "parameters of another model",
      () => decay.update(single(), decay.init(single()), params()),
      /optim\.addDecayedWeights: the updates differ from the parameters at the root: keys \{v\} against \{b, w\}/,
      alone,
    ],
    [
      "no parameters",
      () => decay.update(single(), decay.init(single())),
      /needs the param/,
      /third/,
    ],
    [
      "all that update returned",
      () => apply(single(), loose(optim.sgd(1)).update(single(), [null, null])),
      /optim\.applyUpdates: the updates differ from the parameters at the root: \[\{ v: \* \}, \[null, null\]\] against/,
      alone,
    ],
    ["no updates", () => apply(single()), /null against \{ v: \* \}/, alone],
    [
      "updates that would stretch a parameter",
      () => apply({ b: np.zeros([3]) }, { b: np.ones([2, 3]) }),
      /at \.b: float32\[2,3\] against float32\[3\]/,
      alone,
    ],
  ], here);
});

describe("hyperparameters", () => {
  const { adam, adamw, addDecayedWeights, chain, ema, rmsprop, sgd, trace } = loose(optim);
  answered([
    ["no learning rate", () => adam(), /^optim\.adam: `learningRate` .* got undefined$/, /1e-3/],
    [
      "a named learning rate",
      () => sgd({ learningRate: 1 }),
      /^optim\.sgd: `learningRate` .* got \{ learningRate \}$/,
      /optim\.sgd\(1e-3\)/,
    ],
    [
      "a learning rate of text",
      () => sgd("0.1"),
      /a scalar tensor or a schedule, got "0\.1"/,
      /optim\.sgd\(1e-3\)/,
    ],
    [
      "momentum by place",
      () => sgd(0.1, 0.9),
      /optim\.sgd: .* an object, got 0\.9/,
      /momentum: 0\.9/,
    ],
    ["betas by place", () => adam(0.1, 0.9, 0.99), /optim\.adam: .* 0\.9/, /b1: 0\.9/],
    [
      "a weight decay by place",
      () => adamw(0.1, 1e-4),
      /optim\.adamw: .* 0\.0001/,
      /weightDecay: /,
    ],
    ["RMSProp's decay by place", () => rmsprop(0.1, 0.9), /optim\.rmsprop: .* 0\.9/, /decay: 0\.9/],
    ["Nesterov by place", () => trace(0.9, true), /optim\.trace: .* true/, /nesterov: true/],
    ["debias by place", () => ema(0.9, false), /optim\.ema: .* false/, /debias: false/],
    ["a mask by place", () => addDecayedWeights(1, () => true), /a function/, /mask/],
    [
      "a list of transformations",
      () => chain([sgd(1)]),
      /optim\.chain: part 0 is a list of 1/,
      /\.\.\./,
    ],
    [
      "an uncalled optimizer",
      () => chain(sgd),
      /optim\.chain: part 0 is a function/,
      /optim\.adam\(/,
    ],
  ], here);
});

test("a traced step says so while it is traced", () => {
  const adam = optim.adam(0.1);
  const step = jit((p: ReturnType<typeof params>, s: ReturnType<typeof adam.init>) =>
    loose(adam).update({ w: p.w.T, b: p.b }, s, p)
  );
  expect(caught(() => step(params(), adam.init(params()))).message)
    .toMatch(/at \.w: float32\[3,2\] against float32\[2,3\]/);
});

/** What transformations, loops and solvers say to options that are none. */
import { describe } from "vitest";
import * as trilevel from "trilevel";
import {
  anderson,
  argmin,
  customVjp,
  fixedPointIteration,
  forward,
  gmres,
  grad,
  hvp,
  implicit,
  jit,
  neumann,
  np,
  oneStep,
  optim,
  setBackend,
  ShapeDType,
  type Tensor,
  truncated,
  unrolled,
  vmap,
} from "trilevel";
import { answered, loose } from "../support/mistakes.ts";
import { type Calls, lookAtOptions } from "../support/options.ts";

await setBackend("reference"); // before the operands below are made

const x = np.ones([4]);
const f = (y: Tensor) => y.mul(0.5);

/** What exchanges values within a batch is called in one. */
type InBatch = Pick<typeof trilevel, "allGather" | "allToAll" | "psumScatter">;

/** Without what opens a device or loads ONNX Runtime: they take no options. */
type Functions = Omit<typeof trilevel, "openWebGpu" | "openOnnxWeb" | keyof InBatch>;

const level = { init: () => x, step: (_: unknown, y: Tensor) => f(y), objective: () => x };
const descent = { init: () => x, optimizer: optim.sgd(0.1), steps: 2 };

const functions: Calls<Functions> = {
  adjointError: { operands: [level, f], options: { steps: 2 } },
  adjointResidual: { operands: [level, f], options: { steps: 2 } },
  anderson: [],
  argmin: { operands: [f], options: { optimizer: optim.sgd(0.1) } },
  associativeScan: [np.add, x],
  bicgstab: [],
  broyden: [],
  cg: [],
  checkGrads: [f, [x]],
  checkpoint: [f],
  contraction: [level],
  customVjp: [f, (y: Tensor) => [f(y), null], (_: null, ct: Tensor) => [ct]],
  fixedPointIteration: [f],
  foriLoop: [0, 2, (_: Tensor, y: Tensor) => y, x],
  forward: [],
  gmres: [],
  grad: [f],
  hessian: [f],
  implicit: [],
  infer: { operands: [level], options: { steps: 2 } },
  jacfwd: [f],
  jacobianPenalty: [f, x],
  jacobianSpectralNorm: [f, x],
  jacobianSpectralRadius: [f, x],
  jacrev: [f],
  jit: [f],
  minimise: { operands: [f], options: descent },
  neumann: { operands: [], options: { terms: 3 } },
  neumannSeries: [],
  newton: [],
  normalCg: [],
  objectiveTrace: { operands: [level], options: { steps: 2 } },
  phantom: { operands: [], options: { terms: 3, damping: 0.5 } },
  relativeResidual: [f, x],
  pureCallback: [() => 1, new ShapeDType([])],
  scan: [(c: Tensor, y: Tensor) => [c.add(y), y], np.array(0), x],
  sequence: { operands: [level, f], options: { steps: 2 } },
  truncated: { operands: [], options: { steps: 1 } },
  unrolled: [],
  valueAndGrad: [f],
  vmap: [f],
  whileLoop: [(y: Tensor) => y.sum().less(0), f, x],
};
lookAtOptions("trilevel", trilevel, functions);

const inBatch: Calls<InBatch> = {
  allGather: [np.ones([2, 2]), "batch"],
  allToAll: [np.ones([2, 2]), "batch", 0, 0],
  psumScatter: [np.ones([2, 2]), "batch"],
};
lookAtOptions(
  "trilevel",
  Object.fromEntries(
    Object.keys(inBatch).map((name) => [
      name,
      (x: Tensor, ...more: unknown[]) =>
        vmap((y: Tensor) => loose(trilevel)[name](y, ...more), { axisName: "batch" })(x),
    ]),
  ),
  inBatch,
);

describe("options", () => {
  answered([
    ["axes apart", () => vmap(f, loose([0])), /^vmap: the options must .* got \[0\]$/, /inAxes/],
    ["in_axes", () => vmap(f, loose({ in_axes: 0 })), /`in_axes`$/, /did you mean `inAxes`\?/],
    ["an argument apart", () => grad(f, loose(1)), /^grad: .* got 1$/, /\{ argnums: 1 \}/],
    ["argnum", () => grad(f, loose({ argnum: 1 })), /^grad: .* `argnum`$/, /argnums/],
    ["static arguments apart", () => jit(f, loose([1])), /^jit: .* got \[1\]$/, /staticArgnums/],
    ["zeros apart", () => loose(customVjp)(f, f, f, true), /^customVjp: .* true$/, /symbolicZeros/],
    ["damping apart", () => forward(loose(0.5)), /^forward: .* got 0\.5$/, /damping: 0\.5/],
    ["a solver apart", () => fixedPointIteration(f, loose(forward())), /`kind`$/, /solver/],
    [
      "steps for maxSteps",
      () => fixedPointIteration(f, loose({ steps: 7 })),
      /`steps`$/,
      /maxSteps/,
    ],
    ["an optimizer apart", () => argmin(f, loose(optim.sgd(0.1))), /^argmin: no/, /optimizer/],
    [
      "maxSteps for steps",
      () => argmin(f, loose({ optimizer: optim.sgd(0.1), maxSteps: 7 })),
      /^argmin: .* `maxSteps`$/,
      /steps/,
    ],
    [
      "no optimizer",
      () => argmin(f, loose({})),
      /^argmin: `optimizer` is missing/,
      /optim\.sgd\(0\.1\)/,
    ],
    [
      "an optimizer and a solver",
      () => argmin(f, loose({ optimizer: optim.sgd(0.1), solver: anderson() })),
      /^argmin: both `optimizer` and `solver` are given$/,
      /optimizer: optim\.sgd/,
    ],
    [
      "a derivative of the start that unrolled steps give already",
      () => fixedPointIteration(f, { adjoint: unrolled(), initGrad: "straightThrough" }),
      /^fixedPointIteration: initGrad "straightThrough" cannot be combined with unrolled$/,
      /leave initGrad out/,
    ],
    [
      "a best iterate that no differentiated step leads to",
      () => fixedPointIteration(f, { adjoint: truncated({ steps: 2 }), best: true }),
      /^fixedPointIteration: best cannot be combined with truncated\(2\)$/,
      /leave best out/,
    ],
    [
      "an adjoint that is not called",
      () => fixedPointIteration(f, { adjoint: loose(implicit) }),
      /`adjoint` must be an adjoint, got the function implicit$/,
      /adjoint: implicit\(\)/,
    ],
    [
      "an adjoint by name",
      () => fixedPointIteration(f, { adjoint: loose("onestep") }),
      /`adjoint` must be an adjoint, got "onestep"$/,
      /adjoint: oneStep\(\)/,
    ],
    [
      "a solver that is not called",
      () => fixedPointIteration(f, { solver: loose(anderson) }),
      /`solver` must be a fixed-point solver, got the function anderson$/,
      /solver: anderson\(\)/,
    ],
    ["a linear solver apart", () => implicit(loose(gmres())), /^implicit: .* `kind`$/, /linear/],
    ["terms apart", () => neumann(loose(3)), /^neumann: the options .* got 3$/, /\{ terms: 3 \}/],
    [
      "tangents that are no list, to hvp",
      () => hvp(loose((y: Tensor) => y.sum()), loose(x), loose(x)),
      /^hvp: primals and tangents are not lists of one length$/,
      /hvp\(f, \[x, y\], \[dx, dy\]\)/,
    ],
    [
      "tangents of another shape, to hvp",
      () => hvp((y: Tensor) => y.sum(), [x], [np.ones([3])]),
      /^hvp: tangents/,
      /shape/,
    ],
    ["no terms", () => neumann(loose({})), /^neumann: `terms` is missing/, /\{ terms: 1 \}/],
    [
      "terms of one step",
      () => loose(oneStep)({ terms: 3 }),
      /^oneStep: it takes 0 arguments, and no options/,
      /oneStep\(\)/,
    ],
    [
      "a gradient of the start by JAX's words",
      () => fixedPointIteration(f, { initGrad: loose("straight_through") }),
      /`initGrad` must be one of "zero", "straightThrough", "throughLastStep", got "straight_through"$/,
      /initGrad: "straightThrough"/,
    ],
  ], /options\.test\.ts:\d+:\d+/);
});

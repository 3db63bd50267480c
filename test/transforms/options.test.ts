/** What transformations, loops and solvers say to options that are none. */
import { describe, expect, test } from "vitest";
import * as trilevel from "trilevel";
import {
  argmin,
  checkGrads,
  customVjp,
  fixedPointIteration,
  forward,
  grad,
  jit,
  np,
  optim,
  setBackend,
  type Tensor,
  vmap,
} from "trilevel";
import { answered, loose } from "../support/mistakes.ts";
import { lookAtOptions, type Operands } from "../support/options.ts";

await setBackend("reference"); // before the operands below are made

const x = np.ones([4]);
const f = (y: Tensor) => y.mul(0.5);

/** Without what opens a device: it would need one. */
type Functions = Omit<typeof trilevel, "openWebGpu">;

const functions: Operands<Functions> = {
  anderson: [],
  associativeScan: [np.add, x],
  bicgstab: [],
  broyden: [],
  broydenAdjoint: [forward()],
  checkpoint: [f],
  fixedPointIteration: [f],
  foriLoop: [0, 2, (_: Tensor, y: Tensor) => y, x],
  forward: [],
  gmres: [],
  grad: [f],
  hessian: [f],
  implicit: [],
  jacfwd: [f],
  jacobianPenalty: [f, x],
  jacobianSpectralNorm: [f, x],
  jacobianSpectralRadius: [f, x],
  jacrev: [f],
  jit: [f],
  neumannSeries: [],
  newton: [],
  normalCg: [],
  relativeResidual: [f, x],
  scan: [(c: Tensor, y: Tensor) => [c.add(y), y], np.array(0), x],
  unrolled: [],
  valueAndGrad: [f],
  vmap: [f],
  whileLoop: [(y: Tensor) => y.sum().less(0), f, x],
};
lookAtOptions<Functions>("trilevel", trilevel, functions);

describe("options", () => {
  answered([
    ["axes apart", () => vmap(f, loose([0])), /^vmap: the options are a list of 1$/, /inAxes/],
    ["in_axes", () => vmap(f, loose({ in_axes: 0 })), /^vmap: .* in_axes$/, /inAxes/],
    ["an argument apart", () => grad(f, loose(1)), /^grad: .* number 1$/, /\{ argnums: 1 \}/],
    ["argnum", () => grad(f, loose({ argnum: 1 })), /^grad: .* argnum$/, /argnums/],
    ["static arguments apart", () => jit(f, loose([1])), /^jit: .* list of 1$/, /staticArgnums/],
    ["zeros apart", () => loose(customVjp)(f, f, f, true), /^customVjp: .* true$/, /symbolicZeros/],
    [
      "damping apart",
      () => forward(loose(0.5)),
      /^forward: .* 0\.5$/,
      /forward\(\{ damping: 0\.5 \}\)/,
    ],
    ["a solver apart", () => fixedPointIteration(f, loose(forward())), /named kind$/, /solver/],
    [
      "steps for maxSteps",
      () => fixedPointIteration(f, loose({ steps: 7 })),
      /named steps$/,
      /maxSteps/,
    ],
    ["an optimizer apart", () => argmin(f, loose(optim.sgd(0.1))), /^argmin: no/, /optimizer/],
    [
      "maxSteps for steps",
      () => argmin(f, loose({ maxSteps: 7 })),
      /^argmin: .* maxSteps$/,
      /steps/,
    ],
  ], /options\.test\.ts:\d+:\d+/);

  test("of what promises are refused by rejection", async () => {
    await expect(checkGrads(f, [x], loose(2))).rejects.toThrow(
      /checkGrads: the options are the number 2/,
    );
    await expect(checkGrads(f, [x], loose({ tol: 2 }))).rejects.toThrow(/no option is named tol/);
  });
});

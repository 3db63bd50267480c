/** A traced tensor that got out of its function is refused by everything that takes tensors, also if it only hands them on. */
import { expect, test } from "vitest";
import {
  argmin,
  checkpoint,
  cond,
  customJvp,
  customVjp,
  EscapedTensorError,
  evalShape,
  explain,
  fixedPointIteration,
  foriLoop,
  forward,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  linearSolve,
  makeProgram,
  map,
  np,
  optim,
  scan,
  stopGradient,
  switchCase,
  type Tensor,
  toOnnx,
  valueAndGrad,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";

function escaped(): Tensor {
  let out: Tensor | undefined;
  jit((x: Tensor) => {
    out = x;
    return x.add(1);
  })(np.array([1, 2]));
  return out!;
}

const same = (y: Tensor) => y;
const custom = customVjp(same, (y: Tensor) => [y, null], (_, ct: Tensor) => [ct]);

const uses: Record<string, (x: Tensor) => unknown> = {
  jit: (x) => jit(same)(x),
  "jit of a tree": (x) => jit((t: { a: Tensor }) => t)({ a: x }),
  "jit in jit": (x) => jit((y: Tensor) => [y, jit(same)(x)])(np.ones([])),
  "a closure of jit": (x) => jit((y: Tensor) => [y, x])(np.ones([])),
  grad: (x) => grad((y: Tensor) => y.sum())(x),
  valueAndGrad: (x) => valueAndGrad((y: Tensor) => y.sum())(x),
  "a closure of grad": (x) => grad((y: Tensor) => y.mul(x).sum())(np.ones([2])),
  vjp: (x) => vjp(same, x),
  jvp: (x) => jvp(same, [x], [np.ones([2])]),
  "a tangent of jvp": (x) => jvp(same, [np.ones([2])], [x]),
  linearize: (x) => linearize(same, x),
  vmap: (x) => vmap(same)(x),
  jacfwd: (x) => jacfwd(same)(x),
  jacrev: (x) => jacrev(same)(x),
  hessian: (x) => hessian((y: Tensor) => y.sum())(x),
  checkpoint: (x) => checkpoint(same)(x),
  customVjp: (x) => custom(x),
  customJvp: (x) => customJvp(same, ([y], [dy]) => [y!, dy!])(x),
  stopGradient: (x) => stopGradient(x),
  cond: (x) => cond(true, same, same, x),
  switchCase: (x) => switchCase(0, [same, same], x),
  scan: (x) => scan((c: Tensor, y: Tensor) => [c, y], np.array(0), x),
  "the carry of scan": (x) => scan((c: Tensor, y: Tensor) => [c, y], x, np.ones([2])),
  map: (x) => map(same, x),
  foriLoop: (x) => foriLoop(0, 2, (_: Tensor, y: Tensor) => y, x),
  whileLoop: (x) => whileLoop((y: Tensor) => y.sum().less(0), same, x),
  fixedPointIteration: (x) =>
    fixedPointIteration((_: Tensor, z: Tensor) => z, { solver: forward() })(x, np.ones([2])),
  linearSolve: (x) => linearSolve(same, x, (_, b) => b),
  argmin: (x) =>
    argmin((z: Tensor) => np.square(z).sum(), { optimizer: optim.sgd(0.1), steps: 2 })(x),
  makeProgram: (x) => makeProgram(same, x),
  evalShape: (x) => evalShape(same, x),
  explain: (x) => explain(same, x),
  toOnnx: (x) => toOnnx(same, x),
  "an operation": (x) => x.add(1),
};

test.each(Object.keys(uses))("%s", async (name) => {
  const x = escaped();
  let error: unknown;
  try {
    await uses[name]!(x);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(EscapedTensorError);
  expect(String(error)).toMatch(/outside the function in which it was traced/);
  expect(String(error)).toMatch(/return it from the traced function/);
});

/** L-BFGS and its line search against optax, step by step, in float64; and inside `argmin`. */
import { describe, expect, test } from "vitest";
import {
  argmin,
  grad,
  jit,
  np,
  optim,
  setBackend,
  type Tensor,
  tree,
  unrolled,
  valueAndGrad,
} from "trilevel";
import fixtures from "../fixtures/lbfgs.json" with { type: "json" };

await setBackend("reference");

type Params = { x: Tensor; y: Tensor };
const f64 = { dtype: "float64" } as const;
const start = (): Params => ({ x: np.array([-1.2, 0.4], f64), y: np.array([[1], [-0.3]], f64) });
const loss = ({ x, y }: Params) => {
  const flat = y.reshape([2]);
  const valley = np.square(np.subtract(1, x)).add(np.square(flat.sub(np.square(x))).mul(5));
  return np.sum(valley).add(np.slice(x, 0).mul(np.slice(flat, 1)).mul(0.1));
};

const backtracking = (options = {}) =>
  optim.scaleByBacktrackingLinesearch({ maxBacktrackingSteps: 20, ...options });
const zoom = (options = {}) => optim.scaleByZoomLinesearch({ maxLinesearchSteps: 20, ...options });
const optimizers: Record<keyof typeof fixtures, optim.GradientTransformation> = {
  lbfgsOfRate: optim.lbfgs(0.05, { linesearch: optim.identity() }),
  lbfgsOfShortMemory: optim.lbfgs(0.05, { memorySize: 3, linesearch: optim.identity() }),
  lbfgsFromIdentity: optim.lbfgs(0.01, { scaleInitPrecond: false, linesearch: optim.identity() }),
  lbfgsWithLinesearch: optim.lbfgs(null, { linesearch: backtracking() }),
  lbfgsOfOptax: optim.lbfgs(),
  lbfgsWithStrictZoom: optim.lbfgs(null, {
    linesearch: zoom({ curvRtol: 0.05, initialGuessStrategy: "one" }),
  }),
  sgdWithZoom: optim.chain(optim.sgd(1), zoom()),
  longSgdWithZoom: optim.chain(optim.sgd(20), zoom({ curvRtol: 0.3, approxDecRtol: null })),
  shortSgdWithZoom: optim.chain(
    optim.sgd(0.001),
    zoom({ increaseFactor: 3, curvRtol: 0.1, slopeRtol: 0.01, maxLearningRate: 100 }),
  ),
  boundedZoom: optim.chain(optim.sgd(0.001), zoom({ curvRtol: 0.1, maxLearningRate: 5 })),
  fewStepsOfZoom: optim.chain(optim.sgd(1), zoom({ maxLinesearchSteps: 3, curvRtol: 0.01 })),
  sgdWithLinesearch: optim.chain(
    optim.sgd(1),
    backtracking({ slopeRtol: 0.3, decreaseFactor: 0.6, increaseFactor: 2, maxLearningRate: 0.5 }),
  ),
};

describe.each(Object.entries(optimizers))("%s", (name, optimizer) => {
  const right = fixtures[name as keyof typeof fixtures];
  const expectNear = async (params: Params, expected: readonly number[]) => {
    const found = [...await params.x.data(), ...await params.y.data()];
    const sizes = expected.map((x) => Math.max(1, Math.abs(x)));
    found.forEach((x, i) => expect(x / sizes[i]!).toBeCloseTo(expected[i]! / sizes[i]!, 8));
  };

  test("is optax's, step by step", async () => {
    let params = start();
    let state = optimizer.init(params);
    const step = jit((p: Params, s: unknown) => {
      const [value, gradients] = valueAndGrad(loss)(p);
      const extra = { value, grad: gradients, valueFn: (q: unknown) => loss(q as Params) };
      const [updates, next] = optimizer.update(gradients, s, p, extra);
      return [optim.applyUpdates(p, updates), next] as const;
    });
    for (const expected of right) {
      [params, state] = step(params, state);
      await expectNear(params, expected);
    }
  });

  test("is the same inside argmin", async () => {
    const solve = argmin(loss, { optimizer, steps: 10, atol: 0, rtol: 0 });
    await expectNear(solve(start()).value, right[9]!);
  });
});

test("finds a minimum to which descent takes long, and its derivative", async () => {
  const h = (z: Tensor, a: Tensor) => {
    const [x, y] = [np.slice(z, 0), np.slice(z, 1)];
    return np.square(a.sub(x)).add(np.square(y.sub(np.square(x))).mul(100));
  };
  const solve = argmin(h, { optimizer: optim.lbfgs(), steps: 100, atol: 1e-9, rtol: 0 });
  const at = np.array([-1.2, 1], f64);
  const { value, stats } = solve(at, np.array(1, f64));
  expect(await stats.converged.item()).toBe(1);
  expect(await stats.steps.item()).toBeLessThan(60);
  (await value.data()).forEach((x) => expect(x).toBeCloseTo(1, 8));
  // The minimum is (a, a²).
  const slope = grad((a: Tensor) => np.sum(solve(at, a).value))(np.array(1, f64));
  expect(await slope.item()).toBeCloseTo(3, 7);
});

test("derivatives pass through a search that zooms", async () => {
  // The end of two steps along gradients, whose lengths depend on a by cubic and quadratic interpolation.
  const end = (a: Tensor) => {
    const h = (z: Tensor) => np.square(np.square(z)).add(np.square(z.sub(a)).mul(3));
    const optimizer = optim.chain(optim.sgd(1), zoom({ curvRtol: 0.05 }));
    return argmin(h, { optimizer, steps: 2, adjoint: unrolled(), atol: 0, rtol: 0 })(a.mul(0.3))
      .value;
  };
  const [a, e] = [1.3, 1e-5];
  const at = (x: number) => end(np.array(x, f64)).item() as Promise<number>;
  const difference = (await at(a + e) - await at(a - e)) / (2 * e);
  const slope = await grad(end)(np.array(a, f64)).item();
  expect(Number.isFinite(slope)).toBe(true);
  expect(slope).toBeCloseTo(difference, 6);
});

test("a line search without the function says what it needs", () => {
  const optimizer = optim.lbfgs();
  const g = np.ones([2]);
  expect(() => optimizer.update(g, optimizer.init(g), g))
    .toThrow(/needs the loss, its gradient and the function/);
});

test("tree.ravel: there and back, whatever the leaves are", async () => {
  const of = {
    w: np.array([[1, 2], [3, 4]]),
    n: np.array([7, -8], { dtype: "int32" }),
    deep: [np.array(true), null, np.array(0.5, f64)] as const,
  };
  const [flat, unravel] = tree.ravel(of);
  expect([flat.dtype, flat.shape]).toEqual(["float64", [8]]);
  expect([...await flat.data()]).toEqual([1, 0.5, 7, -8, 1, 2, 3, 4]);
  const back = unravel(flat);
  expect(tree.leaves(back).map((x) => [x.dtype, x.shape]))
    .toEqual(tree.leaves(of).map((x) => [x.dtype, x.shape]));
  for (const [i, x] of tree.leaves(back).entries()) {
    expect(await x.array()).toEqual(await tree.leaves(of)[i]!.array());
  }
  const through = grad((v: Tensor) => np.sum(unravel(v).w.mul(of.w)))(flat);
  expect([...await through.data()]).toEqual([0, 0, 0, 0, 1, 2, 3, 4]);
  expect(() => unravel(np.zeros([3]))).toThrow(/expected a vector of 8 numbers, got float32\[3\]/);
  expect(tree.ravel({})[0].shape).toEqual([0]);
});

/** `minimise`: optimizers see the user's tree, in every way to look at the iterates. */
import { describe, expect, test } from "vitest";
import {
  grad,
  implicit,
  infer,
  type Level,
  minimise,
  np,
  optim,
  random,
  setBackend,
  type Tensor,
  truncated,
  unrolled,
} from "trilevel";
import { closeTo } from "./closeTo.ts";
import { loose } from "../support/mistakes.ts";
import { f64 } from "./levels.ts";

await setBackend("reference");
const key = random.key(0);

type Z = { readonly a: Tensor; readonly b: Tensor };

/** ½ Σ c (a - x)² + ½ (b - w)² for each sample; a [batch, 2], b [batch]. */
const objective = (w: Tensor, { a, b }: Z, x: Tensor) =>
  np.sum(np.square(a.sub(x)).mul(f64([1, 10])), { axis: -1 }).add(np.square(b.sub(w))).mul(0.5);
const init = (): Z => ({ a: f64([[0, 0], [5, 5], [1, -1]]), b: f64([0, 0, 0]) });
const x = f64([[1, 2], [100, 200], [0, 0.1]]);
const w = f64(3);

const optimizers = {
  sgd: optim.sgd(0.05),
  momentum: optim.sgd(0.02, { momentum: 0.8 }),
  adam: optim.adam(0.3),
  "clipped per sample": optim.chain(optim.clipByGlobalNorm(1), optim.sgd(0.1)),
};

/** One sample's descent, written out. */
function written(optimizer: optim.GradientTransformation, i: number, steps: number): Z[] {
  let z: Z = { a: np.slice(init().a, i), b: np.slice(init().b, i) };
  let state = optimizer.init(z);
  return Array.from({ length: steps }, () => {
    const slope = grad((z: Z) => objective(w, z, np.slice(x, i)))(z);
    const [updates, next] = optimizer.update(slope, state, z);
    state = next;
    return z = optim.applyUpdates(z, updates);
  });
}

describe.each(Object.entries(optimizers))("%s", (_, optimizer) => {
  test("each sample has an optimizer of its own, whichever way the steps are taken", async () => {
    const shared = { init, optimizer, steps: 12, batchAxis: 0 } as const;
    const all = minimise(objective, { ...shared, collect: "all" })(w, x, key);
    const fresh = minimise(objective, shared)(w, x, key);
    const fixed = minimise(objective, { ...shared, noise: "fixed" })(w, x, key);
    for (const i of [0, 1, 2]) {
      const expected = written(optimizer, i, 12);
      const each = await np.slice(all.each.a, ":", i).data();
      const right = await np.stack(expected.map((z) => z.a)).data();
      each.forEach((value, k) => expect(value).toBeCloseTo(right[k]!, 9));
      const last = [...await expected.at(-1)!.a.data()];
      for (const { value } of [all, fresh, fixed]) await closeTo(np.slice(value.a, i), last, 1e-9);
    }
  });
});

test("the derivative of a minimum, and of steps towards it", async () => {
  const solve = (options: Pick<Parameters<typeof minimise>[1], "adjoint">) => {
    const run = minimise(objective, { init, optimizer: optim.sgd(0.05), steps: 400, ...options });
    return grad((w: Tensor) => np.sum(run(w, x, key).value.b))(w);
  };
  // b* = w for each of three samples.
  await closeTo(solve({ adjoint: implicit() }), 3, 1e-8);
  await closeTo(solve({ adjoint: unrolled() }), 3, 1e-6);
  // One step of descent moves b by 0.05 (w - b).
  await closeTo(solve({ adjoint: truncated({ steps: 1 }) }), 0.15, 1e-9);
});

test("a line search sees the objective", async () => {
  const quartic = (_: null, z: Tensor, x: Tensor) =>
    np.sum(np.square(np.square(z.sub(x))).add(np.square(z)));
  for (const noise of ["fresh", "fixed"] as const) {
    const solve = minimise(quartic, {
      init: (_, x: Tensor) => np.zerosLike(x),
      optimizer: optim.lbfgs(),
      steps: 40,
      noise,
    });
    const { value } = solve(null, f64([2, -1, 0.5]), key);
    const slope = grad((z: Tensor) => quartic(null, z, f64([2, -1, 0.5])))(value);
    await closeTo(slope, [0, 0, 0], 1e-6);
  }
});

test("three levels, each in closed form", async () => {
  // φ* = (λ + x) / 2 minimizes (φ - λ)² + (φ - x)²; λ* = x + w minimizes (φ*(λ) - x - w/2)²; w* makes λ* a target.
  const phi = (lambda: Tensor, x: Tensor) =>
    minimise((l: Tensor, p: Tensor, x: Tensor) => np.square(p.sub(l)).add(np.square(p.sub(x))), {
      init: (_, x: Tensor) => np.zerosLike(x),
      optimizer: optim.sgd(0.25), // arrives in one step
      steps: 3,
      adjoint: implicit(),
    })(lambda, x, key).value;
  const lambda = (w: Tensor, x: Tensor) =>
    minimise((w: Tensor, l: Tensor, x: Tensor) => np.square(phi(l, x).sub(x).sub(w.mul(0.5))), {
      init: (_, x: Tensor) => np.zerosLike(x),
      optimizer: optim.sgd(1.5), // a quarter of the distance is left
      steps: 16,
      adjoint: implicit(),
    })(w, x, key).value;
  await closeTo(lambda(f64(0.7), f64(1.5)), 2.2, 1e-7);
  const outer = (w: Tensor) => np.square(lambda(w, f64(1.5)).sub(4));
  const slope = grad(outer)(f64(0.7));
  await closeTo(slope, 2 * (2.2 - 4), 1e-6);
  const best = minimise((_: null, w: Tensor) => outer(w), {
    init: () => f64(0),
    optimizer: optim.sgd(0.4), // a fifth of the distance is left
    steps: 12,
    noise: "fixed",
  })(null, null, key);
  await closeTo(best.value, 2.5, 1e-6);
});

test("what has no meaning is refused in words", () => {
  const bad = (options: object) => () => minimise(objective, loose({ init, steps: 3, ...options }));
  expect(bad({})).toThrow(/`optimizer`/);
  expect(bad({ optimizer: "adam" })).toThrow(/`optimizer` must be/);
  expect(bad({ optimizer: optim.sgd(1), solver: 1 })).toThrow(/solver/);
  const own = { optimizer: optim.sgd(1), collect: "all", adjoint: implicit() };
  expect(() => bad(own)()).toThrow(/collect: "all" cannot be combined with the adjoint/);
  const level: Level<null, null, Tensor> = { init: () => f64(0), step: (_, z) => z };
  expect(() => infer(level, loose({ steps: 1.5 }))).toThrow(/`steps`/);
});

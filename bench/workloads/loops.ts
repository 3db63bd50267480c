/** (h): small loops, the heart of nested optimization. Peers: `peers/loops.py`. */
import {
  anderson,
  argmin,
  broyden,
  fixedPointIteration,
  forward,
  grad,
  jit,
  np,
  optim,
  scan,
  type Tensor,
} from "trilevel";
import type { CaseOf } from "../cases.ts";
import type { Work } from "../serve.ts";
import { tensor } from "./data.ts";

type Loop = CaseOf<"loop">["loop"];

/** z = tanh(W z / 4 + b) on 8 unknowns. */
const step = (z: Tensor, w: Tensor, b: Tensor) => np.tanh(np.matmul(w, z).mul(0.25).add(b));
/** The same on 64 × 24. */
const layer = (z: Tensor, w: Tensor, x: Tensor) => np.tanh(np.matmul(z, w).mul(0.1).add(x));
const z8 = () => np.zeros([8]);
const z64 = () => np.zeros([64, 24]);
const always = { atol: 0, rtol: 0 };

/** ½‖A y - x‖² + ‖y‖²/20 */
const energy = (y: Tensor, a: Tensor, x: Tensor) =>
  np.sum(np.square(np.matmul(a, y).mul(0.2).sub(x))).mul(0.5)
    .add(np.sum(np.square(y)).mul(0.05));

const small = () => [tensor(0, [8, 8]), tensor(1, [8])] as const;
const large = () => [tensor(0, [24, 24]), tensor(1, [64, 24])] as const;

/** The function that a call computes, and its arguments. */
const works: { readonly [L in Loop]: () => [(w: Tensor, b: Tensor) => Tensor, Tensor, Tensor] } = {
  scan: () => [
    (w, b) => scan((z: Tensor) => [step(z, w, b), null], z8(), null, { length: 1000 })[0],
    ...small(),
  ],
  forward: () => {
    // A contraction so slow that all steps are taken.
    const solve = fixedPointIteration(
      (z: Tensor, w: Tensor, b: Tensor) => z.mul(0.9999).add(np.matmul(w, b).mul(1e-4)),
      { solver: forward(), maxSteps: 1000, atol: 1e-12, rtol: 0 },
    );
    return [(w, b) => solve(z8(), w, b).value, ...small()];
  },
  anderson: () => {
    const solve = fixedPointIteration(step, { solver: anderson(), maxSteps: 20, ...always });
    return [(w, b) => solve(z8(), w, b).value, ...small()];
  },
  broyden: () => {
    const solve = fixedPointIteration(step, { solver: broyden(), maxSteps: 20, ...always });
    return [(w, b) => solve(z8(), w, b).value, ...small()];
  },
  nested: () => [
    (a, c) => {
      const inner = (x: Tensor) =>
        scan(
          (y: Tensor) => [y.sub(grad((y: Tensor) => energy(y, a, x))(y).mul(0.1)), null],
          np.zeros([24]),
          null,
          { length: 100 },
        )[0];
      const outer = (x: Tensor) => [x.sub(x.sub(c).add(inner(x)).mul(0.1)), null] as const;
      return scan(outer, np.zeros([24]), null, { length: 50 })[0];
    },
    tensor(0, [24, 24]),
    tensor(1, [24]),
  ],
  game: () => {
    const follower = argmin(energy, { optimizer: optim.sgd(0.3), steps: 100, ...always });
    const leader = argmin((x: Tensor, a: Tensor, c: Tensor) => {
      const y = follower(z8(), a, x).value;
      return np.sum(np.square(x.sub(c))).mul(0.5).add(np.sum(x.mul(y)).mul(0.2));
    }, { optimizer: optim.sgd(0.3), steps: 20, ...always });
    return [(a, c) => leader(z8(), a, c).value, ...small()];
  },
  sinkhorn: () => [
    (c) => {
      const end = scan(
        ([, v]: readonly [Tensor, Tensor]) => {
          const u = np.log(np.sum(np.exp(v.reshape([1, 16]).sub(c)), { axis: 1 })).mul(-1);
          const w = np.log(np.sum(np.exp(u.reshape([16, 1]).sub(c)), { axis: 0 })).mul(-1);
          return [[u, w] as const, null];
        },
        [np.zeros([16]), np.zeros([16])] as const,
        null,
        { length: 100 },
      )[0];
      return end[0];
    },
    tensor(0, [16, 16]),
    tensor(1, [16]),
  ],
  layer: () => {
    const solve = fixedPointIteration(layer, {
      solver: forward(),
      maxSteps: 50,
      batchAxis: 0,
      ...always,
    });
    return [(w, x) => solve(z64(), w, x).value, ...large()];
  },
  "layer-anderson": () => {
    const solve = fixedPointIteration(layer, { solver: anderson(), maxSteps: 30, batchAxis: 0 });
    return [(w, x) => solve(z64(), w, x).value, ...large()];
  },
};

/** The work of one call. */
export function loops({ loop }: CaseOf<"loop">): Work {
  const [f, ...args] = works[loop]();
  const compiled = jit((w: Tensor, b: Tensor) => {
    const result = f(w, b);
    return [result, np.sum(result)] as const;
  });
  return {
    async call() {
      const [result, sum] = compiled(...args);
      const value = Number(await sum.item());
      result.dispose();
      sum.dispose();
      return value;
    },
  };
}

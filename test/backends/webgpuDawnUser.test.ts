/** What users write, on Dawn: eager and compiled, training, fixed points, reading and freeing. */
import { afterAll, describe, expect, test } from "vitest";
import {
  fixedPointIteration,
  gmres,
  grad,
  implicit,
  jit,
  memory,
  np,
  optim,
  random,
  scan,
  setBackend,
  type Tensor,
  tree,
  valueAndGrad,
  vmap,
} from "trilevel";
import { slotAttention } from "trilevel/models";
import { expectClose } from "../support/close.ts";
import { dawn } from "../support/dawn.ts";

const values = (results: unknown) =>
  Promise.all(
    (tree.leaves(results) as Tensor[]) // every program gives tensors
      .map(async (x) => [...await x.data()]),
  );

/** Programs that make their own arguments, on the backend in use. */
const programs: Record<string, () => unknown> = {
  "eager array code": () => {
    const x = np.linspace(-2, 2, 12).reshape([3, 4]);
    const spread = x.sub(np.mean(x, { axis: 0, keepdims: true }));
    const covariance = np.matmul(spread.T, spread).add(np.eye(4));
    const order = np.argsort(np.sin(x.mul(3)), { axis: 1 });
    return [
      np.linalg.solve(covariance, np.ones([4])),
      np.softmax(x, { axis: -1 }),
      np.takeAlongAxis(x, order, { axis: 1 }),
      np.where(x.greater(0), np.sqrt(np.abs(x)), np.cumsum(x, { axis: 1 })),
      np.concatenate([x.slice([0, 2]), x.at([1]).set(9)]),
      grad((a: Tensor) => np.sum(np.tanh(np.matmul(a, a.T))))(x),
    ];
  },
  "a compiled gradient of implicit slot attention": () => {
    const model = slotAttention({ slots: 3, inputSize: 5, slotSize: 8, mlpHidden: 12 });
    const inputs = random.normal(random.key(3), [2, 9, 5]);
    const loss = (p: ReturnType<typeof model.init>, x: Tensor) => {
      const { slots, attention } = model.apply(p, x, random.key(1));
      return np.sum(np.square(slots)).add(np.sum(np.square(attention)));
    };
    return jit(valueAndGrad(loss))(model.init(random.key(0)), inputs);
  },
  "a batch of implicit derivatives": () => {
    const step = (z: Tensor, a: Tensor) => np.cos(z).mul(a);
    const solve = fixedPointIteration(step, {
      adjoint: implicit({ linear: gmres({ maxSteps: 4 }) }),
      maxSteps: 60,
    });
    const loss = (a: Tensor) => np.sum(np.square(solve(np.full([3], 0.3), a).value));
    return jit(vmap(grad(loss)))(np.array([[0.1, 0.5, 0.9], [-0.2, 0.3, 0.7]]));
  },
  "training, with donated state": () => {
    const optimizer = optim.chain(optim.clipByGlobalNorm(1), optim.adam(0.1));
    const loss = (p: { w: Tensor; b: Tensor }, x: Tensor, y: Tensor) =>
      np.mean(np.square(np.tanh(np.matmul(x, p.w).add(p.b)).sub(y)));
    const x = random.normal(random.key(5), [8, 3]);
    const y = np.sin(x.slice([0, 8], [0, 1]));
    let params = { w: random.normal(random.key(6), [3, 1]), b: np.zeros([1]) };
    let state = optimizer.init(params);
    const update = jit((p: typeof params, s: typeof state) => {
      const [value, gradient] = valueAndGrad(loss)(p, x, y);
      const [updates, next] = optimizer.update(gradient, s, p);
      return [optim.applyUpdates(p, updates), next, value] as const;
    }, { donate: [0, 1] });
    const losses: Tensor[] = [];
    for (let i = 0; i < 12; i++) {
      let value: Tensor;
      [params, state, value] = update(params, state);
      losses.push(value);
    }
    return [params, losses];
  },
  "a compiled loop over a sequence, and its gradient": () => {
    const f = (w: Tensor, xs: Tensor) =>
      np.sum(
        scan(
          (h: Tensor, x: Tensor) => {
            const next = np.tanh(np.matmul(w, h).add(x));
            return [next, next] as const;
          },
          np.zeros([4]),
          xs,
        )[1],
      );
    return jit(valueAndGrad(f))(np.eye(4).mul(0.7), random.normal(random.key(2), [6, 4]));
  },
};

describe.skipIf(!dawn)("on Dawn", () => {
  afterAll(() => dawn?.backend.close());

  test.each(Object.entries(programs))("%s", async (_, program) => {
    await setBackend("reference");
    const expected = await values(program());
    await setBackend(dawn!.backend);
    expectClose(await values(program()), expected, { relative: 1e-3, absolute: 1e-4 });
  });

  test("what is read before it is freed is right, and memory comes back", async () => {
    await setBackend(dawn!.backend);
    const double = jit((x: Tensor) => x.mul(2));
    double(np.zeros([300])).dispose();
    const before = memory().webgpu;
    const reads: Promise<ArrayLike<number>>[] = [];
    for (let i = 0; i < 50; i++) {
      using x = np.full([300], i);
      using y = double(x);
      reads.push(y.data());
    }
    expect(memory().webgpu).toEqual(before);
    const found = await Promise.all(reads);
    expect(found.map((data) => data[299])).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i));
  });
});

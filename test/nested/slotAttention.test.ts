/** Slot attention as a level: soft k-means under its conditions, and the paper's one line by hand. */
import { describe, expect, test } from "vitest";
import {
  grad,
  infer,
  jit,
  type Level,
  np,
  random,
  setBackend,
  type Tensor,
  tree,
  vmap,
} from "trilevel";
import { slotAttention, softAssignment, softKMeans, weightedMean } from "trilevel/models";
import { byHand, byInfer, type Weights } from "../../examples/implicitSlotAttention.ts";
import { backends } from "../support/backends.ts";
import { closeTo } from "./closeTo.ts";
import { f64 } from "./levels.ts";

describe("slot attention without projections, normalization and cell is soft k-means", () => {
  const x = () => f64([[0, 1], [1, 0], [0.8, 0.2], [-1, 0.5], [-0.6, -0.9], [0.3, -1]]);
  const slots = () => f64([[0.5, 0.5], [-0.5, -0.2]]);
  const beta = Math.SQRT1_2; // D^-1/2
  const level: Level<null, Tensor, Tensor> = {
    init: slots,
    step(_, z, x) {
      const [keys, queries] = [np.expandDims(x, 0), np.expandDims(z, 0)];
      return np.squeeze(weightedMean(softAssignment(queries, keys), keys), 0);
    },
  };
  const key = random.key(0);

  test("its assignments are those of clusters with weights ∝ exp(β‖s‖²/2)", async () => {
    await setBackend("reference");
    const one = infer(level, { steps: 1 })(null, x(), random.key(0)).value;
    // The oracle leaves out the 1e-8 that keeps empty slots from 0/0.
    await closeTo(np.ravel(one), [0.2489566116, 0.0820448222, -0.0894519577, -0.1537007624], 1e-7);
    const weighted = (mu: Tensor) => {
      const distance = np.sum(np.square(np.expandDims(x(), 1).sub(mu)), { axis: -1 });
      const mixing = np.sum(np.square(mu), { axis: 1 }).mul(beta / 2);
      const gamma = np.softmax(distance.mul(-beta / 2).add(mixing), { axis: 1 });
      return np.matmul(gamma.T, x()).div(np.expandDims(np.sum(gamma, { axis: 0 }), 1));
    };
    await closeTo(np.ravel(one.sub(weighted(slots()))), [0, 0, 0, 0], 1e-7);
  });

  test("plain soft k-means differs, as the slots' norms do", async () => {
    await setBackend("reference");
    const plain = (start: Tensor) => {
      const { level } = softKMeans({ size: 2, clusters: 2 });
      const w = {
        logInverseTemperature: f64(Math.log(beta)),
        logStrength: f64(-Infinity),
        center: f64([0, 0]),
      };
      const from = { ...level, init: () => ({ mean: np.expandDims(start, 0) }) };
      return infer(from, { steps: 1 })(w, np.expandDims(x(), 0), random.key(0)).value.mean;
    };
    await closeTo(np.ravel(plain(slots())), [
      0.2544998354,
      0.0855635004,
      -0.0835106782,
      -0.1492276494,
    ]);
    // With slots of one norm both are the same.
    const a = f64([[0.5, 0.5], [-0.5, -0.5]]);
    const slotted =
      infer({ ...level, init: () => a }, { steps: 1 })(null, x(), random.key(0)).value;
    await closeTo(np.ravel(plain(a).sub(slotted)), [0, 0, 0, 0], 1e-7);
  });

  test("at β = D^-1/2 all slots collapse to the mean", async () => {
    await setBackend("reference");
    const { value } = infer(level, { steps: 400 })(null, x(), random.key(0));
    await closeTo(np.ravel(value), [1 / 12, -1 / 30, 1 / 12, -1 / 30], 1e-6);
    expect(key.shape).toEqual([2]);
  });
});

describe("implicit slot attention as a user's own customVjp equals infer with oneStep", () => {
  const data = () => {
    const [a, b, c, d, e] = random.split(random.key(7), 5);
    const matrix = (key: Tensor) => random.normal(key, [4, 4]).mul(0.6);
    const w: Weights = { q: matrix(a), k: matrix(b), v: matrix(c) };
    return { w, z0: random.normal(d, [2, 3, 4]), x: random.normal(e, [2, 20, 4]) };
  };
  type Solve = typeof byHand;
  const loss = (f: Solve) => (w: Weights, z0: Tensor, x: Tensor) => np.sum(np.square(f(w, z0, x)));
  const first = (f: Solve) => grad(loss(f), { argnums: [0, 2] });
  const second = (f: Solve) =>
    grad((w: Weights, z0: Tensor, x: Tensor) => {
      const slopes = grad(loss(f))(w, z0, x);
      return tree.leaves<Tensor>(slopes).map((g) => np.sum(np.square(g))).reduce((a, b) =>
        a.add(b)
      );
    });
  type Way = (f: Solve) => (w: Weights, z0: Tensor, x: Tensor) => unknown;
  const ways: Record<string, Way> = {
    value: (f) => f,
    gradient: first,
    "jit of the gradient": (f) => jit(first(f)),
  };
  const read = async (way: Way, f: Solve) => {
    const { w, z0, x } = data();
    const all = [
      way(f)(w, np.slice(z0, 0), np.slice(x, 0)),
      vmap(way(f), { inAxes: [null, 0, 0] } as never)(w, z0, x), // of any way's result
    ];
    return await Promise.all(tree.leaves(all as tree.Tree<Tensor>).map((t) => t.data()));
  };

  for (const name of ["reference", ...backends.map((b) => b.name)] as const) {
    test.each(Object.entries(ways))(`${name}: %s, one by one and under vmap`, async (_, way) => {
      await setBackend(name);
      const [hand, library] = [await read(way, byHand), await read(way, byInfer)];
      expect(hand.length).toBeGreaterThan(0);
      expect(hand).toEqual(library);
    });

    // Terms of the second derivative are added in another order: it is the same up to rounding.
    test.each([["second order", second], ["jit of it", (f: Solve) => jit(second(f))]] as const)(
      `${name}: %s, one by one and under vmap`,
      async (_, way) => {
        await setBackend(name);
        const [hand, library] = [await read(way, byHand), await read(way, byInfer)];
        const ulp = name === "reference" ? 2 ** -52 : 2 ** -23;
        hand.forEach((values, i) => {
          const size = Math.max(...values.map(Math.abs));
          values.forEach((value, j) =>
            expect(Math.abs(value - library[i]![j]!) / size).toBeLessThan(32 * ulp)
          );
        });
      },
    );
  }
});

describe("a part of the model is changed through its level", () => {
  const options = { slots: 2, inputSize: 3, slotSize: 4, mlpHidden: 5, iterations: 2 };
  const inputs = () => random.normal(random.key(1), [2, 6, 3]);

  test("another step, and slots that are given", async () => {
    await setBackend("reference");
    const own = slotAttention(options);
    const params = own.init(random.key(0));
    const given = random.normal(random.key(5), [2, 2, 4]);
    const changed = slotAttention({
      ...options,
      level: (level) => ({
        init: () => given,
        step: (w, z, x, at) => np.tanh(level.step(w, z, x, at) as Tensor),
      }),
    });
    const { slots } = changed.apply(params, inputs(), null);
    const keys = own.project(params, inputs());
    let z = given;
    for (let t = 0; t < 3; t++) z = np.tanh(own.step(params, z, keys));
    expect(await slots.data()).toEqual(await z.data());
  });
});

/** N-EM and RNN-EM against PyTorch, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad, jit, np, oneStep, random, setBackend, Tensor, truncated, unrolled } from "trilevel";
import {
  type Components,
  neuralEm,
  type NeuralEmOptions,
  type NeuralEmParams,
} from "trilevel/models";
import fixture from "../fixtures/neural-em.json" with { type: "json" };
import { backends } from "../support/backends.ts";

const array = (data: unknown) => np.array(data as number[]);

/** Parameters of a fixture: "draw.weight" is the weight of draw. */
function params(flat: Record<string, unknown>): NeuralEmParams {
  const tree: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const [first, second] = path.split(".") as [string, string?];
    if (second === undefined) tree[first] = array(value);
    else tree[first] = { ...tree[first] as object, [second]: array(value) };
  }
  return tree as NeuralEmParams;
}

const leaf = (tree: unknown, path: string) =>
  path.split(".").reduce((at, name) => (at as Record<string, unknown>)[name], tree) as Tensor;

async function expectClose(x: Tensor, expected: unknown, tolerance: number) {
  const flat = expected instanceof Tensor ? await expected.data() : [expected].flat(4) as number[];
  const data = await x.data();
  expect(data.length).toBe(flat.length);
  data.forEach((value, i) => expect(Math.abs(value - flat[i]!)).toBeLessThan(tolerance));
}

const small = { pixels: 8, slots: 3, hidden: 4, steps: 3 } as const;

/** Assignments begin where they are told to. */
const from = (first: () => Tensor): NonNullable<NeuralEmOptions["level"]> => (own) => ({
  ...own,
  init: (w, x, key) => ({
    ...own.init(w, x, key) as ReturnType<typeof own.init>,
    assignment: first(),
  }),
});

describe.each(["reference", ...backends.map((b) => b.name)] as const)("on %s", (backend) => {
  beforeAll(() => setBackend(backend));
  const tolerance = backend === "reference" ? 1e-9 : 2e-4;

  test.each(fixture.cases)(
    "$cell, on $lossOn, gradient through assignments $assignmentGradient, one step $oneStep",
    async ({ cell, assignmentGradient, lossOn, priorWeight, ...golden }) => {
      const options: NeuralEmOptions = {
        ...small,
        cell: cell as "rnn" | "gradient",
        lossOn: lossOn as "last" | "all",
        adjoint: golden.oneStep ? oneStep() : unrolled(),
        assignmentGradient,
        priorWeight,
        noise: 0,
        level: from(() => array(fixture.first)),
      };
      // The derivative at the solution needs the last iterate: the loss of all is refused.
      if (golden.oneStep && lossOn === "all") {
        expect(() => neuralEm(options)).toThrow(
          /lossOn "all" needs the derivative of every iterate/,
        );
        return;
      }
      const model = neuralEm(options);
      const weights = params(fixture.weights[cell as "rnn"]);
      const image = array(fixture.image);
      const loss = (w: NeuralEmParams) => {
        const [value, { value: found }] = model.loss(w, image, random.key(0));
        return [value, found] as [Tensor, typeof found];
      };
      const [value, found] = loss(weights);
      expect(Math.abs(await value.item() - golden.loss)).toBeLessThan(tolerance * 10);
      await expectClose(found.picture, golden.picture, tolerance);
      await expectClose(found.assignment, golden.assignment, tolerance);
      const [gradient] = jit(grad(loss, { hasAux: true }))(weights);
      for (const [path, expected] of Object.entries(golden.gradient)) {
        await expectClose(leaf(gradient, path), expected, tolerance * 10);
      }
    },
  );
});

describe("whatever the weights are", () => {
  beforeAll(() => setBackend("reference"));
  const images = () => random.bernoulli(random.key(3), 0.4, [2, 8]).astype("float32");

  test.each(["rnn", "gradient"] as const)(
    "%s: components are equivariant, and K is not in the weights",
    async (cell) => {
      const first = np.softmax(random.normal(random.key(1), [2, 3, 8]), { axis: 1 });
      const order = np.array(Int32Array.of(2, 0, 1));
      const turned = np.take(first, order, { axis: 1 });
      const at = (start: Tensor) => neuralEm({ ...small, cell, level: from(() => start) });
      const weights = at(first).init(random.key(0));
      const one = at(first).apply(weights, images(), random.key(2)).value;
      const other = at(turned).apply(weights, images(), random.key(2)).value;
      await expectClose(
        np.take(one.picture, order, { axis: 1 }),
        other.picture,
        1e-12,
      );
      await expectClose(np.take(one.theta, order, { axis: 1 }), other.theta, 1e-12);
      const more =
        neuralEm({ ...small, cell, slots: 6 }).apply(weights, images(), random.key(2)).value;
      expect(more.assignment.shape).toEqual([2, 6, 8]);
      await expectClose(np.sum(more.assignment, { axis: 1 }), np.ones([2, 8]), 1e-12);
    },
  );

  test("a step of N-EM is one along the gradient of the expected log-likelihood", async () => {
    const model = neuralEm({ ...small, cell: "gradient" });
    const weights = model.init(random.key(0)) as Extract<NeuralEmParams, { rate: unknown }>;
    const x = { image: images(), noise: np.array(0) };
    const at = { t: np.array(0), key: random.key(0) };
    const begin = model.level.init(weights, x, random.key(1)) as Components;
    const theta = random.normal(random.key(5), [2, 3, 4]);
    const picture = (theta: Tensor) => np.sigmoid(np.matmul(np.sigmoid(theta), weights.weight.T));
    const expected = (theta: Tensor) => {
      const psi = picture(theta);
      const on = np.expandDims(x.image, 1);
      const logp = on.mul(np.log(psi)).add(np.subtract(1, on).mul(np.log(np.subtract(1, psi))));
      return np.sum(begin.assignment.mul(logp));
    };
    const z = { ...begin, theta, picture: picture(theta) };
    const next = model.level.step(weights, z, x, at) as Components;
    await expectClose(
      next.theta.sub(theta),
      grad(expected)(theta).mul(weights.rate),
      1e-12,
    );
  });

  test("one component has every pixel, and noise is new in every step unless a fixed point is sought", async () => {
    const model = neuralEm({ ...small, slots: 1 });
    const weights = model.init(random.key(0));
    const { assignment } = model.apply(weights, images(), random.key(2)).value;
    await expectClose(assignment, np.ones([2, 1, 8]), 1e-12);
    const loss = async (options: Partial<NeuralEmOptions>) => {
      const noisy = neuralEm({ ...small, noise: 0.3, ...options });
      return await noisy.loss(noisy.init(random.key(0)), images(), random.key(4))[0].item();
    };
    expect(await loss({})).toBe(await loss({ redraw: true }));
    expect(await loss({})).not.toBe(await loss({ redraw: false }));
    expect(await loss({ adjoint: oneStep(), steps: 2 })).toBe(
      await loss({ redraw: false, steps: 3 }),
    );
    expect(await loss({ adjoint: truncated({ steps: 1 }), lossOn: "all" })).toBe(
      await loss({ lossOn: "all" }),
    );
  });

  test("images of another size are refused, as are parameters of the other cell", () => {
    const model = neuralEm(small);
    const weights = model.init(random.key(0));
    expect(() => model.apply(weights, np.ones([2, 9]), random.key(0))).toThrow(/\[batch, 8\]/);
    const other = neuralEm({ ...small, cell: "gradient" }).init(random.key(0));
    expect(() => model.apply(other, images(), random.key(0))).toThrow(/recurrent/);
    expect(() => neuralEm({ ...small, noise: 2 })).toThrow(/noise/);
  });
});

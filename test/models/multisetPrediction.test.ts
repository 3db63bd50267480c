/** iDSPN against PyTorch, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  grad,
  implicit,
  infer,
  jit,
  neumann,
  np,
  objectiveTrace,
  oneStep,
  phantom,
  random,
  setBackend,
  type Tensor,
  tree,
  truncated,
  unrolled,
} from "trilevel";
import { type MultisetOptions, type MultisetParams, multisetPrediction } from "trilevel/models";
import fixture from "../fixtures/multiset-prediction.json" with { type: "json" };
import { backends } from "../support/backends.ts";

const small = {
  resolution: [4, 4],
  objects: 3,
  size: 4,
  latent: 5,
  hidden: 6,
  steps: 4,
  encoder: { channels: 2, kernel: 3, strides: [2] },
} as const satisfies MultisetOptions;

type DType = "float32" | "float64";
const load = (data: readonly number[], shape: readonly number[], dtype: DType) =>
  np.array(Float64Array.from(data), { shape, dtype });

/** `.image.convs[0].weight` is `image.convs.0.weight` in PyTorch. */
const names = (params: MultisetParams) =>
  tree.paths(tree.structure(params)).map((path) => path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1"));

function loaded(dtype: DType): MultisetParams {
  const params = multisetPrediction(small).init(random.key(0));
  const golden: { readonly [name: string]: { shape: number[]; data: number[] } } = fixture.params;
  const leaves = names(params).map((name) => load(golden[name]!.data, golden[name]!.shape, dtype));
  return tree.unflatten(tree.structure(params), leaves);
}

/** Sets begin where they are told to. */
const from = (first: Tensor): NonNullable<MultisetOptions["level"]> => (own) => ({
  ...own,
  init: () => ({ set: first, velocity: np.zerosLike(first) }),
});

async function expectClose(x: Tensor, expected: Tensor | readonly number[], tolerance: number) {
  const wanted = Array.isArray(expected)
    ? expected as readonly number[]
    : await (expected as Tensor).data();
  const data = await x.data();
  expect(data.length).toBe(wanted.length);
  const size = Math.max(1e-3, ...Array.from(wanted, Math.abs));
  data.forEach((value, i) => expect(Math.abs(value - wanted[i]!) / size).toBeLessThan(tolerance));
}

describe.each(["reference", ...backends.map((b) => b.name)] as const)("on %s", (backend) => {
  beforeAll(() => setBackend(backend));
  const [dtype, tolerance] = backend === "reference"
    ? ["float64", 1e-9] as const
    : ["float32", 2e-4] as const;

  test.each(backend === "reference" ? fixture.cases : fixture.cases.slice(0, 1))(
    "$adjoint, rate $rate, momentum $momentum, clipped at $clip",
    async ({ adjoint, rate, momentum, clip, found, gradient }) => {
      const model = multisetPrediction({
        ...small,
        rate,
        momentum,
        clip,
        adjoint: adjoint === "implicit" ? oneStep() : unrolled(),
        level: from(load(fixture.first, [2, 3, 4], dtype)),
      });
      const image = load(fixture.image, [2, 4, 4, 3], dtype);
      const weights = load(fixture.weights, [2, 3, 4], dtype);
      const loss = (w: MultisetParams): [Tensor, Tensor] => {
        const { predictions } = model.apply(w, image, random.key(0));
        return [np.sum(predictions.mul(weights)), predictions];
      };
      const params = loaded(dtype);
      const [slopes, predictions] = jit(grad(loss, { hasAux: true }))(params);
      await expectClose(predictions, found, tolerance);
      const leaves = tree.flatten(slopes)[0] as Tensor[];
      const golden: { readonly [name: string]: readonly number[] } = gradient;
      for (const [i, name] of names(params).entries()) {
        await expectClose(leaves[i]!, golden[name]!, tolerance * 10);
      }
    },
  );
});

describe("whatever the weights are", () => {
  beforeAll(() => setBackend("reference"));
  const model = multisetPrediction(small);
  const params = () => model.init(random.key(0));
  const images = () => random.normal(random.key(1), [2, 4, 4, 3]);
  const sets = () => random.normal(random.key(2), [2, 3, 4]);

  test("objects that begin in another order end in it; the encoding and the loss do not know any order", async () => {
    const at = (first: Tensor) =>
      multisetPrediction({ ...small, level: from(first) })
        .loss(params(), images(), sets(), random.key(0));
    const [loss, { predictions, matching }] = at(sets().mul(0.1));
    const [other, turned] = at(np.flip(sets().mul(0.1), 1));
    await expectClose(np.flip(turned.predictions, 1), predictions, 1e-12);
    await expectClose(np.flip(turned.matching, 1), matching, 1e-12);
    await expectClose(other, loss, 1e-12);
    await expectClose(
      model.encodeSet(params(), np.flip(sets(), 1)),
      model.encodeSet(params(), sets()),
      1e-12,
    );
  });

  test("the first of equal objects moves elsewhere than the second: multisets are told apart", async () => {
    const one = np.slice(sets(), [], [0, 1]);
    const first = np.concatenate([one, one, one], { axis: 1 });
    const { predictions } = multisetPrediction({ ...small, level: from(first) })
      .apply(params(), images(), random.key(0));
    const apart = np.max(
      np.abs(np.slice(predictions, [], 0).sub(np.slice(predictions, [], 2))),
    );
    expect(await apart.item()).toBeGreaterThan(1e-3);
  });

  test("descent raises the objective, and a sample does not depend on its batch", async () => {
    const z = model.encodeImage(params(), images());
    const trace = (await objectiveTrace(model.level, { steps: 30 })(params(), z, random.key(0))
      .array()) as number[][];
    const [begin, end] = [trace[0]!, trace.at(-1)!] as const;
    end.forEach((value, i) => expect(value).toBeGreaterThan(begin[i]!));
    const first = sets();
    const both = multisetPrediction({ ...small, level: from(first) })
      .apply(params(), images(), random.key(0)).predictions;
    const alone = multisetPrediction({ ...small, level: from(np.slice(first, [0, 1])) })
      .apply(params(), np.slice(images(), [0, 1]), random.key(0)).predictions;
    await expectClose(alone, np.slice(both, [0, 1]), 1e-12);
  });

  test("at the end of a long descent, implicit() is the derivative of a closed form, and others come close", async () => {
    // An encoder that is linear (every feature of one object, no ReLU below zero) has the fixed point Y* = W⁻¹ z.
    const one = { ...small, objects: 1, size: 2, latent: 2, hidden: 4 };
    const w: MultisetParams = {
      ...multisetPrediction(one).init(random.key(0)),
      set: {
        // relu(y) and relu(−y) together are linear in y.
        mlp: [
          { weight: np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]), bias: np.zeros([4]) },
          { weight: np.array([[1, -1, 0.25, -0.25], [0, 0, 1, -1]]), bias: np.zeros([2]) },
        ],
        pool: np.ones([1, 2]),
      },
    };
    const z = np.array([[0.7, -0.4]]);
    const slope = (adjoint: NonNullable<MultisetOptions["adjoint"]>) => {
      const { level } = multisetPrediction({ ...one, adjoint });
      const solve = infer(level, { steps: 400, adjoint, noise: "fixed", batchAxis: 0 });
      const outer = np.array([[[1, 2]]]);
      return grad((z: Tensor) => np.sum(solve(w, z, random.key(3)).value.set.mul(outer)))(z);
    };
    // Y = (z₀ − z₁/4, z₁), so ∂(Y₀ + 2Y₁)/∂z = (1, 7/4).
    await expectClose(slope(implicit()), [1, 1.75], 1e-4);
    await expectClose(slope(unrolled()), [1, 1.75], 1e-4);
    await expectClose(slope(neumann({ terms: 40 })), [1, 1.75], 1e-3);
    // One term: Wᵀ/2 in place of W⁻¹, half of it from the mean over the two features.
    await expectClose(slope(oneStep()), [0.75, 1], 1e-4);
  });

  test.each([
    truncated({ steps: 2 }),
    phantom({ terms: 2, damping: 0.5 }),
    neumann({ terms: 2 }),
    implicit(),
  ])("$name gives finite gradients", async (adjoint) => {
    const other = multisetPrediction({ ...small, adjoint });
    const slopes = grad((p: MultisetParams) => other.loss(p, images(), sets(), random.key(0))[0])(
      params(),
    );
    expect(await np.all(np.isfinite(slopes.image.out.weight)).item()).toBe(1);
    expect(await np.sum(np.abs(slopes.set.pool)).item()).toBeGreaterThan(0);
  });

  test("images and targets of another size are refused, as are parameters of another model", () => {
    expect(() => model.apply(params(), np.zeros([2, 5, 4, 3]), random.key(0))).toThrow(
      /\[batch, 4, 4, 3\]/,
    );
    expect(() => model.loss(params(), images(), np.zeros([2, 4, 4]), random.key(0))).toThrow(
      /targets/,
    );
    expect(() => model.apply({} as MultisetParams, images(), random.key(0))).toThrow(/image/);
    expect(() => multisetPrediction({ ...small, momentum: 2 })).toThrow(/momentum/);
    expect(() => multisetPrediction({ ...small, steps: 0 })).toThrow(/steps/);
  });
});

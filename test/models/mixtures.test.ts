/** EM and soft k-means: against PyTorch, against closed forms in ten digits, and what holds for all points. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Adjoint,
  contraction,
  grad,
  implicit,
  infer,
  jit,
  np,
  objectiveTrace,
  oneStep,
  random,
  setBackend,
  Tensor,
  unrolled,
} from "trilevel";
import {
  bernoulliMixture,
  gaussianMixture,
  type Mixture,
  type MixtureOptions,
  softKMeans,
  type SoftKMeansParams,
} from "trilevel/models";
import fixture from "../fixtures/mixtures.json" with { type: "json" };
import { closeTo } from "../nested/closeTo.ts";
import { f64 } from "../nested/levels.ts";
import { backends } from "../support/backends.ts";

let key: Tensor;
const use = (backend: Parameters<typeof setBackend>[0]) => async () => {
  await setBackend(backend);
  key = random.key(0);
};
const makers = { gaussianMixture, bernoulliMixture, softKMeans };
type Kind = keyof typeof makers;
type Tree = Record<string, Tensor>;

const tensors = (tree: Record<string, unknown>, of: (x: never) => Tensor): Tree =>
  Object.fromEntries(Object.entries(tree).map(([name, x]) => [name, of(x as never)]));

/** A mixture whose clusters begin where they are told to. */
const from = (
  kind: Kind,
  start: Tree,
  options: Omit<MixtureOptions<never, never>, "level">,
): Mixture<Tree, Tree> => {
  const make = makers[kind] as unknown as (options: MixtureOptions<Tree, Tree>) => Mixture<
    Tree,
    Tree
  >;
  return make({ ...options, level: (own) => ({ ...own, init: () => start }) });
};

const close = (x: Tensor, expected: unknown, tolerance: number) =>
  closeTo(np.ravel(x), [expected].flat(4) as number[], tolerance);

describe.each(["reference", ...backends.map((b) => b.name)] as const)("on %s", (backend) => {
  beforeAll(use(backend));
  const exact = backend === "reference";
  const array = (x: never) => exact ? f64(x) : np.array(x);

  // Fixed points are found by iteration alone on the backends of one precision: their last digits are theirs.
  test.each(fixture.cases.filter(({ steps }) => exact || steps < 10))(
    "$kind after $steps steps equals PyTorch",
    async ({ kind: name, steps, ...golden }) => {
      const kind = name as Kind;
      const data = tensors(
        kind === "bernoulliMixture" ? fixture.binary : fixture.real,
        array,
      );
      const long = steps > 10;
      const model = from(kind, tensors(fixture.starts[kind], array), {
        size: 2,
        clusters: 3,
        steps: long ? 600 : steps,
        adjoint: long ? implicit() : unrolled(),
      });
      const params = tensors(fixture.params[kind], array);
      const loss = (p: Tree) => {
        const [value, { value: z, ys }] = model.loss(p, data["points"]!, data["others"]!, key);
        return [value, [z, ys]] as [Tensor, [Tree, Tensor]];
      };
      const [value] = loss(params);
      const [gradient, [z, gamma]] = jit(grad(loss, { hasAux: true }))(params);
      const tolerance = !exact ? 1e-4 : long ? 1e-6 : 1e-9;
      await close(value, golden.loss, tolerance);
      await close(gamma, golden.assignment, tolerance);
      for (const [part, expected] of Object.entries(golden.clusters)) {
        await close(z[part]!, expected, tolerance);
      }
      for (const [part, expected] of Object.entries(golden.gradient)) {
        await close(gradient[part]!, expected, tolerance * 10);
      }
    },
  );
});

describe("in ten digits", () => {
  beforeAll(use("reference"));
  /** The imaginary points of plain EM: none. */
  const none = (size = 1) => ({
    logStrength: f64(-Infinity),
    center: np.zeros([size], { dtype: "float64" }),
    logSpread: np.zeros([size], { dtype: "float64" }),
  });
  const column = (x: readonly number[]) => f64([x.map((value) => [value])]);

  test("a Gaussian mixture", async () => {
    const x = column([-1.2, -0.7, 0.1, 0.4, 1.5, 2]);
    const start = { weight: f64([[0.5, 0.5]]), mean: column([-1, 1]), variance: column([1, 1]) };
    const { level } = from("gaussianMixture", start, { size: 1, clusters: 2 });
    const { value, ys } = infer(level, { steps: 1, collect: "all" })(none(), x, key);
    await closeTo(np.slice(ys, 0, 0, ":", 0), [
      0.9168273035,
      0.8021838886,
      0.4501660027,
      0.3100255189,
      0.0474258732,
      0.0179862100,
    ]);
    await close(value["weight"]!, [0.4241024661, 0.5758975339], 1e-9);
    await close(value["mean"]!, [-0.5445159914, 1.0087394729], 1e-9);
    await close(value["variance"]!, [0.4682782936, 0.8357662024], 1e-9);
    const trace = await objectiveTrace(level, { steps: 300 })(none(), x, key).data();
    await closeTo(f64([0, 1, 20, 300].map((t) => trace[t]!)), [
      -9.6042839057,
      -8.8882204275,
      -8.1833275291,
      -7.7176778167,
    ]);
  });

  test("a Bernoulli mixture", async () => {
    const x = f64([[[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 1], [0, 1, 1]]]);
    const start = { weight: f64([[0.6, 0.4]]), mean: f64([[[0.7, 0.6, 0.3], [0.3, 0.5, 0.8]]]) };
    const { level } = from("bernoulliMixture", start, { size: 3, clusters: 2 });
    const { value, ys } = infer(level, { steps: 1, collect: "all" })(none(3), x, key);
    await closeTo(np.slice(ys, 0, 0, ":", 0), [
      0.9363057325,
      0.9074074074,
      0.6116504854,
      0.1616766467,
      0.2243767313,
    ]);
    await closeTo(np.slice(value["weight"]!, 0, 0), 0.5682834007);
    await closeTo(np.slice(value["mean"]!, 0, 0), [0.8641335019, 0.6237496809, 0.3511289833]);
    const trace = await objectiveTrace(level, { steps: 1 })(none(3), x, key).data();
    await closeTo(f64([...trace]), [-9.7512682163, -9.1347741043]);
  });

  /** Soft k-means of two means on a line, from −1 and 1. */
  const onLine = (options: { steps?: number; adjoint?: Adjoint }, start = [-1, 1]) =>
    from("softKMeans", { mean: column(start) }, {
      size: 1,
      clusters: 2,
      steps: 200,
      ...options,
    });
  const weights = (beta: number, kappa = 0, center = 0): SoftKMeansParams => ({
    logInverseTemperature: f64(Math.log(beta)),
    logStrength: f64(Math.log(kappa)),
    center: f64([center]),
  });
  const six = () => column([-2, -1.5, -1, 0.5, 1.5, 2.5]);

  test("the rate of means alone is the missing information", async () => {
    const { level, apply } = onLine({});
    const { value } = apply(weights(1), six(), key);
    await close(value["mean"]!, [-1.3388818532, 1.5350313993], 1e-9);
    const { radius } = contraction(level, { steps: 60 })(weights(1), value, six(), key);
    await closeTo(radius, 0.3471588417, 1e-7);
    const { each } = infer(level, { steps: 21, collect: "all" })(weights(1), six(), key);
    const errors = await np.linalg.norm(
      each["mean"]!.sub(value["mean"]!).reshape([21, 2]),
      { axis: 1 },
    ).data();
    expect(errors[20]! / errors[19]!).toBeCloseTo(0.347159, 5);
  });

  /** The gradient of μ₁ + 2μ₂ at the fixed point, in the weights and in the points. */
  const slopes = (adjoint: Adjoint, w: SoftKMeansParams) => {
    const { apply } = onLine({ adjoint });
    return grad((w: SoftKMeansParams, x: Tensor) => {
      const { value } = apply(w, x, key);
      return np.sum(value["mean"]!.mul(column([1, 2])));
    }, { argnums: [0, 1] })(w, six());
  };

  test("the implicit derivative is that of finite differences, and one step gives dβ the wrong sign", async () => {
    const [dw, dx] = slopes(implicit(), weights(1));
    await close(dx, [
      0.5411567315,
      0.4827698288,
      0.2747245435,
      -0.1895300966,
      0.9034171309,
      0.9874618619,
    ], 1e-7);
    await closeTo(dw.logInverseTemperature, -0.0416791962, 1e-7); // dβ, at β = 1
    const [short] = slopes(oneStep(), weights(1));
    expect(await short.logInverseTemperature.item()).toBeCloseTo(0.0245, 4);
  });

  test("imaginary points move the fixed point", async () => {
    const w = weights(1, 2);
    const { level, apply } = onLine({});
    const { value } = apply(w, six(), key);
    await close(value["mean"]!, [-0.7222163806, 0.7608632280], 1e-9);
    await closeTo(contraction(level, { steps: 80 })(w, value, six(), key).radius, 0.3777, 1e-4);
    const [slope] = slopes(implicit(), w);
    await close(slope.center, [1.4290448131], 1e-7);
    await closeTo(slope.logStrength.div(2), -0.2911859723, 1e-7); // dκ, at κ = 2
  });

  const points = [-0.8, -0.3, 0.2, 0.9];
  const split = (offset: number) =>
    column([...points.map((p) => p - offset), ...points.map((p) => p + offset)]);

  test.each([[0.75, 0.9575], [1, 0.5034], [2, 0.0452]])(
    "clusters ±%d apart are found at the rate %d",
    async (offset, rate) => {
      const { level, apply } = onLine({ steps: 600 }, [-offset, offset]);
      const { value } = apply(weights(1), split(offset), key);
      const { radius } = contraction(level, { steps: 200 })(weights(1), value, split(offset), key);
      await closeTo(radius, rate, 1e-4);
    },
  );

  test("below β_c = 1 / λ_max(Cov) all means are one, above they part", async () => {
    const variance = await np.variance(split(0.75)).item();
    const apart = async (beta: number) => {
      const { apply } = onLine({ steps: 400 }, [-0.3, 0.4]);
      const [a, b] = await apply(weights(beta), split(0.75), key).value["mean"]!.data();
      return Math.abs(a! - b!);
    };
    expect(await apart(0.9 / variance)).toBeLessThan(1e-6);
    expect(await apart(1.2 / variance)).toBeGreaterThan(0.3);
  });
});

describe("whatever the points are", () => {
  beforeAll(use("reference"));
  const kinds = Object.keys(makers) as Kind[];
  const data = (kind: Kind) => {
    const x = random.normal(random.key(4), [2, 12, 3]);
    return kind === "bernoulliMixture" ? np.greater(x, 0).astype("float32") : x;
  };

  test.each(kinds)(
    "%s never lowers its objective, with imaginary points or without",
    async (kind) => {
      for (const strength of [0, 0.5, 3]) {
        const { level, init } = makers[kind]({ size: 3, clusters: 4, strength });
        // The three kinds differ in their weights; here each has its own.
        const traced = objectiveTrace(level as Mixture<Tree, Tree>["level"], { steps: 15 });
        const trace = await traced(init(key) as Tree, data(kind), key).array() as number[][];
        for (let t = 1; t < trace.length; t++) {
          trace[t]!.forEach((value, b) => expect(value).toBeGreaterThan(trace[t - 1]![b]! - 1e-9));
        }
      }
    },
  );

  test.each(kinds)("%s: clusters are equivariant, and K is not in the weights", async (kind) => {
    const model = makers[kind]({ size: 3, clusters: 4, strength: 1 }) as unknown as Mixture<
      Tree,
      Tree
    >;
    const weights = model.init(key);
    const start = model.level.init(weights, data(kind), key);
    const order = np.array(Int32Array.of(3, 1, 0, 2));
    const turned = tensors(start, (x) => np.take(x, order, { axis: 1 }));
    const solved = (begin: Tree) =>
      from(kind, begin, { size: 3, clusters: 4, steps: 6 }).apply(weights, data(kind), key);
    const [one, other] = [solved(start), solved(turned)];
    await close(np.take(one.ys, order, { axis: 2 }), await other.ys.array(), 1e-12);
    for (const part of Object.keys(start)) {
      const moved = np.take(one.value[part]!, order, { axis: 1 });
      await close(moved, await other.value[part]!.array(), 1e-12);
    }
    const fewer = makers[kind]({ size: 3, clusters: 2 }) as unknown as typeof model;
    expect(fewer.apply(weights, data(kind), key).ys.shape).toEqual([2, 12, 2]);
    expect(Object.values(weights).every((x) => x instanceof Tensor && x.size <= 3)).toBe(true);
  });

  test("a cluster of equal points keeps a variance above 0", async () => {
    const model = gaussianMixture({ size: 1, clusters: 1 });
    const { value } = model.apply(model.init(key), np.full([1, 4, 1], 2), key);
    await closeTo(np.ravel(value.variance), [1e-6], 1e-12);
    expect(Number.isFinite(
      await model.level.objective!(
        model.init(key),
        value,
        np.full([1, 4, 1], 2),
        { t: np.array(0), key },
      ).item(),
    )).toBe(true);
  });

  test("more clusters than points, and points of another size, are refused", () => {
    const model = softKMeans({ size: 2, clusters: 5 });
    const params = model.init(key);
    expect(() => model.apply(params, np.ones([1, 3, 2]), key)).toThrow(
      /softKMeans: 5 clusters begin at one point each, but a set has only 3 points/,
    );
    expect(() => model.apply(params, np.ones([1, 6, 3]), key)).toThrow(/\[batch, points, 2\]/);
    expect(() => model.loss(params, np.ones([1, 6, 2]), np.ones([6, 2]), key)).toThrow(
      /\[batch, points, 2\]/,
    );
    const { logStrength, center } = params;
    const other = { logStrength, center } as SoftKMeansParams;
    expect(() => model.apply(other, np.ones([1, 6, 2]), key)).toThrow(/logInverseTemperature/);
  });
});

/** `infer` against loops written out, for every way to look at the iterates and to differentiate them. */
import { describe, expect, test } from "vitest";
import {
  type Adjoint,
  anderson,
  backend,
  grad,
  implicit,
  infer,
  type InferOptions,
  jit,
  type Level,
  neumann,
  np,
  oneStep,
  phantom,
  random,
  setBackend,
  stopGradient,
  type Tensor,
  tree,
  truncated,
  unrolled,
  vmap,
} from "trilevel";
import { loose } from "../support/mistakes.ts";
import { backends } from "../support/backends.ts";
import { someOf } from "../support/tier.ts";

type W = { readonly a: Tensor; readonly b: Tensor };
type Z = { readonly u: Tensor; readonly count: Tensor };

/** A contraction with noise, whose state holds a counter beside the floats, and whose y is the step's input. */
const level: Level<W, Tensor, Z, Tensor> = {
  init: (w, x, key) => ({
    u: np.tanh(w.b.mul(x)).add(random.normal(key, [3]).mul(0.1)),
    count: np.array(0, { dtype: "int32" }),
  }),
  step: (w, { u, count }, x, { t, key }) =>
    [{
      u: np.tanh(u.mul(w.a).add(x)).mul(0.7).add(random.normal(key, [3]).mul(0.05))
        .add(t.astype("float32").mul(0.01)),
      count: count.add(1),
    }, u] as const,
};

const steps = 5;
const x = () => np.array([0.3, -0.2, 0.5]);
const weights = (): W => ({ a: np.array([0.5, -0.4, 0.3]), b: np.array([0.2, 0.1, -0.3]) });
const seed = () => random.key(3);

/** The same by hand: iterates 1 … T, with the carry constant where `cutBefore(t)` says so. */
function written(w: W, x: Tensor, noise: "fresh" | "fixed", cutBefore: (t: number) => boolean) {
  const iterates: Z[] = [];
  const inputs: Tensor[] = [];
  let z = level.init(w, x, seed());
  for (let t = 0; t < steps; t++) {
    if (cutBefore(t)) z = { ...z, u: stopGradient(z.u) };
    const place = noise === "fresh" ? t : 0;
    const at = { t: np.array(place, { dtype: "int32" }), key: random.foldIn(seed(), place + 1) };
    const [next, y] = level.step(w, z, x, at) as readonly [Z, Tensor];
    iterates.push(z = next);
    inputs.push(y);
  }
  return { iterates, inputs };
}

const flat = async (of: unknown) =>
  (await Promise.all(tree.leaves(of as tree.Tree<Tensor>).map(async (v) => [...await v.data()])))
    .flat();

/** Equal to the rounding of the backend. */
async function same(actual: unknown, expected: unknown): Promise<void> {
  const [a, b] = [await flat(actual), await flat(expected)];
  expect(a).toHaveLength(b.length);
  const digits = backend() === "reference" ? 12 : 5;
  a.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, digits));
}

const cuts: readonly [Adjoint, (t: number) => boolean][] = [
  [unrolled(), () => false],
  [unrolled({ checkpoint: true }), () => false],
  ...[1, 2, 3, 4].map((k) =>
    [truncated({ steps: k }), (t: number) => (steps - t) % k === 0] as const
  ),
  [truncated({ steps }), () => false],
  [truncated({ steps: 9 }), () => false],
].map(([adjoint, cut]) => [adjoint as Adjoint, cut as (t: number) => boolean]);

for (const [i, name] of (["reference", ...backends.map((b) => b.name)] as const).entries()) {
  const some = someOf(cuts, i).map(([adjoint, cut]) => [adjoint.name, adjoint, cut] as const);
  describe(name, () => {
    test.each(some)(
      "%s: all iterates, their outputs and their gradients",
      async (_, adjoint, cut) => {
        await setBackend(name);
        for (const noise of ["fresh", "fixed"] as const) {
          const run = infer(level, { steps, collect: "all", adjoint, noise });
          const { value, each, ys, stats } = run(weights(), x(), seed());
          const { iterates, inputs } = written(weights(), x(), noise, cut);
          await same(value, iterates.at(-1));
          await same(each.u, np.stack(iterates.map((z) => z.u)));
          await same(each.count, np.array([1, 2, 3, 4, 5]));
          await same(ys, np.stack(inputs));
          const moved = iterates.map((z, t) => np.linalg.norm(z.u.sub(inputs[t]!)));
          await same(stats.trace, np.stack(moved));

          const factors = np.array([[1], [-2], [0.5], [3], [-1]]);
          const outer = (us: Tensor) => np.sum(np.square(us).mul(factors));
          const gradient = jit(grad((w: W, x: Tensor) => outer(run(w, x, seed()).each.u), {
            argnums: [0, 1],
          }));
          const expected = grad(
            (w: W, x: Tensor) =>
              outer(np.stack(written(w, x, noise, cut).iterates.map((z) => z.u))),
            {
              argnums: [0, 1],
            },
          );
          await same(gradient(weights(), x()), expected(weights(), x()));
        }
      },
    );

    test.each(some)(
      "%s: the last iterate",
      async (_, adjoint, cut) => {
        await setBackend(name);
        // The last iterate sees the last cut alone.
        const last = (t: number) =>
          cut(t) && ![1, 2, 3, 4].some((d) => t + d < steps && cut(t + d));
        for (const noise of ["fresh", "fixed"] as const) {
          const run = infer(level, { steps, adjoint, noise });
          const { value, each } = run(weights(), x(), seed());
          expect(each).toBeNull();
          await same(value, written(weights(), x(), noise, last).iterates.at(-1));
          const gradient = grad((w: W) => np.sum(np.square(run(w, x(), seed()).value.u)));
          const expected = grad((w: W) =>
            np.sum(np.square(written(w, x(), noise, last).iterates.at(-1)!.u))
          );
          await same(gradient(weights()), expected(weights()));
        }
      },
    );
  });
}

describe("levels under transformations", () => {
  test("vmap over data and keys is one by one", async () => {
    await setBackend("reference");
    const run = infer(level, { steps, collect: "all", adjoint: truncated({ steps: 2 }) });
    const xs = np.stack([x(), x().mul(-1), x().mul(2)]);
    const keys = random.splitStacked(seed(), 3);
    const outer = (w: W, x: Tensor, key: Tensor) => np.sum(np.square(run(w, x, key).each.u));
    const together = vmap(grad(outer), { inAxes: [null, 0, 0] })(weights(), xs, keys);
    for (const i of [0, 1, 2]) {
      const one = grad(outer)(weights(), np.slice(xs, i), np.slice(keys, i));
      await same({ a: np.slice(together.a, i), b: np.slice(together.b, i) }, one);
    }
  });

  test("with a batch axis samples stop on their own, each with its statistics", async () => {
    await setBackend("reference");
    const root: Level<null, Tensor, Tensor> = {
      init: (_, x) => np.onesLike(x),
      step: (_, z, x) => z.add(x.div(z)).mul(0.5),
    };
    const options = { steps: 50, noise: "fixed", batchAxis: 0, atol: 1e-9 } as const;
    const xs = np.array([[1], [4], [1e6]], { dtype: "float64" });
    const { value, stats } = infer(root, options)(null, xs, seed());
    const roots = [...await value.data()].map((root, i) => root / [1, 2, 1000][i]! - 1);
    for (const off of roots) expect(Math.abs(off)).toBeLessThan(1e-12);
    const taken = await stats.steps.data();
    expect(taken[0]!).toBeLessThan(taken[1]!);
    expect(taken[1]!).toBeLessThan(taken[2]!);
    const all = infer(root, { steps: 4, batchAxis: 0, collect: "all" })(null, xs, seed());
    expect(all.stats.trace.shape).toEqual([4, 3]);
  });
});

test("a solver, a tolerance or an adjoint of fixed points means that every step is the same map", async () => {
  await setBackend("reference");
  const noisy: Level<null, Tensor, Tensor> = {
    init: (_, x) => np.zerosLike(x),
    step: (_, z, x, { key }) => z.mul(0.5).add(x).add(random.normal(key, [3]).mul(0.1)),
  };
  for (const way of [{ solver: anderson() }, { atol: 1e-9 }, { adjoint: implicit() }]) {
    const { value } = infer(noisy, { steps: 60, ...way })(null, x(), seed());
    const once = noisy.step(null, value, x(), {
      t: np.array(0, { dtype: "int32" }),
      key: random.foldIn(seed(), 1),
    }) as Tensor;
    const [a, b] = [await value.data(), await once.data()];
    a.forEach((v, i) => expect(v).toBeCloseTo(b[i]!, 6));
  }
});

describe("what has no meaning is refused in words", () => {
  const refused: readonly [string, Partial<InferOptions>, RegExp][] = [
    ["all with oneStep", { collect: "all", adjoint: oneStep() }, /differentiates one point/],
    ["all with neumann", { collect: "all", adjoint: neumann({ terms: 3 }) }, /differentiates one/],
    ["all with phantom", {
      collect: "all",
      adjoint: phantom({ terms: 2, damping: 0.5 }),
    }, /differentiates one point/],
    ["all with implicit", { collect: "all", adjoint: implicit() }, /truncated\(\{ steps: 1 \}\)/],
    ["all with anderson", { collect: "all", solver: anderson() }, /iterates are not those/],
    ["all with a tolerance", { collect: "all", atol: 1e-3 }, /about one solution/],
    ["fresh noise with oneStep", { noise: "fresh", adjoint: oneStep() }, /same map in every step/],
    ["fresh noise with implicit", { noise: "fresh", adjoint: implicit() }, /noise: "fixed"/],
    ["fresh noise with a solver", { noise: "fresh", solver: anderson() }, /the solver anderson/],
    ["fresh noise with a tolerance", { noise: "fresh", rtol: 1e-3 }, /no iterate stays the same/],
    ["an unknown word", { collect: loose("some") }, /`collect` must be/],
    ["no steps", { steps: loose(undefined) }, /`steps` is missing/],
  ];
  test.each(refused)("%s", (_, options, words) => {
    expect(() => infer(level, loose({ steps, ...options }))).toThrow(words);
  });

  test("a step that changes its tree", async () => {
    await setBackend("reference");
    const other = (next: (z: { u: Tensor }) => unknown): Level<null, Tensor, { u: Tensor }> => ({
      init: (_, x) => ({ u: x }),
      step: (_, z) => loose(next(z)),
    });
    for (const collect of ["last", "all"] as const) {
      const run = (next: (z: { u: Tensor }) => unknown) => () =>
        infer(other(next), loose({ steps, collect }))(null, x(), seed());
      expect(run(({ u }) => ({ v: u }))).toThrow(/keys \{u\} against \{v\}/);
      expect(run(({ u }) => ({ u: np.concatenate([u, u]) }))).toThrow(/float32\[6\]/);
      expect(run(({ u }) => ({ u: u.astype("int32") }))).toThrow(/int32\[3\]/);
    }
  });
});

/** Leaves of z that are not float are carried from step to step, as in a loop written out. */
import {
  type Adjoint,
  anderson,
  fixedPointIteration,
  forward,
  grad,
  implicit,
  jit,
  jvp,
  neumann,
  np,
  oneStep,
  phantom,
  random,
  setBackend,
  stopGradient,
  type Tensor,
  truncated,
  unrolled,
  vmap,
} from "trilevel";
import { describe, expect, it } from "vitest";

await setBackend("reference");
const f64 = (x: number | number[]) => np.array(x, { dtype: "float64" });
const list = async (x: Tensor) => [...await x.data()].map(Number);

/** One of each kind: what is differentiated, a counter, a flag, a key, a wide number, a table. */
type Z = {
  v: Tensor;
  count: Tensor;
  even: Tensor;
  key: Tensor;
  wide: Tensor;
  rest: readonly [Tensor, null];
};

const start = (): Z => ({
  v: f64([0.3, -0.2]),
  count: np.array(0, { dtype: "int32" }),
  even: np.array(true),
  key: random.key(3),
  wide: np.array([250, 4294967295], { dtype: "uint32" }),
  rest: [np.array([[1, 2], [3, 4]], { dtype: "int32" }), null],
});

// Every leaf moves, and v depends on all of them.
function step({ v, count, even, key, wide, rest: [table] }: Z, a: Tensor): Z {
  const [next, use] = random.split(key);
  const noise = random.normal(use, [2], { dtype: "float64" }).mul(0.1);
  const summed = np.add(count, np.sum(table)).astype("float64").mul(0.01);
  const byWide = wide.astype("float64").mul(1e-10);
  return {
    v: np.where(even, np.cos(v).mul(a), v.mul(0.5)).add(noise).add(summed).add(byWide),
    count: count.add(1),
    even: np.logicalNot(even),
    key: next,
    wide: wide.add(np.array(1, { dtype: "uint32" })),
    rest: [np.roll(table, 1, { axis: 0 }).add(count), null],
  };
}

/** The loop written out; before step `cut` the carry is constant. */
function written(n: number, a: Tensor, cut = 0): Z {
  let z = start();
  for (let k = 0; k < n; k++) {
    if (k === cut) z = { ...z, v: stopGradient(z.v) };
    z = step(z, a);
  }
  return z;
}

const loss = ({ v, count }: Z) => np.sum(np.sin(v)).mul(count.astype("float64").add(1));
const fixed = { maxSteps: 7, atol: 0, rtol: 0 };

const adjoints: Record<string, [adjoint: Adjoint, applications: number | undefined]> = {
  unrolled: [unrolled(), 7],
  "unrolled, recomputed": [unrolled({ checkpoint: true }), 7],
  "truncated to 1": [truncated({ steps: 1 }), 1],
  "truncated to 3": [truncated({ steps: 3 }), 3],
  "truncated to more than there are": [truncated({ steps: 20 }), 7],
  oneStep: [oneStep(), undefined],
  neumann: [neumann({ terms: 3 }), undefined],
  phantom: [phantom({ terms: 2, damping: 0.5 }), undefined],
  implicit: [implicit(), undefined],
};

async function expectSame(found: Z, right: Z): Promise<void> {
  for (const name of ["v", "count", "even", "key", "wide"] as const) {
    expect([name, await list(found[name])]).toEqual([name, await list(right[name])]);
    expect(found[name].dtype).toBe(right[name].dtype);
  }
  expect(await list(found.rest[0])).toEqual(await list(right.rest[0]));
}

describe.each(Object.entries(adjoints))("%s", (_, [adjoint, applications]) => {
  const solve = fixedPointIteration(step, { ...fixed, adjoint });

  it("takes the steps of a loop written out, in all leaves", async () => {
    await expectSame(solve(start(), f64(0.9)).value, written(7, f64(0.9)));
    const compiled = jit((a: Tensor) => solve(start(), a).value);
    await expectSame(compiled(f64(0.9)), written(7, f64(0.9)));
  });

  it("has the loop's derivative, where it has one", async () => {
    const f = (a: Tensor) => loss(solve(start(), a).value);
    const found = await grad(f)(f64(0.9)).item();
    expect(await jvp(f, [f64(0.9)], [f64(1)])[1].item()).toBeCloseTo(found, 12);
    expect(await jit(grad(f))(f64(0.9)).item()).toBeCloseTo(found, 12);
    expect(await vmap(grad(f))(f64([0.9, 0.4])).data()).toHaveLength(2);
    if (applications === undefined) {
      expect(Number.isFinite(found)).toBe(true);
      return;
    }
    const right = grad((a: Tensor) => loss(written(7, a, 7 - applications)))(f64(0.9));
    expect(found).toBeCloseTo(await right.item(), 12);
    const second = await grad(grad(f))(f64(0.9)).item();
    const bend = grad(grad((a: Tensor) => loss(written(7, a, 7 - applications))))(f64(0.9));
    expect(second).toBeCloseTo(await bend.item(), 11);
  });

  it("with samples that stop on their own, each as alone", async () => {
    const pair = <T>(f: (i: number) => T) => [f(0), f(1)];
    const stack = (xs: Tensor[]) => np.stack(xs, { axis: 0 });
    // The second sample comes to rest, the first counts on.
    type Small = { v: Tensor; n: Tensor };
    const small = ({ v, n }: Small, limit: Tensor): Small => ({
      v: v.mul(0.5).add(n.astype("float64")),
      n: np.minimum(n.add(1), limit),
    });
    const options = { adjoint, maxSteps: 30, atol: 1e-3, rtol: 0 };
    const limits = [np.array(100, { dtype: "int32" }), np.array(3, { dtype: "int32" })];
    const zero = (): Small => ({ v: f64(1), n: np.array(0, { dtype: "int32" }) });
    const alone = limits.map((limit) => fixedPointIteration(small, options)(zero(), limit));
    const together = fixedPointIteration(small, { ...options, batchAxis: 0 })(
      { v: stack(pair(() => zero().v)), n: stack(pair(() => zero().n)) },
      stack(limits),
    );
    const values = (name: "v" | "n") => Promise.all(alone.map(({ value }) => value[name].item()));
    expect(await list(together.value.v)).toEqual(await values("v"));
    expect(await list(together.value.n)).toEqual(await values("n"));
    expect(await list(together.stats.converged)).toEqual([0, 1]);
  });
});

it("a counter of three steps: v is 2.5, n is 3", async () => {
  const solve = fixedPointIteration(({ v, n }: { v: Tensor; n: Tensor }) => ({
    v: v.mul(0.5).add(n),
    n: n.add(1),
  }), { maxSteps: 3 });
  const { value, stats } = solve({ v: np.array(0), n: np.array(0, { dtype: "int32" }) });
  expect([await value.v.item(), await value.n.item()]).toEqual([2.5, 3]);
  expect(await stats.converged.item()).toBe(0);
});

it("one key for all samples, where the axes say so", async () => {
  type Shared = { v: Tensor; key: Tensor };
  const noisy = ({ v, key }: Shared): Shared => {
    const [next, use] = random.split(key);
    return { v: v.mul(0.5).add(random.normal(use, v.shape, { dtype: "float64" })), key: next };
  };
  const z0 = (): Shared => ({ v: np.ones([3, 2], { dtype: "float64" }), key: random.key(1) });
  const { value, stats } = fixedPointIteration(noisy, {
    maxSteps: 4,
    batchAxis: { v: 0, key: null },
  })(z0());
  let z = z0();
  for (let k = 0; k < 4; k++) z = noisy(z);
  expect(await list(value.v)).toEqual(await list(z.v));
  expect(await list(value.key)).toEqual(await list(z.key));
  expect(stats.steps.shape).toEqual([3]);
  expect(() =>
    fixedPointIteration(noisy, { batchAxis: 0 })({ ...z0(), v: np.ones([3], { dtype: "float64" }) })
  )
    .toThrow(/batchAxis 0 does not fit z = .*uint32\[2\].*/);
});

it("solvers that keep the best iterate keep what belongs to it", async () => {
  const stepOf = ({ v, n }: { v: Tensor; n: Tensor }) => ({
    v: np.cos(v).mul(1.7),
    n: n.add(1),
  });
  const z0 = { v: f64(0.4), n: np.array(0, { dtype: "int32" }) };
  const { value, stats } = fixedPointIteration(stepOf, { solver: anderson(), maxSteps: 9 })(z0);
  const trace = await list(stats.trace);
  expect(await value.n.item()).toBe(trace.indexOf(Math.min(...trace)));
  const best = fixedPointIteration(stepOf, { solver: forward(), best: true, maxSteps: 9 })(z0);
  const v = await best.value.v.item();
  expect(Math.abs(1.7 * Math.cos(v) - v)).toBeCloseTo(await best.stats.residual.item(), 12);
});

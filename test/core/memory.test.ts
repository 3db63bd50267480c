/** Who owns memory: outputs belong to the caller, everything else is freed. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  checkpoint,
  cond,
  customJvp,
  customVjp,
  dispose,
  fixedPointIteration,
  foriLoop,
  grad,
  hessian,
  hvp,
  implicit,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  linearTranspose,
  memory,
  np,
  random,
  scan,
  scope,
  setBackend,
  switchCase,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";
import { openBackend } from "../../src/runtime/choice.ts";
import { collectGarbage, survivors } from "../support/garbage.ts";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend("reference"));

const live = () => memory().reference!;
const f = (x: Tensor) => np.sum(np.tanh(x).mul(np.exp(np.cumsum(x))));

describe("eager calls leave nothing but their results", () => {
  const clipped = customVjp(
    (x: Tensor) => np.sin(x),
    (x) => [np.sin(x), x],
    (x: Tensor, ct: Tensor) => [ct.mul(x)],
  );
  const doubled = customJvp((x: Tensor) => np.sin(x), ([x], [dx]) => [np.sin(x), dx.mul(2)]);
  const calls: Record<string, (x: Tensor, xs: Tensor) => unknown> = {
    "grad": grad(f),
    "valueAndGrad": valueAndGrad(f),
    "grad of grad": grad((x: Tensor) => grad(f)(x).sum()),
    "jvp": (x) => jvp(f, [x], [x]),
    "vmap": (x) => vmap((y: Tensor) => np.exp(y).add(y))(x),
    "jit": jit(f),
    "checkpoint": grad(checkpoint(f)),
    "jacfwd": jacfwd((x: Tensor) => np.exp(x)),
    "jacrev": jacrev((x: Tensor) => np.exp(x)),
    "hessian": hessian(f),
    "hvp": (x) => hvp(f, [x], [x]),
    "linearTranspose": (x) => linearTranspose((y: Tensor) => y.mul(x), x)(x),
    "customVjp": grad((x: Tensor) => clipped(x).sum()),
    "customJvp": grad((x: Tensor) => doubled(x).sum()),
    "scan": (x, xs) => scan((c: Tensor, s: Tensor) => [c.mul(s).add(x), c], x, xs),
    "cond": (x) => cond(true, (y: Tensor) => y.mul(2), (y: Tensor) => y, x),
    "switchCase": (x) => switchCase(1, [(y: Tensor) => y, (y: Tensor) => y.mul(x)], x),
    "foriLoop": (x) => foriLoop(0, 3, (_, y) => y.mul(x), x),
    "whileLoop": (x) => whileLoop((y: Tensor) => y.sum().less(9), (y: Tensor) => y.add(1), x),
    "a composed function": (x) => np.var(x),
    "random numbers": () => scope(() => random.normal(random.key(3), [5])),
  };
  test.each(Object.entries(calls))("%s", (_, call) => {
    const [x, xs] = [np.array([0.1, 0.2, 0.3]), np.ones([4, 3])];
    const before = live().tensors;
    dispose(call(x, xs));
    expect(live().tensors).toBe(before);
    dispose([x, xs]);
  });

  test("10,000 gradients leave memory flat", async () => {
    const x = np.array([0.1, 0.2, 0.3]);
    const slope = grad((y: Tensor) => np.sum(np.sin(y).mul(y)));
    slope(x).dispose();
    const before = live();
    for (let i = 0; i < runs(10_000); i++) slope(x).dispose();
    expect(live()).toEqual(before);
    expect((await slope(x).data())[0]).toBeCloseTo(Math.sin(0.1) + 0.1 * Math.cos(0.1), 6);
  });
});

describe("a derivative as a function owns what it remembers", () => {
  const owners = {
    vjp: (x: Tensor) => vjp(f, x),
    linearize: (x: Tensor) => linearize(f, x),
  };

  test.each(Object.entries(owners))("%s: 10,000 calls leave memory flat", (_, make) => {
    const x = np.array([0.1, 0.2, 0.3]);
    const before = live();
    for (let i = 0; i < runs(5_000); i++) {
      dispose(make(x));
      const [value, derivative] = make(x);
      using _derivative = derivative;
      value.dispose();
    }
    expect(live()).toEqual(before);
    x.dispose();
  });

  test("which leaves its arguments and its value alone, and says when it is gone", async () => {
    using x = np.array([2, 3]);
    const [value, pullback] = vjp((a: Tensor) => np.sin(a), x);
    using y = value;
    dispose(pullback);
    expect(await y.array()).toEqual([Math.sin(2), Math.sin(3)]);
    expect(await x.array()).toEqual([2, 3]);
    expect(() => pullback(x)).toThrow(/disposed at .*memory\.test\.ts/);
  });

  test("and takes it out of a scope", async () => {
    using x = np.array([1, 2]);
    using ct = np.array(1);
    const before = live().tensors;
    const { pullback } = scope(() => ({ pullback: vjp(f, x)[1] }));
    const [dx] = pullback(ct);
    expect((await dx.data()).length).toBe(2);
    dispose([dx, pullback]);
    expect(live().tensors).toBe(before);
  });
});

describe("ownership", () => {
  test("`using` frees at the end of the block", () => {
    const before = live().tensors;
    {
      using x = np.ones([3]);
      expect(live().tensors).toBe(before + 1);
      expect(x.shape).toEqual([3]);
    }
    expect(live().tensors).toBe(before);
  });

  test("a scope keeps what it returns, and hands it to the scope around", async () => {
    const before = live().tensors;
    let kept: { y: Tensor } | undefined;
    scope(() => {
      kept = scope(() => ({ y: np.ones([2]).mul(3).add(1) }));
      expect(live().tensors).toBe(before + 1);
    });
    expect(live().tensors).toBe(before);
    expect(() => kept!.y.data()).toThrow("disposed");
    const x = scope(() => np.ones([2]).mul(2));
    expect(await x.array()).toEqual([2, 2]);
  });

  test("a scope that fails frees all", () => {
    const before = live().tensors;
    expect(() =>
      scope(() => {
        np.ones([2]).add(1);
        throw new Error("mine");
      })
    ).toThrow("mine");
    expect(live().tensors).toBe(before);
  });

  test("a scope refuses async functions", () => {
    expect(() => scope(() => Promise.resolve(1))).toThrow("await outside");
  });

  test("memory counts bytes", () => {
    const before = live().bytes;
    using x = np.array(new Float64Array(10), { dtype: "float64" });
    expect(live().bytes - before).toBe(8 * x.size);
  });

  test("results that are inputs, or each other, are shared and freed with the last owner", async () => {
    const before = live().tensors;
    const x = np.array([1, 2]);
    const [a, b, c] = jit((y: Tensor) => {
      const z = y.mul(2);
      return [y, z, z] as const;
    })(x);
    expect(live().tensors).toBe(before + 2);
    x.dispose();
    b.dispose();
    expect(await a.array()).toEqual([1, 2]);
    expect(await c.array()).toEqual([2, 4]);
    dispose([a, c]);
    expect(live().tensors).toBe(before);
  });

  test("eager gradients of a function that returns its input share nothing by accident", async () => {
    const x = np.array(2);
    const [value, slope] = valueAndGrad((y: Tensor) => y)(x);
    value.dispose();
    slope.dispose();
    expect(await x.item()).toBe(2);
  });
});

describe("constants that a function makes", () => {
  const c = () => np.array([1, 2, 3]);
  const z = () => np.array([0.1, 0.2, 0.3]);
  const sine = customVjp(
    (x: Tensor) => np.sin(x).mul(c()),
    (x) => [np.sin(x).mul(c()), x],
    (x: Tensor, ct: Tensor) => [ct.mul(np.cos(x)).mul(c())],
  );
  const makers: Record<string, (x: Tensor) => Tensor> = {
    "in itself": (x) => np.sin(x).mul(c()),
    "in a step": (x) => scan((y: Tensor) => [y.mul(c()), null], x, null, { length: 3 })[0],
    "in branches": (x) => cond(true, (y: Tensor) => y.mul(c()), (y: Tensor) => y.sub(c()), x),
    "in what is recomputed": (x) => checkpoint((y: Tensor) => np.exp(np.sin(y).mul(c())))(x),
    "in a rule of its own": (x) => sine(x),
    "in a fixed point": (x) =>
      fixedPointIteration((y: Tensor) => np.cos(y).mul(c()).mul(0.1).add(x), {
        adjoint: implicit(),
        maxSteps: 5,
      })(np.zeros([3])).value,
    "in a gradient inside": (x) => grad((y: Tensor) => np.sum(np.sin(y).mul(c())))(x).mul(c()),
    "in a scope of its own": (x) => scope(() => np.sin(x).mul(c())),
  };
  const g = (f: (x: Tensor) => Tensor) => (x: Tensor) => np.sum(f(x));

  test.each(Object.entries(makers))("%s are freed with the scope of the call", (_, f) => {
    using x = z();
    const before = live().tensors;
    for (let i = 0; i < 3; i++) {
      dispose(scope(() => [grad(g(f))(x), vmap(f)(x.reshape([1, 3])), hessian(g(f))(x)]));
    }
    expect(live().tensors).toBe(before);
  });

  test.each(Object.entries(makers))("%s stay with a pullback", async (_, f) => {
    using x = z();
    const expected = await grad(g(f))(x).data();
    const before = live().tensors;
    const { pullback } = scope(() => ({ pullback: vjp(g(f), x)[1] }));
    expect(await pullback(np.array(1))[0].data()).toEqual(expected);
    dispose(pullback);
    await collectGarbage(); // what the pullback made when it was called, in no scope
    expect(live().tensors).toBeLessThanOrEqual(before);
  });

  test.each(Object.entries(makers))("%s stay with what is compiled", async (_, f) => {
    using x = z();
    const compiled = jit(grad(g(f)));
    const first = scope(() => compiled(x));
    const again = scope(() => compiled(x));
    expect(await again.data()).toEqual(await first.data());
  });

  test("stay if they are kept and the call is in no scope", async () => {
    let kept: Tensor | undefined;
    const f = (x: Tensor) => np.sum(x.mul(kept ??= c()));
    const [slope, again] = [grad(f)(z()), grad(f)(z())];
    expect(await kept!.array()).toEqual([1, 2, 3]);
    expect(await again.array()).toEqual(await slope.array());
  });
});

describe("donate", () => {
  const step = jit((p: { w: Tensor }, x: Tensor) => ({ w: p.w.sub(grad(loss)(p, x).w.mul(0.1)) }), {
    donate: [0],
  });
  const loss = (p: { w: Tensor }, x: Tensor) => np.sum(np.square(p.w.mul(x)));

  test("a training loop runs in constant memory", async () => {
    const x = np.array([1, 2]);
    let p = { w: np.array([1, 1]) };
    const before = live().tensors;
    for (let i = 0; i < 50; i++) p = step(p, x);
    expect(live().tensors).toBe(before);
    expect(await p.w.array()).toEqual([expect.closeTo(0.8 ** 50), expect.closeTo(0.2 ** 50)]);
  });

  test("what was donated is gone, and says so", () => {
    const p = { w: np.array([1, 1]) };
    step(p, np.array([1, 2]));
    expect(() => p.w.data()).toThrow(/disposed at .*memory\.test\.ts.*\n.*donate/s);
  });

  test("donateArgnums is the same, as in JAX", () => {
    const double = jit((x: Tensor) => x.mul(2), { donateArgnums: [0] });
    const x = np.array([1, 1]);
    double(x);
    expect(() => x.data()).toThrow(/disposed/);
  });

  test("what is shared, or given twice, is not overwritten", async () => {
    const p = { w: np.array([1, 1]) };
    const alias = jit((x: Tensor) => x)(p.w);
    const next = step(p, np.array([1, 2]));
    expect(await alias.array()).toEqual([1, 1]);
    const both = jit((a: Tensor, b: Tensor) => a.add(b), { donate: [0] });
    const y = both(next.w, next.w);
    expect((await y.array() as number[])[0]).toBeCloseTo(1.6);
  });

  test("what is handed through stays what it is", async () => {
    const same = jit((x: Tensor) => x, { donate: [0] });
    expect(await same(np.array([1, 2])).array()).toEqual([1, 2]);
  });
});

describe("what is kept", () => {
  /** How many tensors that only these calls have seen are still there, but for the last, which the stack may hold. */
  async function kept(call: (x: Tensor) => unknown): Promise<number> {
    const seen: WeakRef<Tensor>[] = [];
    for (let i = 0; i < 5; i++) {
      const x = np.ones([2, 3]);
      seen.push(new WeakRef(x));
      call(x);
    }
    return await survivors(seen.slice(0, -1));
  }

  const square = (x: Tensor) => np.sum(np.square(x));
  const users: Record<string, (x: Tensor) => unknown> = {
    "arguments of a compiled function": jit((x: Tensor) => np.sin(x)),
    "arguments of a compiled gradient": jit(grad(square)),
    "what a step of scan closes over": (x) =>
      scan((c: Tensor) => [np.sin(c).mul(x), null], np.ones([2, 3]), null, { length: 3 }),
    "what a branch closes over": (x) => cond(true, () => np.sin(x), () => np.cos(x)),
    "what a loop closes over": (x) =>
      whileLoop((c: Tensor) => c.sum().less(3), (c: Tensor) => c.add(x), np.zeros([2, 3])),
    "what a fixed point closes over": (x) =>
      fixedPointIteration((y: Tensor) => np.cos(y).mul(x), { maxSteps: 3 })(np.ones([2, 3])),
    "what a differentiated step closes over": (x) =>
      grad((y: Tensor) => square(scan((c: Tensor) => [c.mul(x), y], y, null, { length: 3 })[0]))(
        np.ones([2, 3]),
      ),
  };
  test.each(Object.entries(users))("not %s", async (_, call) => {
    expect(await kept(call)).toBe(0);
  });

  test("not functions that were compiled and dropped, nor their constants", async () => {
    await collectGarbage();
    const before = live().tensors;
    const functions: WeakRef<object>[] = [];
    for (let n = 0; n < 100; n++) {
      const g = (x: Tensor) => x.add(np.array([n, n]));
      functions.push(new WeakRef(g));
      const compiled = jit(g);
      compiled(np.ones([2])).dispose();
    }
    expect(await survivors(functions)).toBeLessThan(5);
    expect(live().tensors - before).toBeLessThan(5);
  });

  test.each([
    ["a compiled function's", () => jit((x: Tensor) => np.sin(x)), 1024],
    ["the eager functions'", () => (x: Tensor) => np.sin(x), 2048],
  ])("%s kinds of arguments, up to a number", async (_, make, most) => {
    const backend = await openBackend("reference");
    const compile = backend.compile;
    let now = 0;
    const spy = vi.spyOn(backend, "compile").mockImplementation((program) => {
      const executable = compile(program);
      now++;
      return {
        run: executable.run,
        dispose: () => void now--,
      };
    });
    const g = make();
    for (let n = 0; n < 2 * most; n++) {
      using x = np.array(new Float32Array(n));
      g(x).dispose();
    }
    spy.mockRestore();
    expect(now).toBeLessThanOrEqual(most);
    expect(now).toBeGreaterThan(most / 2); // else this counts nothing
  });

  test("nothing of the rounds before in a loop over donated state", async () => {
    const step = jit((xs: readonly Tensor[]) => xs.map((x) => np.sin(x)), { donate: [0] });
    let xs: readonly Tensor[] = Array.from({ length: 8 }, () => np.ones([2]));
    const rounds: WeakRef<Tensor>[] = [];
    for (let i = 0; i < 100; i++) {
      xs = step(xs);
      rounds.push(new WeakRef(xs[0]!));
    }
    await xs[0]!.data();
    expect(await survivors(rounds)).toBeLessThan(3); // the last one is in use
  });
});

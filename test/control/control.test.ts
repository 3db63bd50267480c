/** Loops and branches: equal to what they abbreviate, under every transformation. */
import fc from "fast-check";
import {
  associativeScan,
  cond,
  DTypeError,
  foriLoop,
  grad,
  jit,
  jvp,
  makeProgram,
  map,
  memory,
  np,
  scan,
  setBackend,
  ShapeError,
  switchCase,
  type Tensor,
  TreeError,
  vmap,
  whileLoop,
} from "trilevel";
import { beforeAll, describe, expect, it } from "vitest";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend("reference"));

const f64 = (data: readonly number[]) => np.array(data, { dtype: "float64" });
const numbers = (count: { minLength: number; maxLength: number }) =>
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }), count);

/** Central differences of a scalar function of a vector. */
async function differences(f: (x: Tensor) => Tensor, x: readonly number[]): Promise<number[]> {
  const h = 1e-5;
  const at = (i: number, by: number) => f(f64(x.map((v, k) => k === i ? v + by : v))).item();
  return await Promise.all(
    x.map(async (_, i) => (await at(i, h) - await at(i, -h)) / (2 * h)),
  );
}

async function expectClose(x: Tensor, expected: readonly number[], digits = 6): Promise<void> {
  const data = await x.data();
  expect(data.length).toBe(expected.length);
  expected.forEach((e, i) => expect(data[i]).toBeCloseTo(e, digits));
}

describe("scan", () => {
  const step = (c: Tensor, x: Tensor) => {
    const d = np.sin(c).mul(x).add(c.mul(0.5));
    return [d, { twice: d.mul(2), before: c }] as const;
  };

  it("is a loop, in either direction, however far unrolled", () =>
    fc.assert(fc.asyncProperty(
      numbers({ minLength: 0, maxLength: 7 }),
      fc.boolean(),
      fc.constantFrom(1, 2, 3, 7, true as const),
      async (xs, reverse, unroll) => {
        let c = 0.3;
        const ys: number[] = [];
        const order = xs.map((_, i) => reverse ? xs.length - 1 - i : i);
        for (const i of order) {
          c = Math.sin(c) * xs[i]! + c * 0.5;
          ys[i] = c * 2;
        }
        const [last, out] = scan(step, np.array(0.3, { dtype: "float64" }), f64(xs), {
          reverse,
          unroll,
        });
        await expectClose(last, [c], 12);
        await expectClose(out.twice, ys, 12);
      },
    )));

  it("has the gradients of finite differences, unrolled or not, also of second order", () =>
    fc.assert(
      fc.asyncProperty(
        numbers({ minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.constantFrom(1, 2),
        async (xs, reverse, unroll) => {
          const loss = (v: Tensor) => {
            const w = np.sum(v);
            const [c, ys] = scan(
              (c: Tensor, x: Tensor) => step(c.mul(w), x),
              np.array(0.3, { dtype: "float64" }),
              v,
              { reverse, unroll },
            );
            return c.add(np.sum(ys.twice.mul(ys.before)));
          };
          await expectClose(grad(loss)(f64(xs)), await differences(loss, xs), 5);
          const slope = (v: Tensor) => np.sum(np.square(grad(loss)(v)));
          const second = await differences(slope, xs);
          const found = await grad(slope)(f64(xs)).data();
          second.forEach((e, i) =>
            expect(Math.abs(found[i]! - e)).toBeLessThan(1e-4 * (1 + Math.abs(e)))
          );
        },
      ),
      { numRuns: runs(15) },
    ));

  it("carries trees, takes trees, and needs no xs", async () => {
    const [{ a, b }, ys] = scan(
      ({ a, b }: { a: Tensor; b: Tensor[] }) => [{ a: a.add(1), b: [b[0]!.mul(2)] }, null],
      { a: np.array(0), b: [np.array([1, 2])] },
      null,
      { length: 3 },
    );
    expect(await a.item()).toBe(3);
    expect(await b[0]!.array()).toEqual([8, 16]);
    expect(ys).toBe(null);
  });

  it("lets a bare number take the type the step gives", async () => {
    const add = (c: Tensor, x: Tensor) => [c.add(x), null] as const;
    const start = 0 as unknown as Tensor; // numbers are leaves too
    const [c] = scan(add, start, f64([1, 2]));
    expect(c.dtype).toBe("float64");
    expect(await c.item()).toBe(3);
    const [n] = scan((_: Tensor, x: Tensor) => [x, null], start, np.arange(3));
    expect(n.dtype).toBe("int32");
    // A number that the step gives adapts to the carry.
    const [k] = scan(() => [start, null] as const, np.arange(3).sum(), null, { length: 1 });
    expect(k.dtype).toBe("int32");
  });

  it("names the path at which a carry changes", () => {
    const init = { a: [np.zeros([2])] };
    const run = (f: (c: typeof init) => unknown) => () =>
      scan(f as (c: typeof init) => [typeof init, null], init, null, { length: 2 });
    expect(run(({ a }) => [{ a: [a[0]!.sum()] }, null])).toThrow(ShapeError);
    expect(run(({ a }) => [{ a: [a[0]!.sum()] }, null])).toThrow("at .a[0]");
    expect(run(({ a }) => [{ a: [a[0]!.astype("int32")] }, null])).toThrow(DTypeError);
    expect(run(({ a }) => [{ a: [a[0]!.astype("int32")] }, null])).toThrow("at .a[0]");
    expect(run(({ a }) => [{ a }, null, null])).toThrow(TreeError);
    expect(run(({ a }) => [{ b: a }, null])).toThrow(TreeError);
    const lengths = { x: np.zeros([2]), y: np.zeros([3]) };
    expect(() => scan((c: Tensor, x: typeof lengths) => [c, x], np.array(0), lengths))
      .toThrow("xs.y is float32[3], but xs.x says 2 steps");
  });

  it("leaves no memory behind", async () => {
    const xs = f64([1, 2, 3]);
    const start = f64([0]);
    const run = async () => {
      const [c, ys] = scan(
        (c: Tensor, x: Tensor) => [c.add(x), c] as const,
        start,
        xs,
        { unroll: 2 },
      );
      await c.data();
      c.dispose();
      ys.dispose();
      const y = foriLoop(0, 3, (i, c: Tensor) => c.add(i), start);
      const z = cond(xs.sum().greater(0), (x: Tensor) => x.mul(2), (x: Tensor) => x, xs);
      y.dispose();
      z.dispose();
    };
    await run();
    const before = memory().reference!.tensors;
    for (let i = 0; i < 5; i++) await run();
    // The predicates above are ours: two tensors a turn that nobody disposes of.
    expect(memory().reference!.tensors - before).toBeLessThanOrEqual(10);
  });
});

describe("vmap", () => {
  const batch = () => f64([0.3, -0.5, 1.2]);
  const functions: { readonly [name: string]: (x: Tensor) => Tensor } = {
    scan: (x) => scan((c: Tensor, y: Tensor) => [c.mul(y).add(x), c], x, f64([1, 2, 3]))[0],
    cond: (x) => cond(x.greater(0), (y: Tensor) => np.log(y), (y: Tensor) => y.mul(x), x),
    switchCase: (x) =>
      switchCase(
        np.floor(x).astype("int32").add(1),
        [(y: Tensor) => y.mul(3), (y: Tensor) => np.cos(y), (y: Tensor) => y],
        x,
      ),
    whileLoop: (x) =>
      whileLoop((y: Tensor) => y.less(10), (y: Tensor) => y.mul(y).add(1), x, { maxSteps: 30 }),
    foriLoop: (x) => foriLoop(2, 5, (i, y: Tensor) => y.mul(i).sub(x), x),
    foriLoopDynamic: (x) =>
      foriLoop(
        0,
        np.floor(x.mul(3)).astype("int32"),
        (i, y: Tensor) => y.add(i).mul(1.5),
        x,
        { maxSteps: 8 },
      ),
  };

  it.each(Object.entries(functions))("%s: batch = loop, jit = eager", async (_, f) => {
    const values = [0.3, -0.5, 1.2];
    const single = await Promise.all(
      values.map((v) => f(np.array(v, { dtype: "float64" })).item()),
    );
    await expectClose(vmap(f)(batch()), single, 12);
    await expectClose(jit(vmap(f))(batch()), single, 12);
    await expectClose(
      np.stack(values.map((v) => jit(f)(np.array(v, { dtype: "float64" })))),
      single,
      12,
    );
  });

  it.each(Object.entries(functions))("%s: gradients", async (_, f) => {
    const values = [0.3, -0.5, 1.2];
    const loss = (x: Tensor) => np.sum(vmap(f)(x));
    await expectClose(grad(loss)(batch()), await differences(loss, values), 5);
    const direction = f64([1, -2, 0.5]);
    const [, moved] = jvp(loss, [batch()], [direction]);
    const slope = await grad(loss)(batch()).mul(direction).sum().item();
    expect(await moved.item()).toBeCloseTo(slope, 9);
  });
});

describe("cond", () => {
  it("joins weak types, and refuses what does not meet", async () => {
    const one = 1 as unknown as Tensor; // numbers are leaves too
    const y = cond(true, () => np.array(2, { dtype: "float64" }), () => one);
    expect(y.dtype).toBe("float64");
    expect(cond(true, () => np.arange(3).sum(), () => one).dtype).toBe("int32");
    const run = (a: unknown, b: unknown) => () => cond(false, () => a, () => b);
    expect(run({ a: np.zeros([2]) }, { a: np.zeros([3]) })).toThrow(
      "onFalse gives float32[3], onTrue float32[2] at .a",
    );
    expect(run(np.zeros([2]), np.zeros([2], { dtype: "int32" }))).toThrow(DTypeError);
    expect(run([np.zeros([2])], np.zeros([2]))).toThrow(TreeError);
    expect(() => cond(np.array([true, false]), () => one, () => one)).toThrow(ShapeError);
    expect(await cond(np.array(0), () => one, () => np.array(5)).item()).toBe(5);
  });

  it("closes over what is differentiated", async () => {
    const f = (x: Tensor) =>
      cond(x.sum().greater(0), () => np.sum(x.mul(x)), () => np.sum(np.exp(x)));
    for (const x of [[1, 2], [-1, -2]]) {
      await expectClose(grad(f)(f64(x)), await differences(f, x));
    }
  });

  it("keeps for its derivative only what one branch needs, and no copy of an operand", async () => {
    const branches = [
      (x: Tensor) => np.sin(x).sum(),
      (x: Tensor) => np.exp(x).sum(),
      (x: Tensor) => np.square(x).sum(),
    ];
    const f = (x: Tensor, k: Tensor) => switchCase(k, branches, x);
    const slopesFound = await Promise.all([0, 1, 2].map(async (k) => {
      const slope = grad(f)(np.array([0, 1, 2]), np.array(k, { dtype: "int32" }));
      return [...await slope.data()].map((v) => v.toFixed(4));
    }));
    const slopes = [Math.cos, Math.exp, (x: number) => 2 * x];
    expect(slopesFound).toEqual(slopes.map((slope) => [0, 1, 2].map((x) => slope(x).toFixed(4))));
    // One number that comes out, and one residual of the shape of x.
    const { program } = makeProgram(grad(f), np.array([1, 2, 3]), np.array(0, { dtype: "int32" }));
    const [choice] = program.equations.filter((e) => e.primitive.name === "cond");
    expect(choice!.outputs.map((v) => v.aval.shape)).toEqual([[], [3]]);
  });

  it("clamps the index of switchCase", async () => {
    const branches = [1, 2, 3].map((n) => () => np.array(n));
    const index = (i: number) => np.array(i, { dtype: "int32" });
    const results = [-5, 0, 1, 2, 9].map((i) => switchCase(index(i), branches));
    expect(await np.stack(results).array()).toEqual([1, 1, 2, 3, 3]);
    const top = np.array(2 ** 32 - 1, { dtype: "uint32" });
    expect(await switchCase(top, branches).item()).toBe(3);
    expect(await switchCase(7, branches).item()).toBe(3);
  });
});

describe("whileLoop", () => {
  const collatz = (n: Tensor) =>
    whileLoop(
      ({ n }: { n: Tensor; steps: Tensor }) => n.greater(1),
      ({ n, steps }) => ({
        n: np.where(np.equal(np.mod(n, 2), 0), np.floorDivide(n, 2), n.mul(3).add(1)),
        steps: steps.add(1),
      }),
      { n, steps: np.array(0, { dtype: "int32" }) },
    ).steps;

  it("ends each element of a batch by itself", async () => {
    const n = np.array([1, 6, 7, 27], { dtype: "int32" });
    expect(await vmap(collatz)(n).array()).toEqual([0, 8, 16, 111]);
  });

  it("stops at maxSteps", async () => {
    const f = (x: Tensor) => whileLoop(() => true, (y: Tensor) => y.add(1), x, { maxSteps: 4 });
    expect(await f(np.array(0)).item()).toBe(4);
  });

  it("needs a bound for reverse mode, and says so", () => {
    const f = (x: Tensor) => whileLoop((y: Tensor) => y.less(5), (y: Tensor) => y.mul(2), x);
    expect(() => grad(f)(np.array(1))).toThrow("maxSteps");
  });

  it("refuses a condition that is no boolean scalar", () => {
    const run = (f: (x: Tensor) => Tensor) => () => whileLoop(f, (x) => x, np.zeros([2]));
    expect(run((x) => x.sum())).toThrow(DTypeError);
    expect(run((x) => x.less(1))).toThrow(DTypeError);
  });
});

describe("associativeScan", () => {
  it("is a running result, of trees, along any axis, in either direction", () =>
    fc.assert(fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      fc.constantFrom(0, 1, -1),
      async (n, reverse, axis) => {
        const shape = axis === 0 ? [n, 2] : [2, n];
        const x = np.sin(np.arange(2 * n).astype("float64")).reshape(shape);
        const affine = (a: { m: Tensor; c: Tensor }, b: { m: Tensor; c: Tensor }) => ({
          m: a.m.mul(b.m),
          c: a.c.mul(b.m).add(b.c),
        });
        const found = associativeScan(affine, { m: x, c: np.cos(x) }, { reverse, axis });
        const turn = (t: Tensor) => axis === 0 ? t : t.T;
        const [, expected] = scan(
          (c: Tensor, { m, b }: { m: Tensor; b: Tensor }) => {
            const next = c.mul(m).add(b);
            return [next, next] as const;
          },
          np.zeros([2], { dtype: "float64" }),
          { m: turn(x), b: turn(np.cos(x)) },
          { reverse },
        );
        await expectClose(turn(found.c), [...await expected.data()], 12);
      },
    )));
});

it("map is vmap, one after the other", async () => {
  const x = f64([1, 2, 3]);
  const f = (v: Tensor) => ({ y: np.exp(v), z: v.mul(2) });
  await expectClose(map(f, x).y, [...await vmap(f)(x).y.data()], 12);
});

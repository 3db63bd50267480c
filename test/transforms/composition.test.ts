/** Transformations of transformations: what must hold however they nest. */
import { describe, expect, test } from "vitest";
import {
  checkpoint,
  cond,
  foriLoop,
  grad,
  hessian,
  hvp,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  linearTranspose,
  makeProgram,
  np,
  savePolicies,
  scan,
  stopGradient,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";
import { validateProgram } from "../../src/core/validate.ts";
import { expectEqual, f64, i32 } from "../support/numbers.ts";

const w = f64([[0.3, -0.5], [0.8, 0.2]]);
const x = f64([0.4, -0.9]);

/** Functions from a vector to a vector, with loops, branches and integers inside. */
const functions: Record<string, (x: Tensor) => Tensor> = {
  dense: (x) => np.tanh(np.matmul(w, x)).mul(x),
  scanned: (x) =>
    scan(
      ([c, i]: readonly [Tensor, Tensor], s: Tensor) => [
        [np.sin(c.mul(s)).add(x), i.add(1)] as const,
        c.mul(i.astype("float64")),
      ],
      [x, i32(0)] as const,
      f64([1, 0.5, -0.3]),
      { reverse: true },
    )[1].sum({ axis: 0 }),
  looped: (x) => foriLoop(0, 3, (i, c) => np.cos(c).mul(i.add(1)).add(x), x),
  bounded: (x) =>
    whileLoop((c: Tensor) => c.sum().less(3), (c: Tensor) => c.mul(c).add(0.7), x, { maxSteps: 6 }),
  branching: (x) =>
    cond(x.sum().greater(0), (y: Tensor) => y.mul(y), (y: Tensor) => np.exp(y).mul(x), x),
  perElement: (x) =>
    vmap((e: Tensor) => cond(e.greater(0), (y: Tensor) => y.mul(3), (y: Tensor) => np.sin(y), e))(
      x,
    ),
  nested: (x) => grad((y: Tensor) => np.sum(np.sin(y).mul(np.matmul(w, y))))(x),
  compiled: (x) => jit((y: Tensor) => np.exp(y).sum().mul(y))(x),
};

describe.each(Object.entries(functions))("%s", (_, f) => {
  const loss = (y: Tensor) => np.sum(np.square(f(y)));

  test("programs are well formed, whatever was done to them", () => {
    const transformed = [f, jacfwd(f), jacrev(f), hessian(loss), vmap(f), jit(vmap(grad(loss)))];
    transformed.forEach((g, i) =>
      validateProgram(makeProgram(g, i < 4 ? x : np.stack([x, x])).program)
    );
  });

  test("Jacobians forwards and backwards are one", () => expectEqual(jacfwd(f)(x), jacrev(f)(x)));

  test("Hessians by all four ways are one", async () => {
    const h = jacfwd(jacfwd(loss))(x);
    await expectEqual(hessian(loss)(x), h);
    await expectEqual(jacrev(grad(loss))(x), h);
    await expectEqual(jacrev(jacfwd(loss))(x), h);
    const v = f64([0.3, 2]);
    await expectEqual(hvp(loss, [x], [v]), np.matmul(h, v));
  });

  test("third derivatives too", () =>
    expectEqual(jacfwd(jacrev(grad(loss)))(x), jacrev(jacfwd(jacfwd(loss)))(x), 8));

  test("jit and checkpoint change nothing, outside or in", async () => {
    const slope = grad(loss)(x);
    await expectEqual(jit(grad(loss))(x), slope);
    await expectEqual(grad(jit(loss))(x), slope);
    for (const policy of Object.values(savePolicies)) {
      await expectEqual(grad(checkpoint(loss, { policy }))(x), slope);
      await expectEqual(hessian(checkpoint(loss, { policy }))(x), hessian(loss)(x));
    }
  });

  test("vmap of derivatives is their loop, nested too", async () => {
    const rows = [x, f64([1, 2]), f64([-0.1, 0.2]), f64([0, -1])];
    const batch = np.stack(rows);
    await expectEqual(vmap(grad(loss))(batch), np.stack(rows.map((r) => grad(loss)(r))));
    const grid = np.reshape(batch, [2, 2, 2]);
    await expectEqual(vmap(vmap(jacfwd(f)))(grid), np.stack(rows.map((r) => jacfwd(f)(r))));
    await expectEqual(grad((b: Tensor) => vmap(loss)(b).sum())(batch), vmap(grad(loss))(batch));
    // Element (i, j) of the batch is grid[j, :, i]: both maps take another axis than the first.
    const crossed = vmap(vmap(loss), { inAxes: 2 })(np.transpose(grid, [0, 2, 1]));
    await expectEqual(crossed, np.transpose(vmap(vmap(loss))(grid), [1, 0]));
  });

  test("linearize is jvp, and its transpose vjp", async () => {
    const [v, ct] = [f64([0.7, -0.2]), f64([1.5, 0.4])];
    const [y, lin] = linearize(f, x);
    await expectEqual([y, lin(v)], jvp(f, [x], [v]));
    const [z, pullback] = vjp(f, x);
    await expectEqual([z, linearTranspose((u: Tensor) => lin(u), v)(ct)], [y, pullback(ct)]);
  });
});

describe("vmap's axes", () => {
  interface P {
    readonly w: Tensor;
    readonly b: Tensor;
  }
  const f = (p: P, y: Tensor) => ({ s: np.matmul(p.w, y).add(p.b), c: p.b });
  const p = { w: f64([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), b: f64([1, 2]) };
  const ys = f64([[1, 10], [2, 20]]);

  test("follow trees, negative ones count from the end", async () => {
    const g = vmap(f, { inAxes: [{ w: -1, b: null }, 1], outAxes: { s: 1, c: null } });
    const { s, c } = g(p, ys);
    const column = (k: number) =>
      f({ w: np.take(p.w, i32(k), { axis: 2 }), b: p.b }, np.take(ys, i32(k), { axis: 1 })).s;
    await expectEqual(s, np.stack([column(0), column(1)], { axis: 1 }));
    expect(c.shape).toEqual([2]);
  });

  test("results without a batch are repeated, unless outAxes says null", () => {
    const g = vmap((_: Tensor) => f64([1, 2, 3]), { outAxes: -1 });
    expect(g(ys).shape).toEqual([3, 2]);
    const h = vmap((_: Tensor) => f64([1, 2, 3]), { outAxes: null });
    expect(h(ys).shape).toEqual([3]);
  });

  test.each<[string, () => unknown, string]>([
    [
      "sizes differ",
      () => vmap((a: P) => a.w)({ w: f64([1, 2]), b: f64([1, 2, 3]) }),
      "argument 0.w",
    ],
    ["no axis is mapped", () => vmap((a: Tensor) => a, { inAxes: null })(ys), "axisSize"],
    ["an axis is not there", () => vmap((a: Tensor) => a, { inAxes: 2 })(ys), "no axis 2"],
    ["a scalar is mapped", () => vmap((a: Tensor) => a)(f64(1)), "no axis 0"],
    [
      "null is promised wrongly",
      () => vmap((a: Tensor) => a, { outAxes: null })(ys),
      "differs along",
    ],
    ["the tree does not fit", () => vmap(f, { inAxes: [{ v: 0 }, 0] })(p, ys), "not a prefix"],
  ])("%s: it says so", (_, run, message) => expect(run).toThrow(message));

  test("a closed-over outer batch stays apart from an inner one", async () => {
    const outer = vmap((a: Tensor) => vmap((b: Tensor) => a.mul(b))(f64([1, 10])), { inAxes: 0 });
    await expectEqual(outer(f64([2, 3])), [2, 20, 3, 30]);
    const crossed = vmap((a: Tensor) => vmap(() => a, { axisSize: 2 })());
    expect(crossed(f64([1, 2, 3])).shape).toEqual([3, 2]);
  });
});

describe("what is not differentiated", () => {
  test("integers and auxiliary results have no derivative, and do no harm", async () => {
    const f = (p: { x: Tensor; n: Tensor }) => [p.x.mul(p.n), { n: p.n, y: p.x }] as const;
    const [[value, aux], slope] = valueAndGrad(
      (x: Tensor, n: Tensor) => [...f({ x, n })] as [Tensor, { n: Tensor; y: Tensor }],
      { hasAux: true },
    )(f64(2), i32(3));
    await expectEqual([value, aux, slope], [6, 3, 2, 3]);
    expect(() => grad((n: Tensor) => n.mul(2))(i32(3) as never)).toThrow("only floats");
    const [, pullback] = vjp((a: Tensor, n: Tensor) => a.mul(n), f64(2), i32(3));
    const [da, dn] = pullback(f64(1));
    await expectEqual(da, [3]);
    expect(dn).toBeNull();
  });

  test("stopGradient stops every mode and order", async () => {
    const f = (y: Tensor) => y.mul(stopGradient(y)).sum();
    await expectEqual(grad(f)(x), x);
    await expectEqual(jvp(f, [x], [f64([1, 0])])[1], [0.4]);
    await expectEqual(hessian(f)(x), [0, 0, 0, 0]);
  });

  test("an unused argument has gradient zero", () =>
    expectEqual(grad((a: Tensor, _: Tensor) => a.mul(2), { argnums: [0, 1] })(f64(1), x), [
      2,
      0,
      0,
    ]));
});

/** Linear algebra: the equations that define each function, batches, and derivatives of two orders. */
import fc from "fast-check";
import {
  ArgumentError,
  grad,
  jit,
  np,
  random,
  setBackend,
  ShapeError,
  type Tensor,
  vmap,
} from "trilevel";
import { beforeAll, describe, expect, it } from "vitest";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend("reference"));

const dtype = "float64";
const { linalg } = np;

/** Random matrices; square ones are far enough from singular to be compared. */
function matrices(seed: number, shape: readonly number[], shift = 0): Tensor {
  const x = random.normal(random.key(seed), shape, { dtype });
  return shift === 0 ? x : x.add(np.eye(shape.at(-1)!, undefined, { dtype }).mul(shift));
}
const definite = (x: Tensor) =>
  np.matmul(x, np.matrixTranspose(x)).add(np.eye(x.shape.at(-1)!, undefined, { dtype }));

async function expectClose(x: Tensor, y: Tensor, tolerance = 1e-9): Promise<void> {
  expect([...x.shape]).toEqual([...y.shape]);
  const [a, b] = await Promise.all([x.data(), y.data()]);
  const size = Math.max(1, ...[...b].map(Math.abs));
  a.forEach((v, i) => expect(Math.abs(v - b[i]!)).toBeLessThan(tolerance * size));
}

const problems = fc.record({
  seed: fc.integer({ min: 0, max: 1000 }),
  n: fc.integer({ min: 1, max: 5 }),
  lead: fc.constantFrom([], [3], [2, 1]),
});
const check = (
  f: (problem: { seed: number; n: number; lead: readonly number[] }) => Promise<void>,
) => fc.assert(fc.asyncProperty(problems, f), { numRuns: runs(25) });

describe("equations", () => {
  it("solve: A x = b, for vectors, matrices and broadcast batches", () =>
    check(async ({ seed, n, lead }) => {
      const a = matrices(seed, [...lead, n, n], 3);
      const b = matrices(seed + 1, [n, 2]);
      const x = linalg.solve(a, b);
      await expectClose(np.matmul(a, x), np.broadcastTo(b, [...lead, n, 2]));
      const v = matrices(seed + 2, [n]);
      const y = linalg.solve(a, v);
      await expectClose(
        np.matmul(a, y.reshape([...y.shape, 1])).reshape(y.shape),
        np.broadcastTo(v, y.shape),
      );
    }));

  it("triangularSolve looks at one triangle only", () =>
    check(async ({ seed, n, lead }) => {
      const a = matrices(seed, [...lead, n, n], 3);
      const b = matrices(seed + 1, [...lead, n, 2]);
      for (const lower of [true, false]) {
        const triangle = lower ? np.tril(a) : np.triu(a);
        const x = linalg.triangularSolve(a, b, { lower });
        await expectClose(np.matmul(triangle, x), b);
        const y = linalg.triangularSolve(a, b, { lower, transpose: true });
        await expectClose(np.matmul(np.matrixTranspose(triangle), y), b);
        const unit = lower ? np.tril(a, { k: -1 }) : np.triu(a, { k: 1 });
        const ones = unit.add(np.eye(n, undefined, { dtype }));
        const z = linalg.triangularSolve(a, b, { lower, unitDiagonal: true });
        await expectClose(np.matmul(ones, z), b);
      }
    }));

  it("inv, det and slogdet agree", () =>
    check(async ({ seed, n, lead }) => {
      const a = matrices(seed, [...lead, n, n], 2);
      const identity = np.broadcastTo(np.eye(n, undefined, { dtype }), a.shape);
      await expectClose(np.matmul(linalg.inv(a), a), identity, 1e-7);
      const d = linalg.det(a);
      await expectClose(d.mul(linalg.det(linalg.inv(a))), np.onesLike(d), 1e-7);
      await expectClose(linalg.det(np.matmul(a, a)), d.mul(d));
      const [sign, logdet] = linalg.slogdet(a);
      await expectClose(sign.mul(np.exp(logdet)), d);
    }));

  it("cholesky: L Lᵀ = A, L lower triangular", () =>
    check(async ({ seed, n, lead }) => {
      const a = definite(matrices(seed, [...lead, n, n]));
      const l = linalg.cholesky(a);
      await expectClose(np.matmul(l, np.matrixTranspose(l)), a);
      await expectClose(np.tril(l), l);
    }));

  it("qr: Q R = A, QᵀQ = 1, R upper triangular, for tall and wide matrices", () =>
    check(async ({ seed, n, lead }) => {
      for (const m of [n, n + 2, Math.max(1, n - 2)]) {
        const a = matrices(seed, [...lead, m, n]);
        const [q, r] = linalg.qr(a);
        const k = Math.min(m, n);
        expect([...q.shape]).toEqual([...lead, m, k]);
        await expectClose(np.matmul(q, r), a);
        const identity = np.broadcastTo(np.eye(k, undefined, { dtype }), [...lead, k, k]);
        await expectClose(np.matmul(np.matrixTranspose(q), q), identity);
        await expectClose(np.triu(r), r);
      }
    }));

  it("eigh: A V = V diag(w), VᵀV = 1, w in order", () =>
    check(async ({ seed, n, lead }) => {
      const x = matrices(seed, [...lead, n + 3, n + 3]);
      const a = x.add(np.matrixTranspose(x));
      const [w, v] = linalg.eigh(a);
      await expectClose(np.matmul(a, v), v.mul(np.expandDims(w, -2)));
      const identity = np.broadcastTo(np.eye(n + 3, undefined, { dtype }), v.shape);
      await expectClose(np.matmul(np.matrixTranspose(v), v), identity);
      await expectClose(np.sort(w), w);
    }));

  it("lstsq: the residual is orthogonal, or the solution is the shortest", () =>
    check(async ({ seed, n, lead }) => {
      const tall = matrices(seed, [...lead, n + 2, n]);
      const b = matrices(seed + 1, [...lead, n + 2, 2]);
      const x = linalg.lstsq(tall, b);
      const residual = np.matmul(tall, x).sub(b);
      await expectClose(np.matmul(np.matrixTranspose(tall), residual), np.zerosLike(x), 1e-7);
      const wide = np.matrixTranspose(tall);
      const y = linalg.lstsq(wide, x);
      await expectClose(np.matmul(wide, y), x, 1e-7);
      await expectClose(np.matmul(linalg.pinv(wide), x), y, 1e-7);
    }));

  it("matrixPower is repeated multiplication", () =>
    check(async ({ seed, n, lead }) => {
      const a = matrices(seed, [...lead, n, n], 2);
      await expectClose(linalg.matrixPower(a, 3), np.matmul(a, np.matmul(a, a)));
      await expectClose(
        np.matmul(linalg.matrixPower(a, -2), np.matmul(a, a)),
        linalg.matrixPower(a, 0),
        1e-7,
      );
    }));
});

/** Scalar functions of a square matrix, each of one decomposition. */
const losses: { readonly [name: string]: (a: Tensor) => Tensor } = {
  solve: (a) =>
    np.sum(np.sin(linalg.solve(a, np.stack([a.slice(0), np.cos(a.slice(1))], { axis: 1 })))),
  triangularSolve: (a) => np.sum(np.square(linalg.triangularSolve(a, np.sin(a), { lower: true }))),
  inv: (a) => np.sum(np.sin(linalg.inv(a))),
  det: (a) => np.sin(linalg.det(a)),
  slogdet: (a) => np.square(linalg.slogdet(a)[1]),
  cholesky: (a) => np.sum(np.sin(linalg.cholesky(definite(a)))),
  qr: (a) => {
    const [q, r] = linalg.qr(a);
    return np.sum(np.sin(q)).add(np.sum(np.cos(r)));
  },
  lstsq: (a) => np.sum(np.sin(linalg.lstsq(a, np.cos(a)))),
  eigh: (a) => {
    const [w, v] = linalg.eigh(a);
    return np.sum(np.sin(w)).add(np.sum(np.sin(np.square(v))));
  },
  norm: (a) => linalg.norm(a),
  nuclear: (a) => linalg.norm(a, { ord: "nuc" }),
};

describe("derivatives", () => {
  const point = () => matrices(5, [3, 3], 2);

  async function differences(f: (x: Tensor) => Tensor, x: Tensor): Promise<Tensor> {
    const h = 1e-5;
    const data = await x.data();
    const at = (i: number, by: number) => {
      const moved = Float64Array.from(data, (v, k) => k === i ? v + by : v);
      return f(np.array(moved, { shape: [...x.shape], dtype })).item();
    };
    const slopes = Array.from(data, async (_, i) => (await at(i, h) - await at(i, -h)) / (2 * h));
    return np.array(await Promise.all(slopes), { shape: [...x.shape], dtype });
  }

  it.each(Object.entries(losses))("%s, first and second order", async (_, f) => {
    await expectClose(grad(f)(point()), await differences(f, point()), 1e-7);
    const slope = (a: Tensor) => np.sum(np.sin(grad(f)(a)));
    await expectClose(grad(slope)(point()), await differences(slope, point()), 1e-6);
  });

  it.each(Object.entries(losses))("%s, in batches and compiled", async (_, f) => {
    const batch = matrices(7, [4, 3, 3], 2);
    const each = (g: (a: Tensor) => Tensor) => np.stack([0, 1, 2, 3].map((i) => g(batch.slice(i))));
    await expectClose(vmap(f)(batch), each(f));
    const slope = grad(f);
    await expectClose(vmap(slope)(batch), each(slope), 1e-8);
    await expectClose(jit(grad(f))(point()), grad(f)(point()));
  });

  it("norms have the derivative 0 at 0", async () => {
    for (const ord of [undefined, 2, 3, "fro"] as const) {
      const options = ord === undefined ? {} : { ord };
      const slope = grad((x: Tensor) => linalg.norm(x, options))(
        np.zeros([2, 2].slice(ord === 2 || ord === 3 ? 1 : 0)),
      );
      expect((await slope.data()).every((v) => v === 0)).toBe(true);
    }
  });
});

describe("edges", () => {
  it("singular matrices have determinant 0", async () => {
    const a = np.array([[1, 2], [2, 4]], { dtype });
    expect(await linalg.det(a).item()).toBeCloseTo(0, 15);
    const [sign, logdet] = linalg.slogdet(a);
    expect(await sign.item()).toBeCloseTo(0, 15);
    expect(await logdet.item()).toBe(-Infinity);
    expect(await linalg.det(np.zeros([3, 3])).item()).toBe(0);
  });

  it("the determinant has its derivative at singular matrices, too", async () => {
    const f = (a: Tensor) => linalg.det(a);
    const a = np.array([[1, 2], [2, 4]], { dtype });
    await expectClose(grad(f)(a), np.array([[4, -2], [-2, 1]], { dtype }));
    const b = np.array([[1, 2, 3], [4, 5, 6], [5, 7, 9]], { dtype });
    await expectClose(grad(f)(b), np.array([[3, -6, 3], [3, -6, 3], [-3, 6, -3]], { dtype }));
    await expectClose(grad(f)(np.array([[0]], { dtype })), np.array([[1]], { dtype }));
  });

  it("matrices that are not positive definite have no Cholesky factor", async () => {
    const l = await linalg.cholesky(np.array([[1, 2], [2, 1]])).data();
    expect([...l]).toEqual([NaN, 0, NaN, NaN]);
  });

  it("pivots, rows of zeros and repeated eigenvalues are no trouble", async () => {
    const swap = np.array([[0, 1], [1, 0]], { dtype });
    await expectClose(linalg.solve(swap, np.array([1, 2], { dtype })), np.array([2, 1], { dtype }));
    const [q, r] = linalg.qr(np.zeros([3, 2], { dtype }));
    await expectClose(np.matmul(q, r), np.zeros([3, 2], { dtype }));
    const [w] = linalg.eigh(np.eye(4, undefined, { dtype }));
    await expectClose(w, np.ones([4], { dtype }));
  });

  it("matrices without rows have a solution, a determinant and factors", async () => {
    const none = np.zeros([0, 0], { dtype });
    expect([...linalg.solve(none, np.zeros([0, 2], { dtype })).shape]).toEqual([0, 2]);
    expect(await linalg.det(none).item()).toBe(1);
    expect([...linalg.cholesky(none).shape]).toEqual([0, 0]);
    expect(linalg.qr(np.zeros([3, 0], { dtype })).map((x) => x.shape.join())).toEqual([
      "3,0",
      "0,0",
    ]);
    expect([...linalg.inv(np.zeros([0, 3, 3], { dtype })).shape]).toEqual([0, 3, 3]);
  });

  it("refuses what is no matrix, or does not fit", () => {
    expect(() => linalg.solve(np.zeros([2, 3]), np.zeros([2]))).toThrow(ShapeError);
    expect(() => linalg.solve(np.zeros([2, 2]), np.zeros([3]))).toThrow(ShapeError);
    expect(() => linalg.det(np.zeros([4]))).toThrow(ShapeError);
    expect(() => linalg.norm(np.zeros([2, 2, 2]), { ord: 1 })).toThrow(ShapeError);
    expect(() => linalg.norm(np.zeros([2, 2]), { ord: 3 })).toThrow(ArgumentError);
    expect(() => linalg.matrixPower(np.zeros([2, 2]), 0.5)).toThrow("give a whole number");
  });
});

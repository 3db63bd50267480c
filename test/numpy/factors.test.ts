/** LU and Cholesky factors, the systems that they solve, and matrix exponentials: laws and closed forms. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGrads, np, random, setBackend, type Tensor, vmap } from "trilevel";
import { backends } from "../support/backends.ts";
import { caught } from "../support/caught.ts";
import { runs } from "../support/tier.ts";

const { linalg } = np;
const f64 = { dtype: "float64" } as const;

const largest = async (x: Tensor) => x.size === 0 ? 0 : await np.max(np.abs(x)).item();

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    test("P L U is the matrix, of every shape; pivots are LAPACK's", async () => {
      await setBackend(backend);
      for (
        const rows of [[[1, 2, 3], [4, 4, 4], [2, 8, 0]], [[1, 2], [5, 6], [9, 1]], [[0, 1, 2], [
          3,
          4,
          5,
        ]]]
      ) {
        const a = np.array(rows);
        const [p, l, u] = linalg.lu(a);
        expect(await largest(np.matmul(p, np.matmul(l, u)).sub(a))).toBeLessThan(1e-6);
        expect(await largest(l)).toBe(1);
        expect(await largest(np.tril(u, { k: -1 }))).toBe(0);
      }
      const [, pivots] = linalg.luFactor(np.array([[0, 2, 1], [4, 1, 0], [2, 0, 3]]));
      expect([...await pivots.data()]).toEqual([1, 1, 2]);
      expect(pivots.dtype).toBe("int32");
    });

    test("factors solve, transposed and for many right-hand sides", async () => {
      await setBackend(backend);
      const a = np.array([[0, 2, 1], [4, 1, 0], [2, 0, 3]]);
      const x = np.array([[1, -2], [3, 0.5], [-1, 2]]);
      const factors = linalg.luFactor(a);
      expect(await largest(linalg.luSolve(factors, np.matmul(a, x)).sub(x))).toBeLessThan(2e-6);
      const other = linalg.luSolve(factors, np.matmul(a.T, x), { trans: 1 });
      expect(await largest(other.sub(x))).toBeLessThan(2e-6);
      const positive = np.matmul(a, a.T);
      for (const lower of [true, false]) {
        const factor = linalg.choFactor(positive, { lower });
        expect(await largest(linalg.choSolve(factor, np.matmul(positive, x)).sub(x)))
          .toBeLessThan(1e-4);
      }
    });

    test("exponentials with a closed form, of small and large norm", async () => {
      await setBackend(backend);
      for (const angle of [1e-4, 1, 3, 30, 2000]) {
        const turn = linalg.expm(np.array([[0, -angle], [angle, 0]]));
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        // The angle itself is rounded: by half an ulp of it.
        expect(await largest(turn.sub(np.array([[c, -s], [s, c]]))))
          .toBeLessThan(2 ** -19 * Math.max(1, angle));
      }
      const nilpotent = linalg.expm(np.array([[0, 1, 2], [0, 0, 3], [0, 0, 0]]));
      expect(await largest(nilpotent.sub(np.array([[1, 1, 3.5], [0, 1, 3], [0, 0, 1]]))))
        .toBeLessThan(1e-5);
      expect((await linalg.expm(np.full([2, 2], 1e9)).data()).every(Number.isNaN)).toBe(true);
    });
  });
}

describe("in double precision", () => {
  test("the exponential of a sum of commuting matrices is the product, and its determinant is that of the trace", async () => {
    await setBackend("reference");
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        fc.double({ min: -3, max: 3, noNaN: true }),
        async (n, seed, t) => {
          const a = random.normal(random.key(seed), [n, n], f64);
          const [whole, one, rest] = [a.mul(t + 1), a, a.mul(t)].map((x) => linalg.expm(x)) as [
            Tensor,
            Tensor,
            Tensor,
          ];
          const size = await largest(one) * await largest(rest) * n;
          expect(await largest(np.matmul(one, rest).sub(whole))).toBeLessThan(1e-11 * size);
          const det = await linalg.det(one).item();
          expect(det / Math.exp(await linalg.trace(a).item())).toBeCloseTo(1, 9);
        },
      ),
      { numRuns: runs(20) },
    );
  });

  test("derivatives, to second order", async () => {
    await setBackend("reference");
    const keys = random.split(random.key(0), 4);
    const a = random.normal(keys[0]!, [3, 3], f64);
    const b = random.normal(keys[1]!, [3], f64);
    await checkGrads((x: Tensor) => linalg.lu(x).slice(1), [a], { order: 2 });
    for (const shape of [[2, 3], [3, 2]]) {
      await checkGrads((x: Tensor) => linalg.lu(x).slice(1), [random.normal(keys[2]!, shape, f64)]);
    }
    await checkGrads((x: Tensor, y: Tensor) => linalg.luSolve(linalg.luFactor(x), y), [a, b]);
    const root = random.normal(keys[3]!, [3, 3], f64);
    await checkGrads(
      (x: Tensor, y: Tensor) => linalg.choSolve(linalg.choFactor(np.matmul(x, x.T)), y),
      [root, b],
    );
    await checkGrads((x: Tensor) => linalg.expm(x), [a.slice([0, 2], [0, 2])], { order: 2 });
  });

  test("a batch is each of its matrices", async () => {
    await setBackend("reference");
    const a = random.normal(random.key(5), [3, 2, 2], f64);
    const b = random.normal(random.key(6), [3, 2, 1], f64);
    const solved = linalg.luSolve(linalg.luFactor(a), b);
    const each = vmap((x: Tensor, y: Tensor) => linalg.luSolve(linalg.luFactor(x), y))(a, b);
    expect([...await solved.data()]).toEqual([...await each.data()]);
    const [p, l, u] = linalg.lu(a);
    expect(await largest(np.matmul(p, np.matmul(l, u)).sub(a))).toBeLessThan(1e-14);
    const powers = linalg.expm(a.mul(np.array([[[0.1]], [[1]], [[40]]], f64))); // of several norms
    const alone = vmap((x: Tensor) => linalg.expm(x))(
      a.mul(np.array([[[0.1]], [[1]], [[40]]], f64)),
    );
    expect([...await powers.data()]).toEqual([...await alone.data()]);
    expect(linalg.expm(np.zeros([2, 0, 0])).shape).toEqual([2, 0, 0]);
  });

  test("what is no factor is refused", async () => {
    await setBackend("reference");
    const { choSolve } = linalg as unknown as Record<string, (...args: unknown[]) => Tensor>;
    expect(caught(() => choSolve!([np.eye(2)], np.ones([2]))).message).toMatch(/choFactor/);
  });
});

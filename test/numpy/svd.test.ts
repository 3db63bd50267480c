/** The singular value decomposition and what rests on it: laws, on every backend, and closed forms. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGrads, grad, np, random, setBackend, type Tensor, vmap } from "trilevel";
import { backends } from "../support/backends.ts";
import { runs } from "../support/tier.ts";

const { linalg } = np;

/** Matrices that are hard in one way or another; sizes are small, as programs are compiled for each. */
const hard: { readonly [name: string]: readonly (readonly number[])[] } = {
  "of rank 1": [[1, 2], [2, 4], [3, 6]],
  "of zeros": [[0, 0], [0, 0], [0, 0]],
  wide: [[1, 2, 3], [5, 6, 7]],
  graded: [[1e-10, 1e-5, 1], [1e-8, 1e-3, 3], [1e-12, 2e-5, 1]],
  "of equal singular values": [[0, 1, 0], [0, 0, -1], [1, 0, 0]],
  huge: [[1e30, 2e30], [3e30, 5e30]],
  tiny: [[1e-30, 2e-30], [3e-30, 5e-30]],
  "of one element": [[-3]],
};

const largest = async (x: Tensor) => await np.max(np.abs(x)).item();

/** Fails unless U and V are orthonormal, s decreases, and the product is the matrix, in units of rounding. */
async function expectFactors(a: Tensor, epsilon: number): Promise<void> {
  const [u, s, vt] = linalg.svd(a);
  const size = Math.min(...a.shape.slice(-2));
  const values = [...await s.data()];
  const top = values[0] || 1;
  const room = 8 * (size + 2) * epsilon;
  // Scaled first: what is 0 in single precision need not be in double.
  const error = np.matmul(u.mul(s.div(top)), vt).sub(a.div(top));
  expect(await largest(error)).toBeLessThan(room);
  expect(await largest(np.matmul(u.T, u).sub(np.eye(size)))).toBeLessThan(room);
  expect(await largest(np.matmul(vt, vt.T).sub(np.eye(size)))).toBeLessThan(room);
  expect(values.every((x) => x >= 0)).toBe(true);
  expect(values).toEqual(values.toSorted((x, y) => y - x));
}

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    test.each(Object.entries(hard))("factors of a matrix %s", async (_, rows) => {
      await setBackend(backend);
      await expectFactors(np.array(rows.map((row) => [...row])), 2 ** -23);
    });

    test("a matrix that does not have full rank has the inverse of Moore and Penrose", async () => {
      await setBackend(backend);
      const a = np.array([[1, 2], [2, 4], [3, 6]]);
      const right = [1, 2, 3, 2, 4, 6].map((x) => x / 70); // Aᵀ / |A|² of rank 1
      const found = await linalg.pinv(a).data();
      right.forEach((x, i) => expect(found[i]).toBeCloseTo(x, 6));
      const x = await linalg.lstsq(a, np.array([1, 0, 2])).data();
      [0.1, 0.2].forEach((y, i) => expect(x[i]).toBeCloseTo(y, 6));
      expect(await linalg.matrixRank(a).item()).toBe(1);
    });

    test("NaN is seen in singular values and inverses", async () => {
      await setBackend(backend);
      const a = np.array([[1, NaN], [2, 3]]);
      expect([...await linalg.svdvals(a).data()]).toEqual([NaN, NaN]);
      expect([...await linalg.pinv(a).data()].every(Number.isNaN)).toBe(true);
      expect(await linalg.norm(a, { ord: 2 }).item()).toBeNaN();
    });
  });
}

describe("in double precision", () => {
  const f64 = { dtype: "float64" } as const;
  const shapes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }));

  test("factors of matrices of any shape and rank", async () => {
    await setBackend("reference");
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.integer({ min: 1, max: 5 }),
        fc.integer(),
        async ([m, n], r, s) => {
          const [k1, k2] = random.split(random.key(s >>> 0)) as unknown as [Tensor, Tensor];
          const rank = Math.min(m, n, r);
          const a = np.matmul(random.normal(k1, [m, rank], f64), random.normal(k2, [rank, n], f64));
          await expectFactors(a, 2 ** -52);
          expect(await linalg.matrixRank(a).item()).toBe(rank);
          // The four conditions of Penrose.
          const p = linalg.pinv(a);
          const [ap, pa] = [np.matmul(a, p), np.matmul(p, a)];
          const size = await largest(p) * await largest(a);
          for (
            const [x, y] of [[ap, ap.T], [pa, pa.T], [np.matmul(ap, a), a], [np.matmul(pa, p), p]]
          ) {
            const scale = Math.max(await largest(y!), 1);
            expect(await largest(x!.sub(y!))).toBeLessThan(1e-12 * size * scale);
          }
        },
      ),
      { numRuns: runs(25) },
    );
  });

  test("small singular values of a graded matrix have all their digits", async () => {
    await setBackend("reference");
    // Columns scaled by powers of ten: the smallest singular value is known from the determinant.
    const scales = [1, 1e-6, 1e-12];
    const base = [[2, 1, 0], [1, 3, 1], [0, 1, 4]];
    const a = np.array(base.map((row) => row.map((x, j) => x * scales[j]!)), f64);
    const s = [...await linalg.svdvals(a).data()];
    const right = 18 * 1e-18; // det of the base, times the scales
    expect(s[0]! * s[1]! * s[2]! / right).toBeCloseTo(1, 12);
  });

  test("derivatives, of any rank that is constant", async () => {
    await setBackend("reference");
    const keys = [...Array(4).keys()].map((i) => random.key(i));
    const [w, z] = [random.normal(keys[0]!, [4, 2], f64), random.normal(keys[1]!, [2, 3], f64)];
    const a = random.normal(keys[2]!, [4, 3], f64);
    const b = random.normal(keys[3]!, [4], f64);
    await checkGrads((x: Tensor) => linalg.svd(x).map((y) => np.abs(y)), [a], { order: 2 });
    await checkGrads((x: Tensor) => linalg.svdvals(x.T), [a], { order: 2 });
    await checkGrads((x: Tensor) => linalg.pinv(x.T), [a], { order: 2 });
    await checkGrads((x: Tensor, y: Tensor) => linalg.pinv(np.matmul(x, y)), [w, z], { order: 2 });
    await checkGrads(
      (x: Tensor, y: Tensor, c: Tensor) => linalg.lstsq(np.matmul(x, y), c),
      [w, z, b],
      { order: 2 },
    );
  });

  test("a batch is each of its matrices", async () => {
    await setBackend("reference");
    const a = random.normal(random.key(7), [3, 4, 2], f64);
    const whole = await linalg.pinv(a).data();
    expect([...await vmap((x: Tensor) => linalg.pinv(x))(a).data()]).toEqual([...whole]);
    expect(linalg.matrixRank(a).shape).toEqual([3]);
    expect(linalg.svd(np.zeros([2, 0, 3])).map((x) => x.shape.join())).toEqual([
      "2,0,0",
      "2,0",
      "2,0,3",
    ]);
  });

  test("the gradient of a determinant is its cofactors, and has a derivative, of any rank", async () => {
    await setBackend("reference");
    const det = (x: Tensor) => linalg.det(x);
    const minor = (rows: number[][], i: number, j: number): number => {
      const [a, b, c, d] = rows.filter((_, r) => r !== i).flatMap((row) =>
        row.filter((_, k) => k !== j)
      );
      return (i + j) % 2 === 0 ? a! * d! - b! * c! : b! * c! - a! * d!;
    };
    for (
      const rows of [
        [[2, 1, 0], [1, 3, 1], [0, 1, 4]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[1, 2, 3], [2, 4, 6], [3, 6, 9]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
      ]
    ) {
      const a = np.array(rows, f64);
      const found = await grad(det)(a).data();
      rows.flatMap((row, i) => row.map((_, j) => minor(rows, i, j)))
        .forEach((x, i) => expect(found[i]).toBeCloseTo(x, 11));
      await checkGrads(det, [a], { order: 2 });
    }
    await checkGrads(det, [np.array([[2, 1], [-1, 3]], f64)], { order: 3 });
  });
});

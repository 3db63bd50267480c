/** Eigenvalues of general matrices, and zeros of polynomials: laws, on every backend, and closed forms. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGrads, grad, np, random, setBackend, type Tensor, vmap } from "trilevel";
import { backends } from "../support/backends.ts";
import { runs, someOf } from "../support/tier.ts";

const { linalg } = np;

const square = (n: number, at: (row: number, column: number) => number) =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => at(i, j)));

/** Matrices that are hard in one way or another; sizes are small, as programs are compiled for each. */
const hard: { readonly [name: string]: readonly (readonly number[])[] } = {
  "whose shifts are stationary": square(4, (i, j) => Number((j + 1) % 4 === i)),
  "with one eigenvector": square(3, (i, j) => i === j ? 2 : Number(j === i + 1)),
  "of zeros": square(3, () => 0),
  "of ones": square(3, () => 1),
  graded: [[1, 1e-5, 1e-10], [1e5, 2, 1e-4], [1e10, 1e4, 3]],
  huge: [[1e30, 2e30, 1e30], [3e30, 5e30, -1e30], [2e30, 1e30, 7e30]],
  tiny: [[1e-30, 2e-30, 1e-30], [3e-30, 5e-30, -1e-30], [2e-30, 1e-30, 7e-30]],
  antisymmetric: square(4, (i, j) => Math.sign(j - i)),
  "of Grcar": square(5, (i, j) => j === i - 1 ? -1 : Number(j >= i && j <= i + 3)),
  "with two real eigenvalues in a block": [[0, 1], [2, 0]],
  "of one element": [[-3]],
};

const largest = async (x: Tensor) => await np.max(np.abs(x)).item();

/**
 * Fails unless `A V = V W` in units of rounding, for columns of length 1 with a largest element that is real; complex
 * eigenvalues are next to their conjugates, and eigenvectors of real ones are real.
 */
async function expectEigen(a: Tensor, epsilon: number, growth = 1): Promise<void> {
  const [w, v] = linalg.eig(a);
  const n = a.shape.at(-1)!;
  const top = await largest(a) || 1;
  const room = 30 * n * epsilon * growth;
  const [p, q] = [w.re.div(top), w.im.div(top)]; // scaled first: products may leave the range
  const re = np.matmul(a.div(top), v.re).sub(v.re.mul(p).sub(v.im.mul(q)));
  const im = np.matmul(a.div(top), v.im).sub(v.re.mul(q).add(v.im.mul(p)));
  expect(await largest(re)).toBeLessThan(room);
  expect(await largest(im)).toBeLessThan(room);
  const lengths = np.sum(np.square(v.re).add(np.square(v.im)), { axis: 0 });
  expect(await largest(lengths.sub(1))).toBeLessThan(20 * epsilon);
  const [values, heights] = [[...await w.re.data()], [...await w.im.data()]];
  const [vRe, vIm] = [await v.re.data(), await v.im.data()];
  for (let k = 0; k < n; k++) {
    const column = Array.from({ length: n }, (_, i) => [vRe[i * n + k]!, vIm[i * n + k]!] as const);
    const sizes = column.map(([x, y]) => Math.hypot(x, y));
    const main = column.filter((_, i) => sizes[i]! > Math.max(...sizes) * 0.999);
    expect(main.some(([x, y]) => x > 0 && y === 0)).toBe(true);
    if (heights[k] === 0) expect(column.every(([, y]) => y === 0)).toBe(true);
    else if (heights[k]! > 0) {
      expect([values[k + 1], heights[k + 1]]).toEqual([values[k], -heights[k]!]);
      k++; // the conjugate comes next
    } else expect.fail("an eigenvalue is not beside its conjugate");
  }
  // The sum is the trace. Eigenvalues alone are those that come with vectors.
  expect(Math.abs(values.reduce((x, y) => x + y, 0) - await linalg.trace(a).item()) / top)
    .toBeLessThan(room);
  const alone = linalg.eigvals(a);
  expect(await largest(alone.re.sub(w.re)) / top).toBeLessThan(room);
  expect(await largest(alone.im.sub(w.im)) / top).toBeLessThan(room);
}

/** Zeros by increasing real part, then imaginary part. */
async function sorted({ re, im }: { re: Tensor; im: Tensor }): Promise<[number, number][]> {
  const [x, y] = [[...await re.data()], [...await im.data()]];
  return x.map((value, i): [number, number] => [value, y[i]!])
    .sort(([a, b], [c, d]) => Math.abs(a - c) < 1e-3 ? b - d : a - c);
}

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    const few = backend === "webgpu"; // each shape is one program of many kernels
    const all = Object.entries(hard).filter(([, rows]) => !few || rows.length === 3);
    const cases = backend === "reference" ? all : someOf(all);
    test.each(cases)("eigenvalues and eigenvectors of a matrix %s", async (_, rows) => {
      await setBackend(backend);
      await expectEigen(np.array(rows.map((row) => [...row])), 2 ** -23);
    });

    test("a matrix that is not finite gives NaN", async () => {
      await setBackend(backend);
      for (const bad of [NaN, Infinity]) {
        const { re } = linalg.eigvals(np.array([[1, bad, 0], [2, 3, 1], [0, 1, 1]]));
        expect([...await re.data()].every(Number.isNaN)).toBe(true);
      }
    });

    test("zeros of polynomials, also at 0 and of lower degree", async () => {
      await setBackend(backend);
      const of = async (...p: number[]) => await sorted(np.roots(np.array(p)));
      const cubic = await of(1, -4, 6, -4); // 2, 1 ± i
      [[1, -1], [1, 1], [2, 0]].forEach(([x, y], i) => {
        expect(cubic[i]![0]).toBeCloseTo(x!, 5);
        expect(cubic[i]![1]).toBeCloseTo(y!, 5);
      });
      const [re, im] = Object.values(np.roots(np.array([0, 2, -6, 0]))).map((x) => x.data());
      expect([...await re!]).toEqual([3, 0, NaN]);
      expect([...await im!]).toEqual([0, 0, NaN]);
      expect(np.roots(np.array([5])).re.shape).toEqual([0]);
      expect(await of(0, 0, 0)).toEqual([[NaN, NaN], [NaN, NaN]]);
    });
  });
}

describe("in double precision", () => {
  const f64 = { dtype: "float64" } as const;

  test("matrices of any size", async () => {
    await setBackend("reference");
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.nat(), async (n, seed) => {
        await expectEigen(random.normal(random.key(seed), [n, n], f64), 2 ** -52);
      }),
      { numRuns: runs(12) },
    );
  });

  test("zeros of a polynomial with known ones", async () => {
    await setBackend("reference");
    const zeros = [-2.5, -1, 0.125, 0.5, 3];
    const found = await sorted(np.roots(np.poly(np.array(zeros, f64))));
    found.forEach(([re, im], i) => {
      expect(re).toBeCloseTo(zeros[i]!, 12);
      expect(im).toBeCloseTo(0, 12);
    });
  });

  test("derivatives of eigenvalues and eigenvectors, to second order", async () => {
    await setBackend("reference");
    const a = np.array([[1, 2, 0.5], [-3, 0.5, 1], [0.25, 1, 4]], f64); // a complex pair and a real one
    await checkGrads((x: Tensor) => linalg.eig(x), [a], { order: 2 });
    await checkGrads((x: Tensor) => linalg.eigvals(x), [a]);
  });

  test("derivatives of zeros are those of power sums, also where a zero is 0", async () => {
    await setBackend("reference");
    // The order of zeros may change, their sums of squares do not: (b² - 2 a c) / a².
    const squares = (p: Tensor) => {
      const { re, im } = np.roots(p);
      return np.sum(re.mul(re).sub(im.mul(im)));
    };
    await checkGrads(squares, [np.array([2, 1, 5], f64)], { order: 2 });
    await checkGrads(squares, [np.array([1, -3, 2, 0], f64)]);
    // The zero at 0 moves by -ṗ(0) / p′(0).
    const last = grad((p: Tensor) => np.roots(p).re.slice(-1))(np.array([1, -3, 2, 0], f64));
    expect([...await last.data()].map((x) => x || 0)).toEqual([0, 0, 0, -0.5]);
  });

  test("a batch is each of its matrices", async () => {
    await setBackend("reference");
    const a = random.normal(random.key(7), [3, 4, 4], f64);
    const whole = linalg.eigvals(a);
    const each = vmap((x: Tensor) => linalg.eigvals(x))(a);
    expect([...await each.im.data()]).toEqual([...await whole.im.data()]);
    for (const [i, one] of np.unstack(a).entries()) {
      const alone = await linalg.eigvals(one).re.data();
      expect([...await np.take(whole.re, i, { axis: 0 }).data()]).toEqual([...alone]);
    }
    expect(linalg.eig(np.zeros([2, 0, 0])).map(({ re }) => re.shape.join())).toEqual([
      "2,0",
      "2,0,0",
    ]);
  });
});

/** What sorting can do is not done by comparing all pairs: work is counted from programs, at a hundred thousand elements. */
import { beforeAll, expect, test } from "vitest";
import { makeProgram, np, setBackend, type Tensor } from "trilevel";
import { type Program, subprograms } from "../../src/core/program.ts";
import { sizeOf } from "../../src/core/aval.ts";
import type { ScanParams } from "../../src/primitives/control/scan.ts";

beforeAll(() => setBackend("reference"));

/** Elements that equations write, loops as often as they run; a sort counts as log₂ n comparisons of each. */
function elements(program: Program): number {
  return program.equations.reduce((sum, { primitive, outputs, params, inputs }) => {
    const inner = subprograms(params).reduce((a, p) => a + elements(p), 0);
    const times = primitive.name === "scan" ? (params as ScanParams).length : 1; // a scan has these parameters
    const own = outputs.reduce((a, v) => a + sizeOf(v.aval.shape), 0);
    const sorted = primitive.name === "sort"
      ? own * Math.log2(Math.max(2, sizeOf(inputs[0]!.aval.shape)))
      : 0;
    return sum + own + sorted + times * inner;
  }, 0);
}

const vector = (n: number) => np.zeros([n]);
const whole = (n: number) => np.zeros([n], { dtype: "int32" });

const functions: { readonly [name: string]: (n: number) => Program } = {
  unique: (n) => makeProgram((x: Tensor) => np.unique(x, { size: 10 }), vector(n)).program,
  uniqueAll: (n) => makeProgram((x: Tensor) => np.uniqueAll(x, { size: n }), vector(n)).program,
  union1d: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.union1d(x, y, { size: n }), vector(n), vector(n))
      .program,
  intersect1d: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.intersect1d(x, y, { size: n }), vector(n), vector(n))
      .program,
  setdiff1d: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.setdiff1d(x, y, { size: n }), vector(n), vector(n))
      .program,
  setxor1d: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.setxor1d(x, y, { size: n }), vector(n), vector(n))
      .program,
  isin: (n) => makeProgram((x: Tensor, y: Tensor) => np.isin(x, y), vector(n), vector(n)).program,
  digitize: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.digitize(x, y), vector(n), vector(n)).program,
  searchsorted: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.searchsorted(x, y), vector(n), vector(n)).program,
  interp: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.interp(x, x, y), vector(n), vector(n)).program,
  histogram: (n) => makeProgram((x: Tensor) => np.histogram(x, { bins: 1000 }), vector(n)).program,
  bincount: (n) => makeProgram((x: Tensor) => np.bincount(x, { length: n }), whole(n)).program,
  nonzero: (n) => makeProgram((x: Tensor) => np.nonzero(x, { size: n }), vector(n)).program,
  argwhere: (n) => makeProgram((x: Tensor) => np.argwhere(x, { size: n }), vector(n)).program,
  compress: (n) =>
    makeProgram((x: Tensor) => np.compress(x.greater(0), x, { size: n }), vector(n)).program,
  lexsort: (n) =>
    makeProgram((x: Tensor, y: Tensor) => np.lexsort([x, y]), vector(n), vector(n)).program,
  partition: (n) => makeProgram((x: Tensor) => np.partition(x, 10), vector(n)).program,
  median: (n) => makeProgram((x: Tensor) => np.median(x), vector(n)).program,
  quantile: (n) => makeProgram((x: Tensor) => np.quantile(x, 0.3), vector(n)).program,
  place: (n) => makeProgram((x: Tensor) => np.place(x, x.greater(0), x), vector(n)).program,
  put: (n) => makeProgram((x: Tensor, i: Tensor) => np.put(x, i, x), vector(n), whole(n)).program,
  "at().multiply": (n) =>
    makeProgram((x: Tensor, i: Tensor) => np.at(x, i).multiply(x), vector(n), whole(n)).program,
};

test.each(Object.entries(functions))("%s does work of order n log n", (_, program) => {
  const work = (n: number) => elements(program(n)) / (n * Math.log2(n));
  // Between the two, what compares all pairs grows sixtyfold.
  expect(work(100_000) / work(1000)).toBeLessThan(1.5);
  expect(work(100_000)).toBeLessThan(100);
});

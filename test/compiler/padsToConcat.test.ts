/** Sums of padded pieces that tile the whole are the pieces side by side; all others stay sums. */
import fc from "fast-check";
import { grad, makeProgram, np, random, setBackend, type Tensor } from "trilevel";
import { beforeAll, expect, it } from "vitest";
import { padsToConcat } from "../../src/compiler/passes/padsToConcat.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";
import { validateProgram } from "../../src/core/validate.ts";
import { evaluate } from "../../src/core/evaluate.ts";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend("reference"));

const names = (p: Program) => eliminateDeadCode(p).equations.map((e) => e.primitive.name);

/** A function that cuts a tensor up and uses pieces differently; `skip` leaves one unused. */
const cutting = (pieces: number, axis: number, skip: number, extra: boolean) => (x: Tensor) => {
  const parts = np.split(x, pieces, { axis });
  const terms = parts.flatMap((p, i) => i === skip ? [] : [np.sum(np.sin(p.mul(i + 1)))]);
  const sum = terms.reduce((a, b) => a.add(b));
  return extra ? sum.add(np.sum(np.cos(x))) : sum;
};

it("keeps every value, and leaves no padding where all pieces are used", async () => {
  const shapes = fc.record({
    pieces: fc.integer({ min: 2, max: 4 }),
    axis: fc.integer({ min: 0, max: 1 }),
    skip: fc.constantFrom(-1, -1, 0, 1),
    extra: fc.boolean(),
    seed: fc.nat(1000),
  });
  await fc.assert(
    fc.asyncProperty(shapes, async ({ pieces, axis, skip, extra, seed }) => {
      const shape = axis === 0 ? [pieces * 2, 3] : [3, pieces * 2];
      const x = random.normal(random.key(seed), shape, { dtype: "float64" });
      const traced = makeProgram(grad(cutting(pieces, axis, skip, extra)), x);
      const program = inlineCalls(traced.program);
      const joined = padsToConcat(program);
      validateProgram(joined);
      const [before, after] = [program, joined].map((p) =>
        evaluate(p, [...traced.captured, x])[0]!
      );
      const [a, b] = [await before!.data(), await after!.data()];
      a.forEach((v, i) => expect(b[i]).toBeCloseTo(v, 14));
      if (skip < 0) expect(names(joined)).not.toContain("pad");
      else expect(names(joined)).toContain("pad");
    }),
    { numRuns: runs(60) },
  );
});

it("does not join pieces that overlap, or leave a gap", () => {
  const overlapping = (x: Tensor) =>
    np.sum(np.sin(np.slice(x, [0, 3]))).add(np.sum(np.cos(np.slice(x, [2, 5]))));
  const { program } = makeProgram(grad(overlapping), np.zeros([5]));
  expect(names(padsToConcat(inlineCalls(program)))).not.toContain("concatenate");
});

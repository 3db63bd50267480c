/** `vmap` of every primitive is the stacked loop, whichever operands have a batch, and wherever. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { vmap } from "../../src/transforms/vmap.ts";
import { setBackend } from "../../src/runtime/choice.ts";
import { place, Random, read, stacked } from "../support/arrays.ts";
import { expectClose } from "../support/close.ts";
import { type Case, type Subject, subjects } from "../support/primitiveCases.ts";
import { reference } from "../support/reference.ts";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend(reference));

/** All subsets of n things but the empty one. */
const subsets = (n: number) =>
  Array.from(
    { length: 2 ** n - 1 },
    (_, bits) => Array.from({ length: n }, (_, i) => ((bits + 1) >> i) % 2 === 1),
  );

async function batchIsLoop(subject: Subject, example: Case, size: number): Promise<void> {
  const elements = Array.from({ length: Math.max(size, 1) }, (_, b) => example.operands(b));
  const [first] = elements;
  const random = new Random(example.seed);
  for (const batched of subsets(first!.length)) {
    const inAxes = first!.map((x, i) => batched[i] ? random.whole(0, x.shape.length) : null);
    const operands = first!.map((x, i) =>
      place(
        batched[i] ? stacked(elements.slice(0, size).map((e) => e[i]!), x, inAxes[i]!) : x,
        reference,
      )
    );
    const loop = elements.map((e) =>
      subject.apply(first!.map((x, i) => place(batched[i] ? e[i]! : x, reference)), example.params)
    );
    const outAxes = loop[0]!.map((y) => random.whole(0, y.ndim));
    const results = vmap(
      (...xs: Parameters<typeof subject.apply>[0][number][]) => subject.apply(xs, example.params),
      { inAxes, outAxes },
    )(...operands);

    const expected = await Promise.all(outAxes.map(async (axis, k) => {
      const outputs = await read(loop.map((ys) => ys[k]!));
      const { shape, dtype } = loop[0]![k]!;
      return stacked(
        outputs.slice(0, size).map((values) => ({ shape, dtype, values })),
        { shape, dtype, values: [] },
        axis,
      );
    }));
    expect(results.map((y) => [y.dtype, y.shape])).toEqual(expected.map((y) => [y.dtype, y.shape]));
    expectClose(await read(results), expected.map((y) => y.values));
  }
}

describe.each([...subjects])("$name", (subject) => {
  test.each([...subject.spec.dtypes])("%s", (dtype) => {
    const sizes = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 3 }) },
      fc.constant(0),
    );
    return fc.assert(
      fc.asyncProperty(
        subject.spec.cases(dtype).filter((c) => c.operands().length > 0 || subject.name === "iota"),
        sizes,
        (example, size) => batchIsLoop(subject, example, size),
      ),
      { numRuns: runs(12) },
    );
  });
});

/** Derivatives of every primitive: forward, reverse, transposed, and of second order. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { isFloat } from "../../src/core/dtype.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { setBackend } from "../../src/runtime/choice.ts";
import { grad } from "../../src/transforms/grad.ts";
import { jvp } from "../../src/transforms/jvp.ts";
import { linearTranspose } from "../../src/transforms/linearize.ts";
import { vjp } from "../../src/transforms/vjp.ts";
import { moved, place, read } from "../support/arrays.ts";
import { expectClose } from "../support/close.ts";
import { type Case, type Subject, subjects } from "../support/primitiveCases.ts";
import { reference } from "../support/reference.ts";
import {
  directions,
  floatsOf,
  inner,
  likeTensors,
  onFloats,
  restricted,
} from "../support/subject.ts";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend(reference));

const settings = { numRuns: runs(25) };
const step = 6e-6; // ∛ε: truncation and rounding are equal
const differences = { relative: 1e-6, absolute: 1e-8 };
const nested = { relative: 1e-10, absolute: 1e-10 };

/** Tests a property of all cases of a primitive with float operands. */
function property(subject: Subject, what: string, check: (example: Case) => Promise<void>) {
  for (const dtype of subject.spec.dtypes.filter((d) => isFloat(d))) {
    test(`${what}, ${dtype}`, () =>
      fc.assert(fc.asyncProperty(subject.spec.cases(dtype), check), settings));
  }
}

// These have no float result, or none that depends on an operand; stopGradient says that it lies.
const constant = ["iota", "isFinite", "eq", "ne", "lt", "le", "gt", "ge", "argMax", "argMin"];
const differentiable = subjects.filter((s) =>
  s.spec.dtypes.some(isFloat) && ![...constant, "stopGradient"].includes(s.name)
);

describe.each(differentiable)("$name", (subject) => {
  property(subject, "jvp is what finite differences are", async (example) => {
    const { f, xs, hosts } = onFloats(subject, example);
    const along = directions(hosts, example.seed);
    const dxs = along.map((d) => place(d, reference));
    const [values, tangents] = jvp(f, xs, dxs);
    const at = (by: number) =>
      read(floatsOf(f(...hosts.map((x, i) => place(moved(x, by, along[i]!), reference)))));
    const [above, below] = [await at(step), await at(-step)];
    const slopes = above.map((y, k) => y.map((v, i) => (v - below[k]![i]!) / (2 * step)));
    expectClose(await read(floatsOf(tangents)), slopes, differences);
    expectClose(await read(values), await read(f(...xs)));
  });

  property(subject, "vjp is the transpose of jvp", async (example) => {
    if (!example.reverse) return;
    const { f, xs, hosts } = onFloats(subject, example);
    const dxs = directions(hosts, example.seed).map((d) => place(d, reference));
    const [, tangents] = jvp(f, xs, dxs);
    const [values, pullback] = vjp(f, ...xs);
    const cts = directions(likeTensors(values), example.seed + 1).map((d) =>
      isFloat(d.dtype) ? place(d, reference) : null
    );
    const forward = inner(floatsOf(tangents), floatsOf(cts));
    const reverse = inner(dxs, pullback(cts as Tensor[]));
    expectClose(await read([reverse]), await read([forward]));
  });

  if (subject.spec.linear) {
    property(subject, "linearTranspose twice is the function itself", async (example) => {
      for (const chosen of subject.spec.linear!(example.operands())) {
        const { f, xs, hosts } = restricted(
          subject,
          example,
          (x, i) => chosen.includes(i) && isFloat(x.dtype),
        );
        const outputs = f(...xs);
        if (xs.length === 0 || !outputs.every((y) => isFloat(y.dtype))) return;
        const transposed = linearTranspose(f, ...xs);
        const cts = directions(likeTensors(outputs), example.seed).map((d) => place(d, reference));
        const again = linearTranspose((...ys: Tensor[]) => transposed(ys), ...cts)(xs);
        expectClose(await read(again), await read(outputs));
        expect(transposed(cts).map((x) => x.shape)).toEqual(hosts.map((x) => x.shape));
      }
    });
  }

  property(subject, "second order, by all four ways", async (example) => {
    const { f, xs, hosts } = onFloats(subject, example);
    const along = directions(hosts, example.seed);
    const vs = along.map((d) => place(d, reference));
    const weights = directions(likeTensors(floatsOf(f(...xs))), example.seed + 1)
      .map((d) => place(d, reference));
    // Squared, so that linear primitives have second derivatives too.
    const scalar = (...at: Tensor[]) => {
      const y = inner(floatsOf(f(...at)), weights);
      return inner([y], [y]);
    };
    const push = (...at: Tensor[]) => jvp(scalar, at, vs)[1];
    const [, forwardForward] = jvp(push, xs, vs);
    if (!example.reverse) {
      const at = async (by: number) => {
        const points = hosts.map((x, i) => place(moved(x, by, along[i]!), reference));
        return (await push(...points).data())[0]!;
      };
      const slope = (await at(step) - await at(-step)) / (2 * step);
      expectClose(await read([forwardForward]), [[slope]], { relative: 1e-6, absolute: 1e-6 });
      return;
    }
    const all = { argnums: xs.map((_, i) => i) };
    const gradient = grad(scalar, all) as (...at: Tensor[]) => Tensor[];
    const [, forwardReverse] = jvp(gradient, xs, vs);
    const reverseForward = (grad(push, all) as typeof gradient)(...xs);
    const along2 = (...at: Tensor[]) => inner(gradient(...at), vs);
    const reverseReverse = (grad(along2, all) as typeof gradient)(...xs);
    const expected = await read(forwardReverse);
    expectClose(await read(reverseForward), expected, nested);
    expectClose(await read(reverseReverse), expected, nested);
    expectClose(await read([forwardForward]), await read([inner(forwardReverse, vs)]), nested);
    const at = (by: number) =>
      read(gradient(...hosts.map((x, i) => place(moved(x, by, along[i]!), reference))));
    const [above, below] = [await at(step), await at(-step)];
    const slopes = above.map((y, k) => y.map((v, i) => (v - below[k]![i]!) / (2 * step)));
    expectClose(expected, slopes, { relative: 1e-6, absolute: 1e-6 });
  });
});

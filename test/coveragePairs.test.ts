/** Every pair of docs/coverage.md is called on both sides: JAX's and optax's results are recorded. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as trilevel from "trilevel";
import { grad, np, setBackend, Tensor, tree, vmap } from "trilevel";
import more from "./fixtures/coverage-arrays.json" with { type: "json" };
import complex from "./fixtures/coverage-complex.json" with { type: "json" };
import learning from "./fixtures/coverage-learning.json" with { type: "json" };
import padding from "./fixtures/coverage-padding.json" with { type: "json" };
import arrays from "./fixtures/coverage-pairs.json" with { type: "json" };
import transforms from "./fixtures/coverage-transforms.json" with { type: "json" };
import { programs as ofLearning } from "./support/coverageLearning.ts";
import { programs as ofFunctions } from "./support/coveragePrograms.ts";
import { programs as ofTransforms } from "./support/coverageTransforms.ts";
import { backends } from "./support/backends.ts";
import { loose } from "./support/mistakes.ts";
import { someOf } from "./support/tier.ts";

beforeAll(() => setBackend("reference"));

const pairs = [
  ...arrays.pairs,
  ...more.pairs,
  ...complex.pairs,
  ...padding.pairs,
  ...learning.pairs,
  ...transforms.pairs,
];
const programs = { ...ofFunctions, ...ofLearning, ...ofTransforms };

interface Recorded {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

const numbers = (data: Recorded["data"]) => data.map(Number);

/** An argument of a recorded call. */
function decode(given: unknown): unknown {
  if (Array.isArray(given)) return given.map(decode);
  if (typeof given !== "object" || given === null) return given;
  if ("array" in given) {
    const { shape, data } = loose(given.array);
    const dtype = loose(typeOf(loose(given.array)));
    const flat = np.array(numbers(data), { dtype: dtype === "bool" ? "int32" : dtype });
    return np.astype(np.reshape(flat, shape), dtype);
  }
  const options = Object.entries(loose(given).options);
  return Object.fromEntries(options.map(([name, value]) => [name, decode(value)]));
}

/** Our function of a name, or method. */
function ours(name: string): (...args: readonly unknown[]) => unknown {
  if (name === "Tensor.astype") return (x, dtype) => loose(x).astype(dtype);
  return name.split(".").reduce<object>((space, part) => loose(space)[part], trilevel) as () =>
    unknown;
}

/** The tensors of a result, in JAX's order: the fields of objects by their names. */
function tensorsOf(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  if (typeof result === "object" && result !== null) {
    const entries = Object.entries(result);
    if (!Array.isArray(result)) entries.sort(([a], [b]) => a < b ? -1 : 1);
    return entries.flatMap(([, part]) => tensorsOf(part));
  }
  return tree.leaves(result).map((leaf) => np.array(loose(leaf)));
}

/** Python's whole numbers are bare numbers here, and bytes are uint32. */
const here: { readonly [dtype: string]: string } = { int64: "float32", uint8: "uint32" };
const typeOf = ({ dtype }: Recorded) => here[dtype] ?? dtype;

async function expectSame(result: unknown, results: readonly Recorded[], exact: boolean) {
  const found = tensorsOf(result);
  expect(found.map((x) => `${x.dtype}[${x.shape}]`))
    .toEqual(results.map((wanted) => `${typeOf(wanted)}[${wanted.shape}]`));
  for (const [i, x] of found.entries()) {
    const wanted = numbers(results[i]!.data);
    const got = [...await x.data()];
    const scale = Math.max(1, ...wanted.filter(Number.isFinite).map(Math.abs));
    const tolerance = x.dtype === "float32" ? (exact ? 1e-6 : 1e-5) * scale : 0;
    const wrong = got.findIndex((n, k) =>
      !Object.is(n, wanted[k]) && !(Math.abs(n - wanted[k]!) <= tolerance)
    );
    expect(wrong < 0 ? "" : `[${wrong}]: ${got[wrong]} instead of ${wanted[wrong]}`).toBe("");
  }
}

/** A call as a function of its first argument, a tensor or a pair of them; it gives all tensors of the result. */
function ofFirst(here: string, given: readonly unknown[]) {
  const [first, ...rest] = given.map(decode);
  if (!tree.leaves(first).every((x) => x instanceof Tensor)) return undefined;
  return { first: first as Tensor, call: (x: Tensor) => ours(here)(x, ...rest) };
}

/** The sum of all floats, of which each element has a weight of its own. */
function weighted(result: unknown): Tensor {
  const floats = tensorsOf(result).filter(({ dtype }) => dtype === "float32");
  return floats.map((y) => np.sum(y.mul(np.cos(np.reshape(np.arange(y.size), y.shape)))))
    .reduce((a, b) => a.add(b));
}

const isTensors = (result: unknown): boolean =>
  tree.leaves(result).every((x) => x instanceof Tensor);

describe.each(pairs)("$there is $here", ({ there, here, calls }) => {
  describe.each(calls.map((call, i) => [i, call] as const))("call %i", (_, call) => {
    const args: readonly unknown[] | undefined = loose(call).arguments;
    test("gives the same", async () => {
      const result = args === undefined
        ? await programs[there]!()
        : ours(here)(...args.map(decode));
      await expectSame(result, call.results, there.startsWith("jax.random"));
    });

    const gradient: readonly Recorded[] | undefined | null = loose(call).gradient;
    if (gradient) {
      test("has the same gradient", async () => {
        const of = ofFirst(here, args!)!;
        const slopes = tensorsOf(grad((x: Tensor) => weighted(of.call(x)))(of.first));
        // Where JAX has no number, ours may have one.
        const known = slopes.map((slope, i) => {
          const wanted = np.array(numbers(gradient[i]!.data), { shape: gradient[i]!.shape });
          return np.where(np.isnan(wanted), NaN, slope);
        });
        await expectSame(known, gradient, false);
      });
    }

    if (there.startsWith("jax.numpy") && args) {
      test("is the same in batches", async () => {
        const of = ofFirst(here, args!);
        if (of === undefined || !isTensors(of.call(of.first))) return;
        const twice = vmap(of.call)(tree.map((x: Tensor) => np.stack([x, x]), of.first));
        const each = tensorsOf(twice).map((y) => np.unstack(y));
        for (const i of [0, 1]) await expectSame(each.map((y) => y[i]), call.results, false);
      });
    }
  });
});

for (const backend of backends) {
  describe(`on ${backend.name}`, () => {
    beforeAll(() => setBackend(backend.name));
    afterAll(() => setBackend("reference"));
    const arrays = someOf(pairs).flatMap(({ there, here, calls }) =>
      /^jax\.(numpy|random)/.test(there)
        ? calls.flatMap((call, i) => "arguments" in call ? [{ there, here, i, call }] : [])
        : []
    );
    test.each(arrays)("$there, call $i, gives the same", async ({ there, here, call }) => {
      const result = ours(here)(...loose(call).arguments.map(decode));
      await expectSame(result, call.results, there.startsWith("jax.random"));
    });
  });
}

test("programs are those of recorded pairs", () => {
  const needed = pairs.filter(({ calls }) => !("arguments" in calls[0]!));
  expect(Object.keys(programs).sort()).toEqual(needed.map(({ there }) => there).sort());
});

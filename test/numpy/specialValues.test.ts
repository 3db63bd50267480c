/** The array language where numbers end, in values and derivatives, against JAX's. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad, np, setBackend, type Tensor, vmap } from "trilevel";
import fixture from "../fixtures/special-values.json" with { type: "json" };

beforeAll(() => setBackend("reference"));

interface Encoded {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

interface Entry {
  readonly name: string;
  readonly args: readonly Encoded[];
  readonly options?: { readonly [name: string]: unknown };
  readonly value: Encoded;
  readonly grads?: readonly (Encoded | null)[];
}

type Call = (...args: readonly unknown[]) => Tensor | readonly Tensor[];

// JSON's types are those that the script writes.
const { elementwise, integers, linalg, reductions } = fixture as unknown as Record<
  "elementwise" | "integers" | "linalg" | "reductions",
  readonly Entry[]
>;

/** The function of a name, in a space of functions. */
function lookUp(space: object, name: string): (...args: readonly unknown[]) => Tensor {
  const found = (space as Record<string, Call>)[name]!;
  return (...args) => {
    const result = found(...args);
    return Array.isArray(result) ? np.stack(result) : result as Tensor; // slogdet gives two
  };
}

const numbers = ({ data }: Encoded) => data.map(Number);
const tensor = (x: Encoded, dtype: "float64" | "int32" = "float64") =>
  np.array(numbers(x), { dtype, shape: [...x.shape] });

/** Where numbers differ by more than rounding, in words. */
function differences(
  found: ArrayLike<number>,
  right: readonly number[],
  at: (i: number) => string,
  size: number,
): string[] {
  return right.flatMap((b, i) => {
    const a = found[i]!;
    const close = Object.is(a, b) || a === b ||
      Math.abs(a - b) <= 1e-11 * Math.max(Math.abs(b), size);
    return close ? [] : [`${at(i)}: ${a}, right is ${b}`];
  });
}

const isZero = (x: number) => x === 0;
const isInfinite = (x: number) => Math.abs(x) === Infinity;

/**
 * Where Trilevel's derivative is another on purpose: a subgradient or limit where JAX's is NaN, and the
 * right one where an intermediate result of JAX's overflows.
 */
const ownDerivative: { readonly [name: string]: (x: number, y: number) => boolean } = {
  abs: (x) => isZero(x) || Number.isNaN(x),
  hypot: (x, y) =>
    (isZero(x) && isZero(y)) || isInfinite(x) || isInfinite(y) || (x === y && x > 1e308),
  // JAX takes +∞ for 0 in `e^(x - out)`.
  logaddexp: (x, y) => isInfinite(x) || isInfinite(y) || (x === y && x > 1e308),
  power: (x, y) => isZero(y) && (isZero(x) || Number.isNaN(x)),
  acosh: (x) => x < 1, // it is NaN there
  divide: (x, y) => isInfinite(x) && y > 1e308,
  xlogy: (x, y) => (isZero(x) && y <= 0) || (y > 1e308 && Math.abs(x) > 1e308),
};

describe("functions of numbers, and their derivatives", () => {
  test.each(elementwise.map((e) => [e.name, e] as const))("%s", async (name, entry) => {
    const f = lookUp(np, name);
    const args = entry.args.map((x) => tensor(x));
    const at = (i: number) => `${name}(${entry.args.map(({ data }) => data[i]).join(", ")})`;
    const wrong = differences(await f(...args).data(), numbers(entry.value), at, 1e-290);
    for (const [argnum, slopes] of (entry.grads ?? []).entries()) {
      if (slopes === null) continue;
      const slope = vmap(grad(f as (...xs: Tensor[]) => Tensor, { argnums: argnum }));
      const found = Array.from(await (slope(...args) as Tensor).data());
      const right = numbers(slopes).map((x, i) => {
        const [a, b = NaN] = entry.args.map(({ data }) => Number(data[i]));
        return ownDerivative[name]?.(a!, b) ? found[i]! : x;
      });
      wrong.push(...differences(found, right, (i) => `derivative ${argnum} of ${at(i)}`, 1e-290));
    }
    expect(wrong).toEqual([]);
  });
});

describe("functions of int32", () => {
  test.each(integers.map((e) => [e.name, e] as const))("%s", async (name, entry) => {
    const y = lookUp(np, name)(...entry.args.map((x) => tensor(x, "int32")));
    expect(y.dtype).toBe("int32");
    const at = (i: number) => `${name}(${entry.args.map(({ data }) => data[i]).join(", ")})`;
    expect(differences(await y.data(), numbers(entry.value), at, 0)).toEqual([]);
  });
});

const named = (entries: readonly Entry[]) =>
  entries.map((e, i) => [`${i} ${e.name} ${JSON.stringify(e.options ?? {})}`, e] as const);
const optionsOf = ({ options = {} }: Entry) =>
  Object.fromEntries(
    Object.entries(options).map(([k, v]) => [k, Number.isNaN(Number(v)) ? v : Number(v)]),
  );

test("derivatives of its own have limits", async () => {
  const at = async (f: (x: Tensor, y: Tensor) => Tensor, x: number, y: number) => {
    const [dx, dy] = grad(f, { argnums: [0, 1] })(np.array(x), np.array(y));
    return [await dx.item(), await dy.item()];
  };
  for (const [end, share] of [[Infinity, 1], [-Infinity, 0.5]] as const) {
    expect(await at(np.logaddexp, end, end)).toEqual([share, share]);
    expect(await at(np.hypot, end, 2)).toEqual([Math.sign(end), 0]);
  }
  expect(await at(np.logaddexp, Infinity, 2)).toEqual([1, 0]);
  expect(await at(np.logaddexp, 2, -Infinity)).toEqual([1, 0]);
  expect(await at(np.hypot, 0, 0)).toEqual([0, 0]);
});

describe("linear algebra", () => {
  test.each(named(linalg))("%s", async (_, entry) => {
    const options = Object.keys(entry.options ?? {}).length === 0 ? [] : [optionsOf(entry)];
    const f = (...xs: Tensor[]) => lookUp(np.linalg, entry.name)(...xs, ...options);
    const args = entry.args.map((x) => tensor(x));
    const y = f(...args);
    expect([...y.shape]).toEqual(entry.value.shape);
    const largest = (x: readonly number[]) => Math.max(1e-300, ...x.map(Math.abs).filter(isFinite));
    // A condition beyond what rounding leaves of a matrix is any number as large.
    const known = (x: number) => entry.name === "cond" && x > 1e15 ? Infinity : x;
    const right = numbers(entry.value).map(known);
    const wrong = differences([...await y.data()].map(known), right, String, largest(right));
    for (const [i, slopes] of (entry.grads ?? []).entries()) {
      const slope = grad((...xs: Tensor[]) => np.sum(f(...xs)), { argnums: i })(...args) as Tensor;
      const expected = numbers(slopes!);
      const at = (k: number) => `derivative ${i}, ${k}`;
      wrong.push(...differences(await slope.data(), expected, at, 100 * largest(expected)));
    }
    expect(wrong).toEqual([]);
  });
});

describe("reductions", () => {
  test.each(named(reductions))("%s", async (_, entry) => {
    const y = lookUp(np, entry.name)(tensor(entry.args[0]!), optionsOf(entry));
    expect([...y.shape]).toEqual(entry.value.shape);
    expect(differences(await y.data(), numbers(entry.value), String, 1e-290)).toEqual([]);
  });
});

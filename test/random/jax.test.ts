/** Random numbers are JAX's: bits, integers and orders exactly, reals to float32's rounding; on every backend. */
import { jit, random, setBackend, type Tensor, vmap } from "trilevel";
import { beforeAll, describe, expect, it } from "vitest";
import { backends } from "../support/backends.ts";
import { draw, keyOf, type Sample, samples, seeds } from "./support.ts";
import { someOf } from "../support/tier.ts";

const exact = (x: Tensor) => x.dtype !== "float32" && x.dtype !== "float64";

function title({ name, args, options, key }: Sample): string {
  const brief = (_: string, x: unknown) =>
    typeof x === "object" && x !== null && "shape" in x ? x.shape : x;
  return `${name}(${JSON.stringify([...args, options ?? {}], brief)}) under ${key.join(" ")}`;
}

async function expectSame(x: Tensor, { value, name }: Sample): Promise<void> {
  expect([...x.shape]).toEqual(value.shape);
  expect(x.dtype).toBe(value.dtype);
  const data = await x.data();
  // Logarithms and the inverse error function in JAX's float32 differ from double precision.
  const tolerance = x.dtype === "float64" ? 1e-12 : name === "uniform" ? 3e-7 : 3e-6;
  value.data.forEach((v, i) => {
    const expected = Number(v);
    if (exact(x)) expect(data[i]).toBe(expected);
    else expect(Math.abs(data[i]! - expected)).toBeLessThan(tolerance * (1 + Math.abs(expected)));
  });
}

describe("keys", () => {
  beforeAll(() => setBackend("reference"));

  it.each(Object.entries(seeds))("key(%s)", async (seed, expected) => {
    expect([...await random.key(Number(seed)).data()]).toEqual(expected.data);
  });

  it("split gives as a list what splitStacked gives as one tensor", async () => {
    const key = random.key(3);
    const stacked = await random.splitStacked(key, 4).array();
    const listed = await Promise.all(random.split(key, 4).map((k) => k.array()));
    expect(listed).toEqual(stacked);
  });

  it("folds in negative numbers by their lowest 32 bits", async () => {
    const key = random.key(3);
    const [a, b] = [random.foldIn(key, -1), random.foldIn(key, 2 ** 32 - 1)];
    expect(await a.data()).toEqual(await b.data());
  });
});

describe.each(["reference", ...backends.map((b) => b.name)] as const)("samples on %s", (name) => {
  beforeAll(() => setBackend(name));

  const doubles = name === "reference" ||
    backends.some((b) => b.name === name && b.supports("float64"));
  const cases = samples.filter((s) => doubles || s.value.dtype !== "float64")
    .map((s) => [title(s), s] as const);
  // On the reference all, on other backends some.
  it.each(name === "reference" ? cases : someOf(cases))("%s", async (_, sample) => {
    const x = draw(sample);
    // The fixture has only the first of long permutations.
    const long = sample.name === "permutation" && sample.args[0] === 3000;
    await expectSame(long ? x.slice([0, 20]) : x, sample);
  });

  it.each(someOf(cases.filter((_, i) => i % 5 === 0)))("jit: %s", async (_, sample) => {
    if (sample.args[0] === 3000) return;
    await expectSame(jit((k: Tensor) => draw(sample, k))(keyOf(sample.key)), sample);
  });

  it("vmap over keys gives each key's numbers", async () => {
    const keys = random.splitStacked(random.key(1), 3);
    for (
      const f of [
        (k: Tensor) => random.normal(k, [4]),
        (k: Tensor) => random.permutation(k, 7),
        (k: Tensor) => random.randint(k, [5], 0, 100),
        (k: Tensor) => random.split(k)[1],
      ]
    ) {
      const batch = await vmap(f)(keys).array();
      const single = await Promise.all(
        random.split(random.key(1), 3).map((k) => f(k).array()),
      );
      expect(batch).toEqual(single);
    }
  });
});

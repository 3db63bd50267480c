/** Values and gradients of the array language against JAX's, in float64. */
import { np, setBackend, type Tensor, valueAndGrad } from "trilevel";
import { beforeAll, describe, expect, it } from "vitest";
import { callOf, elsewhere, type Encoded, entries, promotion, weighted } from "./fixtures.ts";

beforeAll(() => setBackend("reference"));

async function expectClose(x: Tensor, expected: Encoded, tolerance: number): Promise<void> {
  expect([...x.shape]).toEqual(expected.shape);
  const data = await x.data();
  const size = Math.max(1e-4, ...expected.data.map((v) => Math.abs(Number(v))).filter(isFinite));
  expected.data.forEach((v, i) => {
    const e = Number(v);
    if (!Number.isFinite(e)) expect(data[i]).toBe(e);
    else if (!(Math.abs(data[i]! - e) <= tolerance * Math.max(size, Math.abs(e)))) {
      expect([...data]).toEqual(expected.data);
    }
  });
}

const cases = entries.filter((e) => !elsewhere.has(e.name)).map((e, i) => {
  const shapes = e.args.map((a) =>
    typeof a === "object" && a && "shape" in a ? `[${a.shape}]` : JSON.stringify(a)
  );
  const options = e.options ? `, ${JSON.stringify(e.options)}` : "";
  return [`${i} ${e.name}(${shapes.join(", ")}${options})`, e] as const;
});

describe("values", () => {
  it.each(cases)("%s", async (_, entry) => {
    const { floats, call } = callOf(entry);
    const results = call(...floats);
    expect(results.length).toBe(entry.value.length);
    for (const [i, y] of results.entries()) {
      const expected = entry.value[i]!;
      expect(y.dtype.startsWith("float")).toBe(expected.dtype.startsWith("float"));
      await expectClose(y, expected, 1e-9);
    }
  });
});

describe("gradients", () => {
  it.each(cases.filter(([, e]) => e.grads))("%s", async (_, entry) => {
    const { floats, call } = callOf(entry);
    const loss = (...xs: Tensor[]) => weighted(call(...xs));
    const argnums = floats.map((_, i) => i);
    const [, gradients] = valueAndGrad(loss, { argnums })(...floats);
    for (const [i, g] of gradients.entries()) await expectClose(g, entry.grads![i]!, 1e-9);
  });
});

describe("promotion", () => {
  const values: { readonly [name: string]: Tensor | number } = {
    bool: np.array(true),
    int32: np.array(1, { dtype: "int32" }),
    uint32: np.array(1, { dtype: "uint32" }),
    float32: np.array(1, { dtype: "float32" }),
    float64: np.array(1, { dtype: "float64" }),
    "weak float32": 1.5,
  };
  const pairs = Object.keys(values).flatMap((a) => Object.keys(values).map((b) => [a, b] as const));
  it.each(pairs)("%s with %s", (a, b) => {
    const { dtype, aval } = np.add(values[a]!, values[b]!);
    expect(`${aval.weak ? "weak " : ""}${dtype}`).toBe(promotion[a]![b]);
  });

  // A whole number is a weak integer among integers, and a weak float among floats and alone.
  it.each(Object.keys(values))("a whole number with %s", (a) => {
    const { dtype, aval } = np.add(values[a]!, 2);
    expect(`${aval.weak ? "weak " : ""}${dtype}`).toBe(promotion[a]!["weak int32"]);
  });
});

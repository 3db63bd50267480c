/** Arrays as text: letter for letter what NumPy prints (fixtures by test/oracle/array_text.py). */
import { expect, test } from "vitest";
import { arrayText } from "../../src/core/arrayText.ts";
import { allocate, type DType } from "../../src/core/dtype.ts";
import fixtures from "../fixtures/array-text.json" with { type: "json" };

const numbers: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity };

for (const [index, { dtype, shape, values, text }] of fixtures.entries()) {
  test(`${index}: ${dtype}[${shape}]`, () => {
    const elements = values === "" ? [] : values.split(" ").map((v) => numbers[v] ?? Number(v));
    const data = allocate(dtype as DType, elements.length); // the script writes no other types
    data.set(elements);
    expect(arrayText(data, shape, dtype as DType)).toBe(text);
  });
}

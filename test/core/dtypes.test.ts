/** Element types: what numbers become when stored, and how types meet. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  allocate,
  byteSize,
  coerce,
  type DType,
  dtypeOf,
  dtypes,
  promoteTypes,
  type Typed,
} from "../../src/core/dtype.ts";

// Only bare numbers are weak: int32 ones after integer arithmetic, float32 ones otherwise.
const typed: fc.Arbitrary<Typed> = fc.constantFrom(
  ...dtypes.map((dtype) => ({ dtype, weak: false })),
  { dtype: "int32", weak: true },
  { dtype: "float32", weak: true },
);

describe("promotion", () => {
  test("is a join: commutative, associative, idempotent", () =>
    fc.assert(fc.property(typed, typed, typed, (a, b, c) => {
      const name = ({ dtype, weak }: Typed) => `${dtype}${weak}`;
      expect(name(promoteTypes(a, promoteTypes(b, c)))).toBe(
        name(promoteTypes(promoteTypes(a, b), c)),
      );
      expect(promoteTypes(a, a).dtype).toBe(a.dtype);
      expect(promoteTypes(a, b).dtype).toBe(promoteTypes(b, a).dtype);
    })));

  const strong = (dtype: DType): Typed => ({ dtype, weak: false });
  const weak = (dtype: DType): Typed => ({ dtype, weak: true });
  test.each([
    [[strong("float32"), weak("float64")], strong("float32")],
    [[strong("int32"), weak("float32")], weak("float32")],
    [[strong("int32"), weak("int32")], strong("int32")],
    [[strong("uint32"), weak("int32")], strong("uint32")],
    [[strong("bool"), weak("int32")], weak("int32")],
    [[strong("int32"), strong("uint32")], strong("int32")],
    [[strong("int32"), strong("float32")], strong("float32")],
    [[strong("float32"), strong("float64")], strong("float64")],
  ])("%j give %j, as in JAX", (types, expected) => {
    expect(promoteTypes(...types)).toEqual(expected);
  });
});

describe("storing", () => {
  test("gives what the typed array would hold, in range", () =>
    fc.assert(
      fc.property(fc.constantFrom(...dtypes), fc.integer({ min: 0, max: 255 }), (dtype, n) => {
        const data = allocate(dtype, 1);
        data[0] = coerce(n, dtype);
        expect(data[0]).toBe(dtype === "bool" ? Math.min(n, 1) : n);
        expect(dtypeOf(data)).toBe(dtype);
        expect(data.BYTES_PER_ELEMENT).toBe(byteSize(dtype));
      }),
    ));

  test.each<[DType, number, number]>([
    ["int32", 1e10, 2147483647],
    ["int32", -1e10, -2147483648],
    ["int32", -2.9, -2],
    ["int32", NaN, 0],
    ["uint32", -1, 0],
    ["uint32", Infinity, 4294967295],
    ["float32", 0.1, Math.fround(0.1)],
    ["bool", NaN, 1],
    ["bool", -0, 0],
  ])("%s takes %d as %d, as XLA does", (dtype, value, stored) => {
    expect(coerce(value, dtype)).toBe(stored);
  });
});

/** Bare numbers among tensors, one operation at a time. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { memory, np, setBackend } from "trilevel";
import { openBackend } from "../../src/core/backend.ts";
import { backends } from "../support/backends.ts";

const reference = await openBackend("reference");

describe.each([reference, ...backends])("bare numbers on $name", (backend) => {
  const { name } = backend;
  beforeAll(() => setBackend(name));

  test("are placed once", async () => {
    const x = np.array([1, 2, 3]);
    const upload = vi.spyOn(backend, "upload");
    try {
      const first = x.mul(0.125).add(0.125);
      const placed = upload.mock.calls.length;
      expect(placed).toBeLessThanOrEqual(1);
      const before = memory();
      using second = x.mul(0.125);
      expect(memory()[name]!.tensors).toBe(before[name]!.tensors + 1);
      expect(upload.mock.calls.length).toBe(placed);
      expect(await first.array()).toEqual([0.25, 0.375, 0.5]);
      expect(await second.array()).toEqual([0.125, 0.25, 0.375]);
    } finally {
      upload.mockRestore();
    }
  });

  test("keep their signs and types", async () => {
    const x = np.array([2, -2]);
    const inverse = (zero: number) => np.divide(1, x.mul(zero)).array();
    expect(await inverse(0)).toEqual([Infinity, -Infinity]);
    expect(await inverse(-0)).toEqual([-Infinity, Infinity]);
    const n = np.array([2, 3], { dtype: "int32" });
    expect(await n.mul(2).array()).toEqual([4, 6]);
    expect(await x.mul(2).array()).toEqual([4, -4]);
    expect(await np.logicalAnd(n, true).array()).toEqual([true, true]);
  });

  test("more of them than are kept", async () => {
    const x = np.array([1, 2]);
    const results = Array.from({ length: 600 }, (_, i) => x.mul(i + 0.5));
    const values = await Promise.all(results.map((r) => r.array()));
    values.forEach((value, i) => expect(value).toEqual([i + 0.5, 2 * i + 1]));
  });
});

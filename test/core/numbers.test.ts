/** Bare numbers among tensors, one operation at a time. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { DisposedError, grad, jit, memory, np, setBackend, type Tensor } from "trilevel";
import { openBackend } from "../../src/runtime/choice.ts";
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

describe.each([reference, ...backends])("tensors of one number on $name", (backend) => {
  const { name } = backend;
  beforeAll(() => setBackend(name));

  test("take no memory until they need it, whoever asks", async () => {
    const before = memory()[name]!;
    using ones = np.ones([3, 2]);
    using x = np.array([[1, 2], [3, 4], [5, 6]]);
    using sum = x.add(ones);
    const bytes = x.size * (name === "reference" ? 8 : 4);
    expect(memory()[name]!.bytes).toBe(before.bytes + 2 * bytes);
    expect(memory()[name]!.tensors).toBe(before.tensors + 3);
    const read = ones.array();
    expect(memory()[name]!.bytes).toBe(before.bytes + 3 * bytes);
    expect(await read).toEqual([[1, 1], [1, 1], [1, 1]]);
    expect(await sum.array()).toEqual([[2, 3], [4, 5], [6, 7]]);
    expect(await x.mul(ones).array()).toEqual(await x.array());
  });

  test("are tensors like others to every kind of operation", async () => {
    const twos = np.full([2, 3], 2);
    expect(await twos.mul(twos).array()).toEqual([[4, 4, 4], [4, 4, 4]]);
    expect(await np.sum(twos, { axis: 0 }).array()).toEqual([4, 4, 4]);
    expect(await np.matmul(twos, np.transpose(twos)).array()).toEqual([[12, 12], [12, 12]]);
    expect(await np.concatenate([twos, np.zeros([1, 3])]).array())
      .toEqual([[2, 2, 2], [2, 2, 2], [0, 0, 0]]);
    expect(await jit((x: Tensor) => x.sub(1))(twos).array()).toEqual([[1, 1, 1], [1, 1, 1]]);
    expect(await grad((x: Tensor) => np.sum(np.sqrt(x.mul(8))))(twos).array())
      .toEqual([[1, 1, 1], [1, 1, 1]]);
    expect(await np.zeros([0, 3]).add(1).array()).toEqual([]);
    expect(await twos.astype("int32").mod(2).array()).toEqual([[0, 0, 0], [0, 0, 0]]);
  });

  test("can be donated, shared and disposed", async () => {
    const triple = jit((x: Tensor) => x.mul(3), { donate: [0] });
    using tripled = triple(np.ones([4]));
    expect(await tripled.array()).toEqual([3, 3, 3, 3]);
    const ones = np.ones([4]);
    using same = jit((x: Tensor) => x)(ones);
    ones.dispose();
    expect(() => ones.add(1)).toThrow(DisposedError);
    expect(await same.array()).toEqual([1, 1, 1, 1]);
    const before = memory()[name]!;
    np.ones([5]).dispose();
    expect(memory()[name]!).toEqual(before);
  });

  test("are refused where their type is", () => {
    if (backend.supports("float64")) return;
    expect(() => np.zeros([2], { dtype: "float64" })).toThrow(/float64/);
  });
});

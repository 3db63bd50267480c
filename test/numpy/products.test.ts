/** Products: einsum is nested loops, and all others are einsums. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../src/core/errors.ts";
import { at, build, expectHost, holds, type Host, hosts, indices, np, place } from "./support.ts";

/** The definition: a loop over all letters. */
function loops(inputs: readonly string[], output: string, operands: readonly Host[]): Host {
  const sizes = new Map<string, number>();
  inputs.forEach((letters, k) =>
    [...letters].forEach((c, i) => sizes.set(c, operands[k]!.shape[i]!))
  );
  const letters = [...sizes.keys()];
  const all = indices(letters.map((c) => sizes.get(c)!));
  return build([...output].map((c) => sizes.get(c)!), (index) => {
    let sum = 0;
    for (const tuple of all) {
      const value = (c: string) => tuple[letters.indexOf(c)]!;
      if (![...output].every((c, i) => value(c) === index[i])) continue;
      sum += inputs.map((names, k) => at(operands[k]!, [...names].map(value)))
        .reduce((a, b) => a * b, 1);
    }
    return sum;
  });
}

const sizes: Record<string, number> = { a: 2, b: 3, c: 1, d: 2, e: 0 };
const letters = fc.constantFrom("a", "b", "c", "d");
const group = fc.array(letters, { maxLength: 3 }).map((l) => l.join(""));
const sums = fc.array(group, { minLength: 1, maxLength: 3 }).chain((inputs) => {
  const used = [...new Set(inputs.join(""))];
  return fc.tuple(
    fc.constant(inputs),
    fc.shuffledSubarray(used).map((l) => l.join("")),
    fc.tuple(...inputs.map((g) => hosts(fc.constant([...g].map((c) => sizes[c]!))))),
  );
});

describe("einsum", () => {
  it("is nested loops", async () => {
    await holds([sums], async ([inputs, output, operands]) => {
      const y = np.einsum(`${inputs.join(",")}->${output}`, ...operands.map((x) => place(x)));
      await expectHost(y, loops(inputs, output, operands));
    }, 300);
  });

  it("sums over nothing to 0", async () => {
    const y = np.einsum("ae,eb->ab", np.ones([2, 0]), np.ones([0, 3]));
    await expectHost(y, build([2, 3], () => 0));
  });

  it("orders an implied result alphabetically", async () => {
    const x: Host = { shape: [2, 3], data: [1, 2, 3, 4, 5, 6] };
    await expectHost(np.einsum("ba", place(x)), loops(["ba"], "ab", [x]));
    await expectHost(np.einsum("ij,jh", place(x), place(x).T), {
      shape: [2, 2],
      data: [14, 32, 32, 77],
    });
    expect(await np.einsum("ii", np.eye(4)).item()).toBe(4);
  });

  it("broadcasts what ... stands for, and sizes of 1", () => {
    expect(np.einsum("...ij,jk", np.ones([5, 1, 2, 3]), np.ones([3, 4])).shape)
      .toEqual([5, 1, 2, 4]);
    const y = np.einsum("i...,...i->i...", np.ones([2, 4, 1]), np.ones([3, 2]));
    expect(y.shape).toEqual([2, 4, 3]);
    expect(np.einsum("ij,jk->ik", np.ones([2, 1]), np.ones([3, 4])).shape).toEqual([2, 4]);
  });

  it("takes integers and booleans", async () => {
    expect(np.einsum("i,i", np.arange(3), np.arange(3)).dtype).toBe("int32");
    const b = np.array([[true, false], [true, true]]);
    const y = np.einsum("ij,jk", b, b);
    expect(y.dtype).toBe("bool");
    expect(await y.array()).toEqual([[true, false], [true, true]]);
  });

  it("refuses what does not fit", () => {
    const x = np.ones([2, 3]);
    expect(() => np.einsum("ij,jk", x)).toThrow(ArgumentError);
    expect(() => np.einsum("ijk", x)).toThrow(ArgumentError);
    expect(() => np.einsum("i", x)).toThrow(/names 1 axes/);
    expect(() => np.einsum("ij->ijk", x)).toThrow(/in the result only/);
    expect(() => np.einsum("ij->ii", x)).toThrow(/twice/);
    expect(() => np.einsum("i1", x)).toThrow(ArgumentError);
    expect(() => np.einsum("ij,ij->ij", x, np.ones([3, 2]))).toThrow(ShapeError);
    expect(() => np.einsum("ii", x)).toThrow(/sizes 2 and 3/);
  });
});

describe("special cases", () => {
  const matrices = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).chain(([m, k, n]) =>
    fc.tuple(hosts(fc.constant([m, k])), hosts(fc.constant([k, n])))
  );
  it("matmul, dot, tensordot and einsum agree on matrices", async () => {
    await holds([matrices], async ([x, y]) => {
      const expected = loops(["ij", "jk"], "ik", [x, y]);
      const [a, b] = [place(x), place(y)];
      await expectHost(np.matmul(a, b), expected);
      await expectHost(np.dot(a, b), expected);
      await expectHost(np.tensordot(a, b, { axes: 1 }), expected);
      await expectHost(np.inner(a, b.T), expected);
    });
  });

  it("matmul broadcasts leading axes, and takes vectors", () => {
    const shape = (a: number[], b: number[]) => np.matmul(np.ones(a), np.ones(b)).shape;
    expect(shape([5, 1, 2, 3], [4, 3, 2])).toEqual([5, 4, 2, 2]);
    expect(shape([3], [3])).toEqual([]);
    expect(shape([3], [5, 3, 2])).toEqual([5, 2]);
    expect(shape([5, 2, 3], [3])).toEqual([5, 2]);
    expect(() => np.matmul(np.ones([2, 3]), np.ones([2, 3]))).toThrow(
      /matmul: float32\[2,3\] and float32\[2,3\]/,
    );
    expect(() => np.matmul(2, np.ones([2]))).toThrow(ShapeError);
    expect(() => shape([2, 1, 3], [4, 5, 3, 2])).toThrow(/matmul: sizes/);
  });

  it("dot sums over the second to last axis on the right", async () => {
    await holds(
      [hosts(fc.constant([2, 3])), hosts(fc.constant([2, 3, 2]))],
      async (x, y) => {
        await expectHost(np.dot(place(x), place(y)), loops(["ij", "kjl"], "ikl", [x, y]));
        await expectHost(
          np.inner(place(x), np.swapaxes(place(y), 1, 2)),
          loops(["ij", "kjl"], "ikl", [x, y]),
        );
        await expectHost(
          np.tensordot(place(x), place(y), { axes: [[1, 0], [1, 0]] }),
          loops(["ij", "ijl"], "l", [x, y]),
        );
        const z = { ...x, shape: [3, 2] };
        await expectHost(np.outer(place(x), place(z)), {
          shape: [6, 6],
          data: loops(["ij", "kl"], "ijkl", [x, z]).data,
        });
        await expectHost(np.vdot(place(x), place(z)), {
          shape: [],
          data: [x.data.reduce((s, v, i) => s + v * z.data[i]!, 0)],
        });
        await expectHost(
          np.vecdot(place(x), place(x), { axis: 0 }),
          loops(["ij", "ij"], "j", [x, x]),
        );
        await expectHost(np.kron(place(x), place(z)), {
          shape: [6, 6],
          data: loops(["ij", "kl"], "ikjl", [x, z]).data,
        });
      },
      40,
    );
    expect(np.dot(2, np.ones([3])).shape).toEqual([3]);
    expect(np.kron(np.ones([2]), np.ones([3, 4])).shape).toEqual([3, 8]);
  });

  it("diagonals, traces and triangles", async () => {
    const offset = fc.integer({ min: -5, max: 5 });
    await holds([hosts(fc.tuple(fc.nat(4), fc.nat(4))), offset], async (x, k) => {
      const [rows, columns] = x.shape as [number, number];
      const count = Math.max(0, Math.min(rows + Math.min(k, 0), columns - Math.max(k, 0)));
      const expected = build([count], ([i]) => at(x, [i! - Math.min(k, 0), i! + Math.max(k, 0)]));
      await expectHost(np.diag(place(x), { k }), expected);
      await expectHost(np.diagonal(place(x), { offset: k }), expected);
      await expectHost(np.trace(place(x), { offset: k }), {
        shape: [],
        data: [expected.data.reduce((a, b) => a + b, 0)],
      });
      const keep = (f: (d: number) => boolean) =>
        build(x.shape, (index) => f(index[1]! - index[0]!) ? at(x, index) : 0);
      await expectHost(np.tril(place(x), { k }), keep((d) => d <= k));
      await expectHost(np.triu(place(x), { k }), keep((d) => d >= k));
      const size = rows + Math.abs(k);
      const v = build([rows], ([i]) => i! + 1);
      const matrix = build([size, size], ([i, j]) => j! - i! === k ? Math.min(i!, j!) + 1 : 0);
      await expectHost(np.diag(place(v), { k }), matrix);
    });
  });
});

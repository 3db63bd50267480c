/** Short ways to write tests with a few numbers: on the reference, in double precision. */
import { expect } from "vitest";
import { np, setBackend, type Tensor, tree } from "trilevel";

// Here, so that tensors made while a test file loads are there already.
await setBackend("reference");

/** A tensor in double precision. */
export const f64 = (data: Parameters<typeof np.array>[0]): Tensor =>
  np.array(data, { dtype: "float64" });

/** Whole numbers. */
export const i32 = (data: Parameters<typeof np.array>[0]): Tensor =>
  np.array(data, { dtype: "int32" });

/** The elements of all leaves of a tree, in order. */
export async function elements(t: unknown): Promise<number[]> {
  const leaves = tree.leaves(t as tree.Tree<Tensor>);
  return (await Promise.all(leaves.map((x) => x.data()))).flatMap((data) => Array.from(data));
}

/** Fails unless the elements of two trees (or a list of numbers) agree to many digits. */
export async function expectEqual(actual: unknown, expected: unknown, digits = 10): Promise<void> {
  const [a, b] = [
    await elements(actual),
    isNumbers(expected) ? expected : await elements(expected),
  ];
  expect(a).toHaveLength(b.length);
  b.forEach((value, i) =>
    Number.isFinite(value) ? expect(a[i]).toBeCloseTo(value, digits) : expect(a[i]).toBe(value)
  );
}

function isNumbers(x: unknown): x is number[] {
  return Array.isArray(x) && x.every((v) => typeof v === "number");
}

/** Kernels of long programs: as many as the program is long, and none longer for it. */
import { describe, expect, test } from "vitest";
import { grad, np, type Tensor } from "trilevel";
import { aval } from "../../src/core/aval.ts";
import { traced } from "../support/passes.ts";
import { planOf } from "./webgpuPlans.ts";

const times = (n: number, x: Tensor, f: (y: Tensor, i: number) => Tensor) => {
  let y = x;
  for (let i = 0; i < n; i++) y = f(y, i);
  return y;
};
const list = (n: number, f: (i: number) => Tensor) => Array.from({ length: n }, (_, i) => f(i));

const programs: Record<string, (n: number) => (x: Tensor) => Tensor | readonly Tensor[]> = {
  "a sum of terms": (n) => (x) => times(n, x, (y, i) => y.add(np.sin(x.mul(i)))),
  "the gradient of a sum of terms": (n) =>
    grad((x: Tensor) => times(n, x.sum(), (y, i) => y.add(np.sin(x.mul(i)).sum()))),
  "terms side by side": (n) => (x) => np.stack(list(n, (i) => np.sin(x.mul(i)))),
  "the sum of a stack": (n) => (x) => np.stack(list(n, (i) => x.mul(i))).sum({ axis: 0 }),
  "views of views": (n) => (x) =>
    times(
      n,
      x,
      (y, i) =>
        i % 2 === 0
          ? np.broadcastTo(y, [2, 2, 3]).slice(0)
          : np.transpose(y.reshape([3, 2])).reshape([2, 3]),
    ),
  "many results": (n) => (x) => list(n, (i) => np.exp(x.mul(i))),
  "many readers of an early result": (n) => (x) => {
    const early = np.matmul(x, x.transpose());
    return list(n, (i) => np.matmul(early.mul(i), early));
  },
  "the gradient of an unrolled loop": (n) =>
    grad((x: Tensor) =>
      times(n, x, (y) => np.tanh(np.matmul(np.matmul(x, x.transpose()), y))).sum()
    ),
  "the gradient of choices": (n) =>
    grad((x: Tensor) => times(n, x, (y, i) => np.where(np.greater(y, i), y, np.cos(y))).sum()),
};

/** The most characters of a kernel, where more than 8000 are needed: for the seams of a concatenation, say. */
const most: Record<string, number> = {
  "the sum of a stack": 20_000,
  "the gradient of an unrolled loop": 40_000,
  "many readers of an early result": 20_000, // six products side by side
};

/** The texts of the kernels of a program of length n. */
function kernelsOf(name: string, n: number): string[] {
  const f = programs[name]!(n);
  const program = traced((x) => [f(x!)].flat(), aval([2, 3], "float32"));
  return planOf(program).steps.map((s) =>
    s.kind === "dispatch" ? s.kernel.text.replaceAll(/^ +/gm, "") : ""
  );
}

describe.each(Object.keys(programs))("%s", (name) => {
  test("has kernels in proportion to it, the longest of which is not longer", () => {
    const [short, long] = [kernelsOf(name, 150), kernelsOf(name, 600)];
    const longest = (texts: readonly string[]) => Math.max(...texts.map((t) => t.length));
    const all = (texts: readonly string[]) => texts.join("").length;
    expect(long.length).toBeLessThanOrEqual(5 * short.length);
    expect(all(long)).toBeLessThanOrEqual(5 * all(short));
    expect(longest(long)).toBeLessThanOrEqual(most[name] ?? 8000);
  });
});

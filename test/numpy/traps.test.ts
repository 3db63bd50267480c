/** Brackets on tensors, and methods by their names elsewhere. */
import { describe, expect, test } from "vitest";
import { grad, jit, np, setBackend, stopGradient, type Tensor } from "trilevel";
import { elsewhere } from "../../src/numpy/traps.ts";
import { answered, loose } from "../support/mistakes.ts";

await setBackend("reference");

const here = /traps\.test\.ts:\d+:\d+/;

describe("brackets", () => {
  const x = np.ones([3]);
  answered([
    ["reading", () => loose(x)[0], /read with brackets: x\[0\]/, /x\.slice\(0\)/],
    ["a negative place", () => loose(x)[-1], /x\[-1\]/, /x\.slice\(-1\)/],
    ["writing", () => loose(x)[1] = 5, /assigned to with brackets: x\[1\]/, /x\.at\(1\)\.set/],
    [
      "within a traced function",
      () =>
        jit((x: Tensor) => {
          loose(x)[0] = 1;
          return x;
        })(x),
      /assigned to with brackets/,
      /never change/,
    ],
  ], here);

  test("nothing else is a trap: a tensor can be awaited, inspected, compared and returned", async () => {
    expect(await Promise.resolve(x)).toBe(x);
    expect(Reflect.get(x, "then")).toBeUndefined();
    expect("size" in x).toBe(true);
    expect(Object.keys(x)).not.toContain("0");
    expect(x).toEqual(x);
    expect(Object.assign(np.ones([1]), { note: "mine" }).note).toBe("mine");
  });
});

describe("names of other libraries", () => {
  const scope = { x: np.ones([2, 2]), y: np.ones([2, 2]), np, stopGradient, grad };
  const values = { min: 0, max: 1, shape: [2, 2], axes: [1, 0], axis: 0, times: 2, indices: [0] };
  const f = (x: Tensor) => np.sum(x);

  test.each(Object.entries(elsewhere))("%s: the advice can be followed", async (name, advice) => {
    expect(() => Reflect.get(np.ones([2, 2]), name)).toThrow(`no \`${name}\``);
    const expression = advice.replace(/^x = /, "").replace(/(: | or | itself).*$/, "");
    const names = { ...scope, ...values, f, indices: np.array([0], { dtype: "int32" }) };
    const run = new Function(...Object.keys(names), `return (async () => ${expression})()`);
    expect(await run(...Object.values(names))).toBeDefined();
  });
});

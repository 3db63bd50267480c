/** What `jit` compiles again, and what it takes from its cache. */
import { beforeAll, describe, expect, test } from "vitest";
import { jit, np, setBackend, type Tensor } from "trilevel";

beforeAll(() => setBackend("reference"));

/** A jitted function that counts how often it is traced. */
function counting<A extends unknown[], R>(f: (...args: A) => R, options = {}) {
  const traces = { count: 0 };
  const g = jit((...args: A) => {
    traces.count++;
    return f(...args);
  }, options);
  return { g, traces };
}

describe("the cache", () => {
  test("knows structure, shape, element type and weakness, not values or order of keys", () => {
    const { g, traces } = counting((p: { a: Tensor | number; b: Tensor }) => p.b.add(p.a));
    g({ a: np.array(1), b: np.array([1, 2]) });
    g({ b: np.array([5, 6]), a: np.array(9) });
    expect(traces.count).toBe(1);
    g({ a: np.array(1), b: np.array([1, 2, 3]) });
    expect(traces.count).toBe(2);
    g({ a: np.array(1, { dtype: "int32" }), b: np.array([1, 2]) });
    expect(traces.count).toBe(3);
    g({ a: 1, b: np.array([1, 2]) });
    g({ a: 2, b: np.array([1, 2]) });
    expect(traces.count).toBe(4);
  });

  test("takes numbers as values, not as part of the function", async () => {
    const { g, traces } = counting((x: Tensor, n: number) => x.mul(n));
    expect(await g(np.array(3), 2).item()).toBe(6);
    expect(await g(np.array(3), 5).item()).toBe(15);
    expect(traces.count).toBe(1);
  });
});

test("what is used stays compiled, however much else comes and goes", () => {
  const { g, traces } = counting((x: Tensor) => x.add(1));
  const often = np.array([1, 2]);
  for (let n = 3; n < 303; n++) {
    g(np.ones([n]));
    g(often);
  }
  expect(traces.count).toBe(301);
});

describe("static arguments", () => {
  const options = { staticArgnums: [1] };
  test("two functions are two", async () => {
    const { g } = counting((x: Tensor, f: (x: Tensor) => Tensor) => f(x), options);
    expect(await g(np.array(3), (x) => x.mul(2)).item()).toBe(6);
    expect(await g(np.array(3), (x) => x.mul(100)).item()).toBe(300);
  });

  test.each([
    ["NaN and Infinity", NaN, Infinity],
    ["0 and -0", 0, -0],
    ["a number and its text", 1, "1"],
    ["null and undefined", null, undefined],
    ["objects of one content", { n: 1 }, { n: 1 }],
    ["texts that meet across arguments", "a;#", "a"],
  ])("%s are two", (_, a, b) => {
    const { g, traces } = counting((x: Tensor, _: unknown) => x, options);
    for (const value of [a, b, a, b]) g(np.array(3), value);
    expect(traces.count).toBe(2);
  });

  test("their values are those of the call", async () => {
    const { g } = counting((x: Tensor, n: number) => x.mul(Number.isNaN(n) ? 1 : 2), options);
    expect(await g(np.array(3), NaN).item()).toBe(3);
    expect(await g(np.array(3), Infinity).item()).toBe(6);
  });

  test("many of them do not pile up", async () => {
    const { g, traces } = counting((x: Tensor, n: number) => x.add(n), options);
    for (let n = 0; n < 300; n++) expect(await g(np.array(1), n).item()).toBe(n + 1);
    g(np.array(1), 299);
    expect(traces.count).toBe(300);
    g(np.array(1), 0); // evicted long ago
    expect(traces.count).toBe(301);
  });

  test("may be left out", async () => {
    const { g, traces } = counting((x: Tensor, n?: number) => x.mul(n ?? 2), {
      staticArgnums: [1],
    });
    expect([await g(np.array(3)).item(), await g(np.array(3), 5).item()]).toEqual([6, 15]);
    expect(traces.count).toBe(2);
  });

  test("are not donated", () => {
    expect(() => jit((x: Tensor) => x, { staticArgnums: [0], donate: [0] })).toThrow("static");
  });
});

describe("closures", () => {
  test("are read at every call", async () => {
    const scale = np.ones([]).mul(np.array(2)); // a bare number would become part of the program
    const g = jit((x: Tensor) => x.mul(scale));
    expect(await g(np.array(3)).item()).toBe(6);
    scale.dispose();
    expect(() => g(np.array(3))).toThrow("disposed");
  });

  test("do not meet across functions of one text", async () => {
    const scaled = (n: number) => jit((x: Tensor) => x.mul(n));
    expect(await scaled(2)(np.array(3)).item()).toBe(6);
    expect(await scaled(5)(np.array(3)).item()).toBe(15);
  });
});

test("trees whose texts look alike are different kinds", async () => {
  const g = jit((p: Record<string, Tensor | null>) => p);
  const x = np.array([1]);
  expect(Object.keys(g({ a: null, b: x }))).toEqual(["a", "b"]);
  expect(Object.keys(g({ "a: null, b": x }))).toEqual(["a: null, b"]);
  expect(await x.array()).toEqual([1]);
});

test("jit in jit compiles the whole, once", () => {
  let inner = 0;
  const f = jit((x: Tensor) => {
    inner++;
    return np.sin(x);
  });
  const g = jit((x: Tensor) => f(f(x)));
  g(np.array(1));
  g(np.array(2));
  expect(inner).toBe(2);
});

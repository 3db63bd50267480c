/** What `jit` compiles again, and what it takes from its cache. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { grad, jit, np, scan, setBackend, type Tensor, vmap } from "trilevel";

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
    ["objects of other content", { n: 1 }, { n: 2 }],
    ["a list and an object", [1], { 0: 1 }],
    ["a list and its text", [1, 2], "1,2"],
    ["lists that nest otherwise", [[1], 2], [[1, 2]]],
    ["an absent and an undefined field", {}, { a: undefined }],
    ["functions of one text", () => 1, () => 1],
    ["instances of a class", new Date(0), new Date(0)],
    ["texts that meet across arguments", "a;#", "a"],
  ])("%s are two", (_, a, b) => {
    const { g, traces } = counting((x: Tensor, _: unknown) => x, options);
    for (const value of [a, b, a, b]) g(np.array(3), value);
    expect(traces.count).toBe(2);
  });

  test.each([
    ["lists", () => [1, [2, "a"], null]],
    ["objects", () => ({ a: 1, b: { c: [true] } })],
    ["objects with other order of keys", (i: number) => i ? { a: 1, b: 2 } : { b: 2, a: 1 }],
    ["lists of one function", () => [np.sin]],
    ["empty ones", () => [{}, []]],
  ])("equal %s are one", (_, make) => {
    const { g, traces } = counting((x: Tensor, _: unknown) => x, options);
    for (const i of [0, 1, 1]) g(np.array(3), make(i));
    expect(traces.count).toBe(1);
  });

  test("that contain themselves are compared by identity", () => {
    const { g, traces } = counting((x: Tensor, _: unknown) => x, options);
    const round: unknown[] = [];
    round.push(round, round);
    for (let i = 0; i < 3; i++) g(np.array(3), round);
    expect(traces.count).toBe(1);
  });

  test("their values are those of the call", async () => {
    const { g } = counting((x: Tensor, n: number) => x.mul(Number.isNaN(n) ? 1 : 2), options);
    expect(await g(np.array(3), NaN).item()).toBe(3);
    expect(await g(np.array(3), Infinity).item()).toBe(6);
  });

  test("many of them do not pile up, and a notice tells that they are too many", async () => {
    const { g, traces } = counting((x: Tensor, n: number) => x.add(n), options);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const kinds = 1025;
    for (let n = 0; n < kinds; n++) g(np.array(1), n).dispose();
    g(np.array(1), kinds - 1);
    expect(traces.count).toBe(kinds);
    expect(await g(np.array(1), 0).item()).toBe(1); // evicted long ago
    expect(traces.count).toBe(kinds + 1);
    expect(warn).not.toHaveBeenCalled();
    for (let n = 1; n < 4; n++) g(np.array(1), n).dispose();
    for (let n = 0; n < kinds; n++) g(np.array(1), n).dispose();
    expect(warn.mock.calls.flat()).toEqual([expect.stringMatching(/more than 1024 kinds/)]);
    warn.mockRestore();
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
  expect(inner).toBe(1);
});

describe("jit within other functions", () => {
  test("is traced once for each kind, wherever it is used", async () => {
    const { g, traces } = counting((x: Tensor) => np.sin(x));
    const x = np.array([1, 2]);
    const all = jit((x: Tensor) => grad((y: Tensor) => g(g(y)).sum())(g(x)));
    const right = grad((y: Tensor) => np.sin(np.sin(y)).sum())(np.sin(x));
    expect(await all(x).array()).toEqual(await right.array());
    vmap(g)(np.ones([3, 2]));
    g(x);
    expect(traces.count).toBe(2); // once within others, once by itself
    all(np.array([1, 2, 3]));
    expect(traces.count).toBe(3);
  });

  test("takes bare numbers as numbers, each a kind", async () => {
    const { g, traces } = counting((x: Tensor, n: number) => x.add(np.ones([n]).sum()));
    const all = jit((x: Tensor) => g(g(g(x, 2), 3), 2));
    expect(await all(np.array(0)).item()).toBe(7);
    expect(traces.count).toBe(2);
  });

  test("reads what it closes over at each call, if that is traced", async () => {
    let factor: Tensor | undefined;
    const { g, traces } = counting((x: Tensor) => x.mul(factor!));
    const by = jit((x: Tensor, k: Tensor) => {
      factor = k;
      const once = g(x);
      factor = k.add(1);
      return g(once);
    });
    expect(await by(np.array(5), np.array(2)).item()).toBe(30);
    expect(traces.count).toBe(2);
  });

  test("keeps loops apart that it is used in twice", async () => {
    const sums = jit((x: Tensor) =>
      scan((c: Tensor, y: Tensor) => [c.add(y), np.sin(c.mul(y))], np.array(0), x)[1]
    );
    const plain = (x: Tensor) =>
      scan((c: Tensor, y: Tensor) => [c.add(y), np.sin(c.mul(y))], np.array(0), x)[1];
    const x = np.array([1, 2, 3]);
    const slope = jit(grad((x: Tensor) => sums(sums(x)).sum()))(x);
    const right = grad((x: Tensor) => plain(plain(x)).sum())(x);
    expect(await slope.array()).toEqual(await right.array());
  });

  test("static arguments are themselves", async () => {
    const f = jit((x: Tensor, shape: readonly number[]) => x.reshape([...shape]), {
      staticArgnums: [1],
    });
    const g = jit((x: Tensor) => f(x, [2, 2]).sum().add(f(x, [4]).sum()));
    expect(await g(np.ones([4])).item()).toBe(8);
  });
});

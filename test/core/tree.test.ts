/** Trees: order, structure, paths, and what is refused. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad, jit, np, type Tensor, tree, TreeError, vmap } from "trilevel";

type Node = number | null | readonly Node[] | { readonly [key: string]: Node };
const trees: fc.Arbitrary<Node> = fc.letrec<{ tree: Node }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.integer(),
    fc.constant(null),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), tie("tree"), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
})).tree;

// The type of a tree of any depth is too deep for TypeScript to map.
const map = (f: (x: number) => number, t: Node): Node => tree.map(f, t as never);

describe("properties", () => {
  test("unflatten puts back what flatten took apart", () =>
    fc.assert(fc.property(trees, (t) => {
      const [leaves, structure] = tree.flatten(t);
      expect(tree.unflatten(structure, leaves)).toEqual(t);
      expect(tree.leafCount(structure)).toBe(leaves.length);
      expect(tree.paths(structure)).toHaveLength(leaves.length);
      expect(new Set(tree.paths(structure)).size).toBe(leaves.length);
    })));

  test("map is a functor", () =>
    fc.assert(fc.property(trees, (t) => {
      expect(map((x) => x, t)).toEqual(t);
      expect(map((x) => x * 2, map((x) => x + 1, t))).toEqual(map((x) => (x + 1) * 2, t));
    })));

  test("map over two trees is defined exactly if their structures agree", () =>
    fc.assert(fc.property(trees, trees, (a, b) => {
      const same = tree.difference(tree.structure(a), tree.structure(b)) === undefined;
      const zip = () => tree.map((x: number, y: number) => [x, y], a as never, b as never);
      if (same) expect(tree.leaves(zip() as never)).toHaveLength(2 * tree.leaves(a).length);
      else expect(zip).toThrow(TreeError);
    })));
});

describe("map", () => {
  test("pairs by key, whatever the order of keys", () => {
    const sum = tree.map((a: number, b: number) => a + b, { a: 1, b: 2 }, { b: 20, a: 10 });
    expect(sum).toEqual({ a: 11, b: 22 });
  });

  test.each([
    ["other keys", { a: 1, b: { c: 2 } }, { a: 1, b: { d: 2 } }, "at .b: keys {c} against {d}"],
    ["a missing entry", { a: [1, 2] }, { a: [1] }, "at .a: 2 against 1 entries"],
    ["a leaf for a container", { a: [1] }, { a: 1 }, "at .a: [*] against a leaf"],
    ["null for a leaf", { a: [1, 2] }, { a: [1, null] }, "at .a[1]: a leaf against null"],
    ["another root", 1, [1], "at the root: a leaf against [*]"],
  ])("refuses %s, naming the path", (_, a, b, message) => {
    expect(() => tree.map((x: number) => x, a as never, b as never)).toThrow(message);
  });
});

test("a null is an absent leaf, an empty container a container", () => {
  expect(tree.leaves({ a: null, b: [], c: 1 })).toEqual([1]);
  expect(tree.map((x: number) => x + 1, { a: null, b: [], c: 1 })).toEqual({
    a: null,
    b: [],
    c: 2,
  });
  expect(tree.formatStructure(tree.structure({ w: [1, null], b: 2 }))).toBe(
    "{ b: *, w: [*, null] }",
  );
});

test("class instances are leaves", () => {
  const date = new Date(0);
  expect(tree.leaves({ date, data: new Float32Array(2) })).toEqual([new Float32Array(2), date]);
});

test("reduce folds in order", () => {
  expect(tree.reduce((sum: string, x: number) => sum + x, { b: 2, a: [1, 3] }, "")).toBe("132");
});

test("a leaf that is no tensor is refused by the transformations, naming its path", () => {
  const f = (p: { w: unknown[] }) => np.array(p.w.length);
  expect(() => grad(f as never)({ w: [np.array(1), "two"] } as never))
    .toThrow('grad: argument 0.w[1] is the string "two", not a tensor');
});

describe("a tree nested 10,000 deep", () => {
  const depth = 10_000;
  const lists = (leaf: unknown) => {
    let t = leaf;
    for (let i = 0; i < depth; i++) t = i % 2 === 0 ? [t] : { a: t };
    return t;
  };
  const bottom = (t: unknown) => {
    let at = t;
    for (let i = depth - 1; i >= 0; i--) at = (at as { [key: string]: unknown })[i % 2 ? "a" : "0"];
    return at;
  };

  test("is taken apart and put together again", () => {
    const [leaves, s] = tree.flatten(lists(3));
    expect(leaves).toEqual([3]);
    expect(tree.leafCount(s)).toBe(1);
    expect(tree.paths(s)[0]).toHaveLength(depth / 2 * (".a".length + "[0]".length));
    expect(bottom(tree.unflatten(s, [5]))).toBe(5);
  });

  test("is compared with another, and printed", () => {
    const [one, other] = [tree.structure(lists(3)), tree.structure(lists([3]))];
    expect(tree.difference(one, tree.structure(lists(4)))).toBe(undefined);
    expect(tree.difference(one, other)).toMatch(/a leaf against \[\*\]$/);
    expect(tree.formatStructure(one).length).toBe(depth / 2 * ("{ a:  }".length + "[]".length) + 1);
  });

  test("is mapped, and followed by others", () => {
    const mapped: unknown = tree.map((x: number) => x + 1, lists(1) as never);
    expect(bottom(mapped)).toBe(2);
    const s = tree.structure(lists(1));
    expect(tree.flattenUpTo(s, lists(7), "test")).toEqual([7]);
    expect(tree.flattenUpTo(s, null, "test")).toEqual([null]);
    expect(tree.broadcastPrefix(lists(7), s, "test")).toEqual([7]);
    expect(tree.broadcastPrefix(7, s, "test")).toEqual([7]);
  });

  test("goes through transformations", async () => {
    const loss = (t: unknown) => np.square(bottom(t) as Tensor).sum();
    const compiled = jit(grad(loss));
    expect(await (bottom(compiled(lists(np.array([1, 2])))) as Tensor).array()).toEqual([2, 4]);
    const mapped = vmap((t: unknown) => (bottom(t) as Tensor).sum(), {
      inAxes: [lists(0)] as never,
    });
    expect(await mapped(lists(np.ones([2, 3]))).array()).toEqual([3, 3]);
  });
});

test("a tree that contains itself is refused", () => {
  const list: unknown[] = [1];
  list.push({ inside: [2, list] });
  expect(() => tree.flatten(list)).toThrow(/a tree contains itself/);
  expect(() => jit((t: unknown) => t)(list)).toThrow(TreeError);
});

test("a tree may hold a container in several places", () => {
  const shared = [1, 2];
  let t: unknown = shared;
  for (let i = 0; i < 200; i++) t = i === 100 ? [t, shared] : [t];
  expect(tree.flatten(t)[0]).toEqual([1, 2, 1, 2]);
});

test("a key that all objects inherit is a key like others", () => {
  const t = JSON.parse('{ "__proto__": 1, "constructor": 2 }');
  const [leaves, s] = tree.flatten(t);
  expect(Object.entries(tree.unflatten<object>(s, leaves))).toEqual([["__proto__", 1], [
    "constructor",
    2,
  ]]);
});

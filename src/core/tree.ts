/**
 * Pytrees: nested arrays and plain objects whose leaves carry the values. Objects are visited in
 * sorted key order, so that `{ a, b }` and `{ b, a }` are the same structure; `null` is an absent
 * leaf. Class instances (tensors, typed arrays, keys) are leaves.
 */
import { TreeError } from "./errors.ts";

/** Nested arrays and objects of `T`; `null` is an absent leaf. */
export type Tree<T> = T | null | readonly Tree<T>[] | { readonly [key: string]: Tree<T> };

/** `S` with every leaf of type `From` replaced by `To`. */
export type MapTree<S, From, To> = S extends From ? To
  : S extends null | undefined ? S
  // Not "has an index signature": interfaces have none.
  : S extends (...args: never[]) => unknown ? S
  : S extends object ? { [K in keyof S]: MapTree<S[K], From, To> }
  : S;

/** A tree without its leaves. */
export type Structure =
  | { readonly kind: "leaf" }
  | { readonly kind: "null" }
  | { readonly kind: "array"; readonly children: readonly Structure[] }
  | {
    readonly kind: "object";
    readonly keys: readonly string[];
    readonly children: readonly Structure[];
  };

const leafStructure: Structure = { kind: "leaf" };
const nullStructure: Structure = { kind: "null" };

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The leaves of a tree, in order, and the structure that puts them back. */
export function flatten(tree: unknown): [leaves: unknown[], structure: Structure] {
  const leaves: unknown[] = [];
  const visit = (node: unknown): Structure => {
    if (node === null || node === undefined) return nullStructure;
    if (Array.isArray(node)) return { kind: "array", children: node.map(visit) };
    if (isPlainObject(node)) {
      const keys = Object.keys(node).sort();
      return { kind: "object", keys, children: keys.map((key) => visit(node[key])) };
    }
    leaves.push(node);
    return leafStructure;
  };
  const structure = visit(tree);
  return [leaves, structure];
}

/** The tree of a structure with these leaves. The caller vouches for the type. */
export function unflatten<S = unknown>(structure: Structure, leaves: readonly unknown[]): S {
  let next = 0;
  const build = (node: Structure): unknown => {
    switch (node.kind) {
      case "null":
        return null;
      case "leaf":
        return leaves[next++];
      case "array":
        return node.children.map(build);
      case "object":
        return Object.fromEntries(node.keys.map((key, i) => [key, build(node.children[i]!)]));
    }
  };
  const tree = build(structure);
  if (next !== leaves.length) {
    throw new TreeError(
      `the structure has ${next} leaves, but ${leaves.length} were given`,
      "give exactly one leaf for each place",
    );
  }
  // The structure is data: only the caller knows the type it came from.
  return tree as S;
}

/** The leaves of a tree, in order. */
export function leaves<T>(tree: Tree<T>): T[] {
  // Whatever is no container is a T, by the type of the tree.
  return flatten(tree)[0] as T[];
}

/** The structure of a tree. */
export function structure(tree: unknown): Structure {
  return flatten(tree)[1];
}

/** How many leaves a structure has. */
export function leafCount(s: Structure): number {
  switch (s.kind) {
    case "null":
      return 0;
    case "leaf":
      return 1;
    default:
      return s.children.reduce((sum, child) => sum + leafCount(child), 0);
  }
}

/** The paths of all leaves, as `.weights[0].bias`. */
export function paths(s: Structure, prefix = ""): string[] {
  switch (s.kind) {
    case "null":
      return [];
    case "leaf":
      return [prefix];
    case "array":
      return s.children.flatMap((child, i) => paths(child, `${prefix}[${i}]`));
    case "object":
      return s.keys.flatMap((key, i) => paths(s.children[i]!, `${prefix}.${key}`));
  }
}

/** A structure as text: `{ b: *, w: [*, null] }`. */
export function formatStructure(s: Structure): string {
  switch (s.kind) {
    case "null":
      return "null";
    case "leaf":
      return "*";
    case "array":
      return `[${s.children.map(formatStructure).join(", ")}]`;
    case "object": {
      const fields = s.keys.map((key, i) =>
        `${/^[\w$]+$/.test(key) ? key : JSON.stringify(key)}: ${formatStructure(s.children[i]!)}`
      );
      return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
    }
  }
}

/** Where two structures first differ, in words; undefined when they are the same. */
export function difference(a: Structure, b: Structure, path = ""): string | undefined {
  const here = path === "" ? "at the root" : `at ${path}`;
  const show = (s: Structure) => s.kind === "leaf" ? "a leaf" : formatStructure(s);
  if (a.kind !== b.kind) return `${here}: ${show(a)} against ${show(b)}`;
  if (a.kind === "array" && b.kind === "array") {
    if (a.children.length !== b.children.length) {
      return `${here}: ${a.children.length} against ${b.children.length} entries`;
    }
    return first(a.children, (child, i) => difference(child, b.children[i]!, `${path}[${i}]`));
  }
  if (a.kind === "object" && b.kind === "object") {
    if (a.keys.join("\0") !== b.keys.join("\0")) {
      return `${here}: keys {${a.keys.join(", ")}} against {${b.keys.join(", ")}}`;
    }
    return first(a.children, (c, i) => difference(c, b.children[i]!, `${path}.${a.keys[i]!}`));
  }
  return undefined;
}

function first<T>(items: readonly T[], find: (item: T, i: number) => string | undefined) {
  for (const [i, item] of items.entries()) {
    const found = find(item, i);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Throws a {@link TreeError} that names the first path at which the structures differ. */
export function assertSameStructure(a: Structure, b: Structure, what: string): void {
  const found = difference(a, b);
  if (found !== undefined) {
    throw new TreeError(
      `${what}: the trees differ ${found}`,
      "give trees with the same arrays and the same keys",
    );
  }
}

/** What stands in a tree at each leaf of a structure: `null` where the tree has none there. */
export function flattenUpTo(s: Structure, tree: unknown, what: string): unknown[] {
  const out: unknown[] = [];
  const visit = (node: Structure, value: unknown, path: string): void => {
    if (node.kind === "leaf") {
      out.push(value ?? null);
    } else if (
      node.kind === "array" && Array.isArray(value) && value.length === node.children.length
    ) {
      node.children.forEach((child, i) => visit(child, value[i], `${path}[${i}]`));
    } else if (
      node.kind === "object" && isPlainObject(value) &&
      Object.keys(value).every((key) => node.keys.includes(key))
    ) {
      node.keys.forEach((key, i) => visit(node.children[i]!, value[key], `${path}.${key}`));
    } else if (value === null || value === undefined) {
      for (let i = leafCount(node); i > 0; i--) out.push(null);
    } else {
      assertSameStructure(node, structure(value), path === "" ? what : `${what}, at ${path}`);
    }
  };
  visit(s, tree, "");
  return out;
}

/** The leaves of `tree` below each leaf of `prefix`: how `inAxes: [0, { w: null }]` is read. */
export function broadcastPrefix(prefix: unknown, s: Structure, what: string): unknown[] {
  const out: unknown[] = [];
  const visit = (p: unknown, node: Structure, path: string): void => {
    if (Array.isArray(p) && node.kind === "array" && p.length === node.children.length) {
      node.children.forEach((child, i) => visit(p[i], child, `${path}[${i}]`));
    } else if (
      isPlainObject(p) && node.kind === "object" &&
      Object.keys(p).sort().join("\0") === node.keys.join("\0")
    ) {
      node.children.forEach((child, i) =>
        visit(p[node.keys[i]!], child, `${path}.${node.keys[i]!}`)
      );
    } else if (Array.isArray(p) && node.kind === "array") {
      throw new TreeError(
        `${what}: ${p.length} entries for ${node.children.length}` + (path && ` at ${path}`),
        "give one entry for each, or one value for the whole",
      );
    } else if (Array.isArray(p) || isPlainObject(p)) {
      throw new TreeError(
        `${what}: ${formatStructure(structure(p))} is no prefix of ${formatStructure(node)}` +
          (path && ` at ${path}`),
        "give one value for the whole, or a tree that follows the argument's containers",
      );
    } else {
      for (let i = leafCount(node); i > 0; i--) out.push(p);
    }
  };
  visit(prefix, s, "");
  return out;
}

/**
 * Applies `f` to the corresponding leaves of trees of one structure.
 *
 * ```ts
 * import { tree } from "trilevel";
 * const sum = tree.map((a: number, b: number) => a + b, { w: [1, 2] }, { w: [10, 20] });
 * console.assert(JSON.stringify(sum) === '{"w":[11,22]}');
 * ```
 *
 * @throws TreeError when the structures differ, naming the path.
 */
export function map<S, L, R = L>(
  f: (leaf: L, ...rest: L[]) => R,
  tree: S,
  ...rest: readonly NoInfer<S>[]
): MapTree<S, L, R> {
  const [firstLeaves, s] = flatten(tree);
  const others = rest.map((other) => {
    const [otherLeaves, otherStructure] = flatten(other);
    assertSameStructure(s, otherStructure, "tree.map");
    return otherLeaves;
  });
  // Leaves of an S mapped by f are of type L: containers are what flatten took apart.
  return unflatten(s, firstLeaves.map((leaf, i) => f(leaf as L, ...others.map((o) => o[i] as L))));
}

/** Folds the leaves of a tree. */
export function reduce<L, R>(f: (sum: R, leaf: L) => R, tree: Tree<L>, init: R): R {
  return leaves<L>(tree).reduce(f, init);
}

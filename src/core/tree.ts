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

type Container = Extract<Structure, { readonly children: unknown }>;

const leafStructure: Structure = { kind: "leaf" };
const nullStructure: Structure = { kind: "null" };

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

// No function here calls itself: a tree may be nested more deeply than calls can be. Each keeps a list of what is
// still to be visited, the next one last.

/** The leaves of a tree, in order, and the structure that puts them back. */
export function flatten(tree: unknown): [leaves: unknown[], structure: Structure] {
  const leaves: unknown[] = [];
  const root: Structure[] = [];
  const around = new Ancestors();
  const left: { readonly node: unknown; readonly depth: number; readonly into: Structure[] }[] = [
    { node: tree, depth: 0, into: root },
  ];
  for (let next = left.pop(); next; next = left.pop()) {
    const { node, depth, into } = next;
    if (node === null || node === undefined) {
      into.push(nullStructure);
      continue;
    }
    const keys = Array.isArray(node) || !isPlainObject(node) ? undefined : Object.keys(node).sort();
    if (!keys && !Array.isArray(node)) {
      leaves.push(node);
      into.push(leafStructure);
      continue;
    }
    around.enter(node, depth);
    const children: Structure[] = [];
    into.push(keys ? { kind: "object", keys, children } : { kind: "array", children });
    const parts: readonly unknown[] = keys
      ? keys.map((key) => (node as Record<string, unknown>)[key]) // keys are those of an object
      : node as readonly unknown[];
    for (let i = parts.length - 1; i >= 0; i--) {
      left.push({ node: parts[i], depth: depth + 1, into: children });
    }
  }
  return [leaves, root[0]!];
}

/** The containers around the one that is visited, and whether it is one of them. */
class Ancestors {
  readonly #nodes: unknown[] = [];

  /** Notes a container at a depth, below the one noted last at the depth before. */
  enter(node: unknown, depth: number): void {
    this.#nodes[depth] = node;
    // At powers of two: going round once or twice more costs less than to compare at every depth.
    if (depth < 64 || (depth & (depth - 1)) !== 0) return;
    if (this.#nodes.indexOf(node) === depth) return;
    throw new TreeError(
      "a tree contains itself: one of its lists or objects is found again inside itself",
      "give a tree whose lists and objects end in tensors, numbers or null",
    );
  }
}

/** The tree of a structure with these leaves. The caller vouches for the type. */
export function unflatten<S = unknown>(structure: Structure, leaves: readonly unknown[]): S {
  let next = 0;
  const root: unknown[] = [];
  const left: { readonly node: Structure; readonly put: (value: unknown) => void }[] = [
    { node: structure, put: (value) => root.push(value) },
  ];
  for (let entry = left.pop(); entry; entry = left.pop()) {
    const { node, put } = entry;
    if (node.kind === "null") put(null);
    else if (node.kind === "leaf") put(leaves[next++]);
    else {
      const { children } = node;
      if (node.kind === "array") {
        const list: unknown[] = [];
        put(list);
        for (let i = children.length - 1; i >= 0; i--) {
          left.push({ node: children[i]!, put: (value) => list.push(value) });
        }
      } else {
        // Its own fields from the start, so that none of them is taken for what all objects inherit.
        const object: Record<string, unknown> = Object.fromEntries(node.keys.map((k) => [k, null]));
        put(object);
        for (let i = children.length - 1; i >= 0; i--) {
          left.push({ node: children[i]!, put: (value) => object[node.keys[i]!] = value });
        }
      }
    }
  }
  if (next !== leaves.length) {
    throw new TreeError(
      `the structure has ${next} leaves, but ${leaves.length} were given`,
      "give exactly one leaf for each place",
    );
  }
  // The structure is data: only the caller knows the type it came from.
  return root[0] as S;
}

/** The leaves of a tree, in order. */
export function leaves<T>(tree: Tree<T>): T[] {
  // By the type of the tree, everything but containers is a T.
  return flatten(tree)[0] as T[];
}

/** The structure of a tree. */
export function structure(tree: unknown): Structure {
  return flatten(tree)[1];
}

/** The number of leaves a structure has. */
export function leafCount(s: Structure): number {
  let count = 0;
  const left = [s];
  for (let node = left.pop(); node; node = left.pop()) {
    if (node.kind === "leaf") count++;
    else if (node.kind !== "null") { for (const child of node.children) left.push(child); }
  }
  return count;
}

/** The path of a child: `.weights`, `[0]`. */
function step(s: Container, i: number): string {
  return s.kind === "array" ? `[${i}]` : `.${s.keys[i]}`;
}

/** The paths of all leaves, as `.weights[0].bias`. */
export function paths(s: Structure, prefix = ""): string[] {
  const found: string[] = [];
  const left = [{ node: s, path: prefix }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { node, path } = next;
    if (node.kind === "leaf") found.push(path);
    else if (node.kind !== "null") {
      for (let i = node.children.length - 1; i >= 0; i--) {
        left.push({ node: node.children[i]!, path: path + step(node, i) });
      }
    }
  }
  return found;
}

/** A structure as text: `{ b: *, w: [*, null] }`. */
export function formatStructure(s: Structure): string {
  let text = "";
  const left: (Structure | string)[] = [s];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next === "string") text += next;
    else if (next.kind === "null") text += "null";
    else if (next.kind === "leaf") text += "*";
    else {
      const { children } = next;
      const keys = next.kind === "object" ? next.keys : undefined;
      const [open, close] = !keys ? ["[", "]"] : keys.length === 0 ? ["{", "}"] : ["{ ", " }"];
      text += open;
      left.push(close);
      for (let i = children.length - 1; i >= 0; i--) {
        const key = keys?.[i];
        left.push(children[i]!);
        if (key !== undefined) left.push(`${/^[\w$]+$/.test(key) ? key : JSON.stringify(key)}: `);
        if (i > 0) left.push(", ");
      }
    }
  }
  return text;
}

/** The first difference of two structures, in words; undefined when they are the same. */
export function difference(a: Structure, b: Structure, path = ""): string | undefined {
  const show = (s: Structure) => s.kind === "leaf" ? "a leaf" : formatStructure(s);
  const left = [{ a, b, path }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { a, b, path } = next;
    if (a === b) continue;
    const here = path === "" ? "at the root" : `at ${path}`;
    if (a.kind !== b.kind) return `${here}: ${show(a)} against ${show(b)}`;
    if (!("children" in a) || !("children" in b)) continue;
    if (a.kind === "array" && a.children.length !== b.children.length) {
      return `${here}: ${a.children.length} against ${b.children.length} entries`;
    }
    if (a.kind === "object" && b.kind === "object" && a.keys.join("\0") !== b.keys.join("\0")) {
      return `${here}: keys {${a.keys.join(", ")}} against {${b.keys.join(", ")}}`;
    }
    for (let i = a.children.length - 1; i >= 0; i--) {
      left.push({ a: a.children[i]!, b: b.children[i]!, path: path + step(a, i) });
    }
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

/** The values of a tree at the leaves of a structure; `null` where the tree has none. */
export function flattenUpTo(s: Structure, tree: unknown, what: string): unknown[] {
  const out: unknown[] = [];
  const left = [{ node: s, value: tree, path: "" }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { node, value, path } = next;
    if (node.kind === "leaf") {
      out.push(value ?? null);
    } else if (value === null || value === undefined) {
      for (let i = leafCount(node); i > 0; i--) out.push(null);
    } else {
      const parts = node.kind === "null" ? undefined : partsOf(node, value);
      if (!parts) {
        assertSameStructure(node, structure(value), path === "" ? what : `${what}, at ${path}`);
        continue;
      }
      for (let i = parts.nodes.length - 1; i >= 0; i--) {
        const [child, part] = [parts.nodes[i]!, parts.values[i]];
        left.push({ node: child, value: part, path: path + step(parts.of, i) });
      }
    }
  }
  return out;
}

/** The contents of a container of a structure, and those of a tree; nothing where that has another form. */
function partsOf(of: Container, value: unknown) {
  if (of.kind === "array") {
    if (!Array.isArray(value) || value.length !== of.children.length) return undefined;
    return { of, nodes: of.children, values: value as readonly unknown[] };
  }
  if (!isPlainObject(value)) return undefined;
  const keys = new Set(of.keys);
  if (!Object.keys(value).every((key) => keys.has(key))) return undefined;
  return { of, nodes: of.children, values: of.keys.map((key) => value[key]) };
}

/** The leaves of `tree` below each leaf of `prefix`: how `inAxes: [0, { w: null }]` is read. */
export function broadcastPrefix(prefix: unknown, s: Structure, what: string): unknown[] {
  const out: unknown[] = [];
  const left = [{ p: prefix, node: s, path: "" }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { p, node, path } = next;
    if (!Array.isArray(p) && !isPlainObject(p)) {
      for (let i = leafCount(node); i > 0; i--) out.push(p);
      continue;
    }
    const parts = "children" in node ? partsOf(node, p) : undefined;
    if (parts && (Array.isArray(p) || Object.keys(p).length === parts.nodes.length)) {
      for (let i = parts.nodes.length - 1; i >= 0; i--) {
        const [child, part] = [parts.nodes[i]!, parts.values[i]];
        left.push({ p: part, node: child, path: path + step(parts.of, i) });
      }
      continue;
    }
    const place = path && ` at ${path}`;
    if (Array.isArray(p) && node.kind === "array") {
      throw new TreeError(
        `${what}: expected ${node.children.length} entries${place}, got ${p.length}`,
        "give one entry for each, or one value for the whole",
      );
    }
    throw new TreeError(
      `${what}: ${formatStructure(structure(p))} is not a prefix of ${
        formatStructure(node)
      }${place}`,
      "give one value for the whole, or a tree that follows the argument's containers",
    );
  }
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

/** Parameters of fixtures: `{ "decoder.mean.weight": [[…]] }` put into a tree that `init` made. */
import type { Tensor } from "trilevel";

/** The tree with other leaves where the flat record has them; throws for a name that the tree does not have. */
export function fill<T>(
  tree: T,
  flat: Readonly<Record<string, unknown>>,
  make: (x: never) => Tensor,
): T {
  const used = new Set<string>();
  const walk = (at: unknown, path: string): unknown => {
    if (path in flat) {
      used.add(path);
      return make(flat[path] as never);
    }
    const inside = (name: string) => path === "" ? name : `${path}.${name}`;
    if (Array.isArray(at)) return at.map((part, i) => walk(part, inside(String(i))));
    if (at === null || Object.getPrototypeOf(at) !== Object.prototype) return at;
    return Object.fromEntries(
      Object.entries(at as object).map(([name, part]) => [name, walk(part, inside(name))]),
    );
  };
  const filled = walk(tree, "") as T;
  const unused = Object.keys(flat).filter((path) => !used.has(path));
  if (unused.length > 0) throw new Error(`no such parameters: ${unused.join(", ")}`);
  return filled;
}

/** The leaf of a tree at a path. */
export const leafAt = (tree: unknown, path: string): Tensor =>
  path.split(".").reduce((at, name) => (at as Record<string, unknown>)[name], tree) as Tensor;

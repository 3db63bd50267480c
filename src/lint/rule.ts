/** The part of a lint rule that `deno lint` and ESLint agree on: visitors of ESTree nodes. */

/** A node of the syntax tree. */
export interface Node {
  /** Its kind, such as `"CallExpression"`. */
  readonly type: string;
  /** Its parts, by the names that ESTree gives them. */
  readonly [part: string]: unknown;
}

/** The interface by which a rule reports a finding. */
export interface Context {
  /** Reports a message at a node. */
  report(problem: { readonly node: Node; readonly message: string }): void;
}

/** A rule: for each kind of node, what to do with it. */
export interface Rule {
  /** The visitors for one file. */
  create(context: Context): Record<string, (node: Node) => void>;
}

/** A part of a node that is a node. */
export function part(node: Node, name: string): Node | undefined {
  const value = node[name];
  return typeof value === "object" && value !== null && "type" in value
    ? value as Node // ESTree's nodes are the values that have a type
    : undefined;
}

/** The name in `object.name`, or of an identifier. */
export function nameOf(node: Node | undefined): string | undefined {
  if (node?.type === "Identifier") return String(node["name"]);
  if (node?.type !== "MemberExpression" || node["computed"] === true) return undefined;
  return nameOf(part(node, "property"));
}

/** `unknown-name`: names that a namespace of the library does not have. */
import * as tree from "../tree.ts";
import * as metrics from "../metrics/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import * as optim from "../optim/index.ts";
import { nearest } from "../options/index.ts";
import * as random from "../random/index.ts";
import { nameOf, type Node, part, type Rule } from "./rule.ts";

const namespaces: Readonly<Record<string, object>> = { np, random, nn, optim, metrics, tree };

/** The rule. */
export const unknownName: Rule = {
  create(context) {
    /** Namespaces by the names that the file gives them. */
    const local = new Map<string, string>();
    return {
      ImportDeclaration(node) {
        if (part(node, "source")?.["value"] !== "trilevel") return;
        for (const specifier of node["specifiers"] as readonly Node[]) { // ESTree: a list of nodes
          const [imported, here] = [
            nameOf(part(specifier, "imported")),
            nameOf(part(specifier, "local")),
          ];
          if (imported !== undefined && here !== undefined && imported in namespaces) {
            local.set(here, imported);
          }
        }
      },
      MemberExpression(node) {
        const object = part(node, "object");
        const namespace = object?.type === "Identifier" ? local.get(nameOf(object)!) : undefined;
        const name = nameOf(node);
        if (namespace === undefined || name === undefined) return;
        const known = Object.keys(namespaces[namespace]!);
        if (known.includes(name)) return;
        const near = nearest(name, known);
        context.report({
          node,
          message: `${namespace} has no \`${name}\`` + (near ? `; did you mean \`${near}\`?` : ""),
        });
      },
    };
  },
};

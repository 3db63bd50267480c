/** `tensor-condition`: tensors where JavaScript asks whether something is true. */
import { nameOf, type Node, part, type Rule } from "./rule.ts";

/** Methods of tensors, and functions of `np`, that give booleans as a tensor. */
const comparisons = new Set([
  "all",
  "allclose",
  "and",
  "any",
  "arrayEqual",
  "equal",
  "greater",
  "greaterEqual",
  "isclose",
  "isfinite",
  "isinf",
  "isnan",
  "less",
  "lessEqual",
  "logicalAnd",
  "logicalNot",
  "logicalOr",
  "logicalXor",
  "not",
  "notEqual",
  "or",
]);

/** Objects whose methods have such names and give no tensor. */
const others = new Set(["Promise", "assert", "expect"]);

function isComparison(node: Node | undefined): node is Node {
  const callee = node?.type === "CallExpression" ? part(node, "callee") : undefined;
  if (callee?.type !== "MemberExpression") return false;
  return comparisons.has(nameOf(callee) ?? "") && !others.has(nameOf(part(callee, "object")) ?? "");
}

/** The rule. */
export const tensorCondition: Rule = {
  create(context) {
    const look = (node: Node | undefined): void => {
      if (!isComparison(node)) return;
      const name = nameOf(part(node, "callee"));
      context.report({
        node,
        message:
          `${name}() gives a tensor, which is always true as a condition. In a traced function write np.where or cond; ` +
          "outside, read it first: (await x.item())",
      });
    };
    const test = (node: Node) => look(part(node, "test"));
    return {
      IfStatement: test,
      WhileStatement: test,
      DoWhileStatement: test,
      ForStatement: test,
      ConditionalExpression: test,
      LogicalExpression: (node) => look(part(node, "left")),
      UnaryExpression: (node) => node["operator"] === "!" && look(part(node, "argument")),
    };
  },
};

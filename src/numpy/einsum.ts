/** Einstein's summation: any product of tensors, said by naming axes. */
import { ArgumentError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { contract } from "./contract.ts";
import { managed } from "./managed.ts";
import { commonType, promote, type TensorLike, toNumber } from "./promote.ts";

/**
 * The sum of products that `subscripts` describe: a letter for each axis of each operand, `->` and
 * the letters of the result; letters that are not there are summed over. A letter twice in one
 * operand means its diagonal, `...` the axes that are not named, broadcast. Without `->` the result has
 * the letters that occur once, in alphabetical order. More than two operands are multiplied in pairs,
 * the smallest product first.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.ones([2, 3]), b = np.ones([3, 4]);
 * console.assert(np.einsum("ij,jk->ik", a, b).shape.join() === "2,4");
 * console.assert(await np.einsum("ii", np.eye(3)).item() === 3);
 * console.assert(np.einsum("...ij,...kj->...ik", np.ones([5, 2, 3]), a).shape.join() === "5,2,2");
 * ```
 *
 * @throws ArgumentError for subscripts that do not fit the operands; ShapeError for sizes that differ.
 */
export const einsum: (subscripts: string, ...operands: readonly TensorLike[]) => Tensor = managed(
  (subscripts, ...operands) => {
    const boolean = commonType(operands).dtype === "bool";
    const tensors = promote("einsum", operands, toNumber);
    const { inputs, output } = parse(subscripts, tensors);
    const y = contract("einsum", inputs.map((axes, i) => ({ x: tensors[i]!, axes })), output);
    return boolean ? lax.convert(y, "bool") : y;
  },
);

/** Names for the axes of every operand and of the result. Axes behind `...` are named `…0`, `…1`, …. */
function parse(
  subscripts: string,
  operands: readonly Tensor[],
): { inputs: string[][]; output: string[] } {
  const refuse = (why: string) =>
    new ArgumentError(
      `einsum: "${subscripts}" ${why}`,
      'write one group of letters for each operand, as "ij,jk->ik"',
    );
  const [left, right, ...more] = subscripts.replaceAll(/\s/g, "").split("->");
  const groups = left!.split(",");
  if (more.length > 0 || groups.length !== operands.length) {
    throw refuse(`has ${groups.length} groups for ${operands.length} operands`);
  }
  const wrong = [...groups, right ?? ""].find((g) => !/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(g));
  if (wrong !== undefined) throw refuse(`has the group "${wrong}", which is not a list of letters`);
  const rests = groups.map((group, i) => {
    const rest = operands[i]!.ndim - group.replace("...", "").length;
    if (rest < 0 || (rest > 0 && !group.includes("..."))) {
      throw refuse(
        `names ${group.replace("...", "").length} axes of a tensor of shape ` +
          `[${operands[i]!.shape.join(", ")}]`,
      );
    }
    return rest;
  });
  const names = (group: string, rest: number) => {
    // Unnamed axes are counted from the last, because that is how they broadcast.
    const unnamed = Array.from({ length: rest }, (_, i) => `…${rest - 1 - i}`);
    const [before, after] = group.split("...");
    return after === undefined ? [...before!] : [...before!, ...unnamed, ...after];
  };
  const inputs = groups.map((group, i) => names(group, rests[i]!));
  const most = Math.max(0, ...groups.map((g, i) => g.includes("...") ? rests[i]! : 0));
  const used = inputs.flat();
  const once = [...new Set(used)].filter((n) =>
    !n.startsWith("…") && used.indexOf(n) === used.lastIndexOf(n)
  );
  const output = names(right ?? `...${once.sort().join("")}`, most);
  if (new Set(output).size !== output.length) throw refuse("names an axis of the result twice");
  const unknown = output.find((n) => !used.includes(n));
  if (unknown !== undefined) throw refuse(`has "${unknown}" in the result only`);
  return { inputs, output };
}

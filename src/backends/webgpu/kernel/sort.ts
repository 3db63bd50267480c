/**
 * Stable sorting along the last axis, as an order: for each place, where its element comes from. Blocks are
 * ordered by counting, then merged two by two by binary search.
 */
import { code, flatten, indexCode, load, unflatten, variable } from "../expression.ts";
import type { CustomKernel, Expr, KernelBody, Read, Value } from "../value.ts";

/** The number of elements that are ordered by counting. */
export const sortBlock = 256;

const size = 64;

/** A number that orders as the key does. */
function keyAt(read: Read, keys: Value, row: Expr, column: Expr): Expr {
  const x = read(keys, [...unflatten(row, keys.shape.slice(0, -1)), column]);
  switch (x.type) {
    case "f32":
    case "i32":
      return code("u32", `sort_key_${x.type}($0)`, x);
    case "bool":
      return code("u32", "u32($0)", x);
    default:
      return x;
  }
}

/** One invocation for each element: `row` and `column` are defined inside. */
function eachElement(kernel: KernelBody, keys: Value, body: (row: Expr, column: Expr) => void) {
  const n = keys.shape.at(-1)!;
  kernel.dispatch(Math.ceil(keys.size / size), size);
  kernel.line(`let element = ${kernel.groupNumber} * ${size}u + local;`);
  kernel.block(`if (element < ${keys.size}u)`, 1, () => {
    kernel.line(`let row = element / ${n}u;`);
    kernel.line(`let column = element % ${n}u;`);
    body(
      variable("row", "u32", { level: 1, bound: keys.size / n }),
      variable("column", "u32", { level: 1, bound: n }),
    );
  });
}

/** Orders each block: an element's place is the number of those that come before it. */
export function orderWithin(keys: Value): CustomKernel["write"] {
  const n = keys.shape.at(-1)!;
  return (kernel, read, self) =>
    eachElement(kernel, keys, (row, column) => {
      const other = variable("other", "u32", { level: 2, bound: n });
      kernel.line(`let key = ${kernel.text(keyAt(read, keys, row, column))};`);
      kernel.line(`let start = column / ${sortBlock}u * ${sortBlock}u;`);
      kernel.line(`let end = min(start + ${sortBlock}u, ${n}u);`);
      kernel.line("var rank = start;");
      kernel.block("for (var other = start; other < end; other++)", 2, () => {
        kernel.line(`let theirs = ${kernel.text(keyAt(read, keys, row, other))};`);
        kernel.line("if (theirs < key || (theirs == key && other < column)) { rank++; }");
      });
      const rank = variable("rank", "u32", { level: 1, bound: n });
      kernel.store(self, [flatten([row, rank], [keys.size / n, n])], [column]);
    });
}

/** Merges ordered runs of `width`: an element moves by the number of the other run's before it. */
export function mergeOrder(keys: Value, order: Value, width: number): CustomKernel["write"] {
  const n = keys.shape.at(-1)!;
  const rows = keys.size / n;
  return (kernel, read, self) =>
    eachElement(kernel, keys, (row, column) => {
      const from = (at: Expr) => indexCode(n, "$0", load(order, flatten([row, at], [rows, n])));
      const middle = variable("middle", "u32", { level: 2, bound: n });
      const mine = from(column);
      kernel.line(`let key = ${kernel.text(keyAt(read, keys, row, mine))};`);
      kernel.line(`let run = column / ${width}u;`);
      kernel.line("let first = (run & 1u) == 0u;");
      kernel.line(`let start = min((run ^ 1u) * ${width}u, ${n}u);`);
      kernel.line("var low = start;");
      kernel.line(`var high = min(start + ${width}u, ${n}u);`);
      kernel.block("while (low < high)", 2, () => {
        kernel.line("let middle = (low + high) / 2u;");
        kernel.line(`let theirs = ${kernel.text(keyAt(read, keys, row, from(middle)))};`);
        // Equal keys of the first run stay in front of those of the second.
        kernel.line("if (theirs < key || (theirs == key && !first)) { low = middle + 1u; }");
        kernel.line("else { high = middle; }");
      });
      kernel.line(`let pair = run / 2u * ${2 * width}u;`);
      kernel.line(`let rank = pair + (column - run * ${width}u) + (low - start);`);
      const rank = variable("rank", "u32", { level: 1, bound: n });
      kernel.store(self, [flatten([row, rank], [rows, n])], [mine]);
    });
}

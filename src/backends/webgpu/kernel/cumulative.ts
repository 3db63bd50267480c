/** Running sums along an axis: one invocation for a short row, a workgroup for a long one. */
import type { CustomKernel, Expr, Value } from "../value.ts";
import { flatten, index, indexCode, typeOf, unflatten, variable } from "../expression.ts";

/** The longest row of one kernel; longer ones are cut in parts. */
export const longestRow = 2048;

/** Writes the kernel of `cumsum`. */
export function cumulative(x: Value, axis: number, reverse: boolean): CustomKernel["write"] {
  const n = x.shape[axis]!;
  const rows = x.size / n;
  const others = x.shape.filter((_, i) => i !== axis);
  const place = (row: Expr, column: Expr): Expr[] => {
    const at = unflatten(row, others);
    const along = reverse ? indexCode(n, "$0 - $1", index(n - 1), column) : column;
    return [...at.slice(0, axis), along, ...at.slice(axis)];
  };
  const type = typeOf(x.dtype);
  const row = variable("row", "u32", { level: 1, bound: rows });
  const column = variable("column", "u32", { level: 2, bound: n });
  const total = variable("total", type, { level: 2 });
  const at = place(row, column);

  const serial: CustomKernel["write"] = (kernel, read, self) => {
    kernel.dispatch(Math.ceil(rows / 64), 64);
    kernel.line(`let row = ${kernel.groupNumber} * 64u + local;`);
    kernel.block(`if (row < ${rows}u)`, 1, () => {
      kernel.line(`var total = ${type}(0);`);
      kernel.block(`for (var column = 0u; column < ${n}u; column++)`, 2, () => {
        kernel.line(`total += ${kernel.text(read(x, at))};`);
        kernel.store(self, [flatten(at, x.shape)], [total]);
      });
    });
  };

  // Each pass takes as many elements as there are invocations (Hillis and Steele), and what came before.
  const parallel: CustomKernel["write"] = (kernel, read, self) => {
    const width = 256;
    kernel.dispatch(rows, width);
    const sums = kernel.shared(type, width);
    kernel.block("", 1, () => {
      kernel.line(`let row = ${kernel.groupNumber};`);
      kernel.line(`var before = ${type}(0);`);
      kernel.block(`for (var start = 0u; start < ${n}u; start += ${width}u)`, 2, () => {
        kernel.line("let column = start + local;");
        kernel.line(`${sums}[local] = ${type}(0);`);
        kernel.block(`if (column < ${n}u)`, 2, () => {
          kernel.line(`${sums}[local] = ${kernel.text(read(x, at))};`);
        });
        kernel.line("workgroupBarrier();");
        kernel.block(`for (var reach = 1u; reach < ${width}u; reach *= 2u)`, 2, () => {
          kernel.line(`var left = ${type}(0);`);
          kernel.line(`if (local >= reach) { left = ${sums}[local - reach]; }`);
          kernel.line("workgroupBarrier();");
          kernel.line(`${sums}[local] += left;`);
          kernel.line("workgroupBarrier();");
        });
        kernel.line(`let total = before + ${sums}[local];`);
        kernel.block(`if (column < ${n}u)`, 2, () => {
          kernel.store(self, [flatten(at, x.shape)], [total]);
        });
        kernel.line(`before += ${sums}[${width - 1}];`);
        kernel.line("workgroupBarrier();");
      });
    });
  };
  return n <= 64 || (n <= 256 && rows >= 1024) ? serial : parallel;
}

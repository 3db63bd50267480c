/**
 * Products on a CPU in disguise, where shared memory would only be a copy: every invocation loads for itself what its
 * block of the result takes, and keeps the sums in registers.
 */
import type { ContractionCluster } from "../cluster.ts";
import { countParts, index as constantIndex, sum, typeOf } from "../expression.ts";
import type { Contraction, Expr, Value } from "../value.ts";
import { epilogueOf, writeEpilogue } from "./epilogue.ts";
import { index, range } from "./tile.ts";
import { smallestWorkgroup } from "./kernel.ts";
import { blockOf, longest, plain } from "./tile.ts";
import { PartialSums } from "./partialSums.ts";
import type { KernelWriter } from "./writer.ts";

/** The workgroups of the kernel, and the invocations of each. */
export function blockGrid(cluster: ContractionCluster): { count: number; size: number } {
  const { definition } = cluster;
  const { batch, m, n } = definition;
  const block = blockOf(definition, operandsOf(cluster));
  const blocks = batch * Math.ceil(m / block.m) * Math.ceil(n / block.n);
  return { count: Math.ceil(blocks / smallestWorkgroup), size: smallestWorkgroup };
}

/** Of how many expressions the longer operand consists. */
function operandsOf({ definition, read }: ContractionCluster): number {
  const { batch, m, n, k } = definition;
  const [b, p] = [index("batch", 1, batch), index("k", 2, k)];
  return Math.max(
    countParts(definition.left(read, b, index("m", 2, m), p), longest),
    countParts(definition.right(read, b, index("n", 2, n), p), longest),
  );
}

/** The number of k an invocation takes at a time: what does not depend on the last digit of k is computed once for all. */
function depthOf({ fast, batch, m, n, k }: Contraction, operands: number): 1 | 4 {
  const short = operands <= plain && (fast.left === "k" || fast.right === "k");
  const long = operands < longest && batch * m * n * k >= 2 ** 23;
  return k % 4 === 0 && (short || long) ? 4 : 1;
}

/** Writes the kernel; `stored` are the members that need memory. */
export function writeBlocks(
  kernel: KernelWriter,
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
): void {
  const { definition, value } = cluster;
  const { m, n, k, batch } = definition;
  const operands = operandsOf(cluster);
  const block = blockOf(definition, operands);
  const finish = epilogueOf(kernel, cluster, stored, block.n % 4 === 0 && n % 4 === 0 ? 4 : 1);
  const type = typeOf(value.dtype);
  const [blocksM, blocksN] = [Math.ceil(m / block.m), Math.ceil(n / block.n)];
  const blocks = batch * blocksM * blocksN;
  const { count, size } = blockGrid(cluster);
  kernel.dispatch(count, size);
  const b = index("batch", 1, batch);
  const deep = depthOf(definition, operands);
  const [rows, columns] = [range(block.m), range(block.n)];
  kernel.line(`let block = ${kernel.groupNumber} * ${size}u + local;`);
  kernel.block(`if (block < ${blocks}u)`, 1, () => {
    kernel.line(`let batch = block / ${blocksM * blocksN}u;`);
    kernel.line(`let blockM = block / ${blocksN}u % ${blocksM}u;`);
    kernel.line(`let blockN = block % ${blocksN}u;`);
    kernel.line(`let firstM = blockM * ${block.m}u;`);
    kernel.line(`let firstN = blockN * ${block.n}u;`);
    // The last block of a side may reach beyond it: it computes what is there twice, and drops it.
    const side = (letter: "M" | "N", limit: number, width: number, i: number): Expr => {
      if (limit === width) return constantIndex(i);
      if (limit % width === 0) {
        return sum([{ of: index(`block${letter}`, 1, limit / width), scale: width }], i);
      }
      const name = `${letter.toLowerCase()}${i}`;
      kernel.line(`let ${name} = min(first${letter} + ${i}u, ${limit - 1}u);`);
      return index(name, 1, limit);
    };
    const ms = rows.map((r) => side("M", m, block.m, r));
    const ns = columns.map((c) => side("N", n, block.n, c));
    const sums = new PartialSums(
      kernel,
      type,
      rows.flatMap((r) => columns.map((c) => `${r}_${c}`)),
    );
    const step = () => {
      const ps = range(deep).map((step) =>
        sum([{ of: index("k", 2, k / deep), scale: deep }], step)
      );
      const along = (side: "left" | "right", i: Expr) =>
        kernel.texts(ps.map((p) => definition[side](cluster.read, b, i, p)));
      const left = ms.map((i) => along("left", i));
      const right = ns.map((j) => along("right", j));
      for (let step = 0; step < deep; step++) {
        rows.forEach((r) =>
          columns.forEach((c) =>
            kernel.line(`${sums.at(`${r}_${c}`)} += ${left[r]![step]} * ${right[c]![step]};`)
          )
        );
      }
    };
    kernel.loopInParts("k", "0u", k / deep, 1, step, {
      terms: deep,
      before: () => sums.begin(),
      after: () => sums.end(),
    });
    writeEpilogue(kernel, finish, {
      type,
      rows: block.m,
      columns: block.n,
      apart: { m: 1, n: 1 },
      first: { batch: "batch", m: "firstM", n: "firstN" },
      at(row, column, width) {
        const names = range(width).map((c) => sums.at(`${row}_${column + c}`));
        return width === 1 ? names[0]! : `vec4<${type}>(${names.join(", ")})`;
      },
    });
  });
}

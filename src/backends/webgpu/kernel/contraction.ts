/**
 * The kernels of a `ContractionCluster`. Every invocation keeps a small block of sums in registers, and
 * finishes them one by one. Operands are loaded through whatever index arithmetic defines them: on a GPU each
 * element once for a tile of the result, into memory that a workgroup shares; on a CPU, where that
 * would only be a copy, by every invocation for itself.
 */
import type { ContractionCluster } from "../cluster.ts";
import { type Expr, flatten, typeOf, variable } from "../expression.ts";
import type { Contraction, Value } from "../value.ts";
import { blockOf, tileOf } from "./tile.ts";
import { type KernelWriter, slicePlace } from "./writer.ts";

/** The workgroups of the kernel, and the invocations of each. */
export function contractionGrid(
  definition: Contraction,
  software: boolean,
): { count: number; size: number } {
  const { batch, m, n } = definition;
  const pieces = (a: number, b: number) => batch * Math.ceil(m / a) * Math.ceil(n / b);
  if (software) {
    const block = blockOf(definition);
    return { count: Math.ceil(pieces(block.m, block.n) / blockGroup), size: blockGroup };
  }
  const tile = tileOf(definition);
  const size = (tile.m / tile.blockM) * (tile.n / tile.blockN);
  return { count: pieces(tile.m, tile.n), size };
}

const blockGroup = 64;

/** Writes the kernel; `stored` are the members that need memory. */
export function writeContraction(
  kernel: KernelWriter,
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
  software: boolean,
): void {
  const finish = finishing(kernel, cluster, stored);
  if (software) writeBlocks(kernel, cluster, finish);
  else writeTiles(kernel, cluster, finish);
}

const index = (name: string, level: number, bound: number): Expr =>
  variable(name, "u32", { level, bound });

function writeTiles(kernel: KernelWriter, cluster: ContractionCluster, finish: string): void {
  const { definition, value } = cluster;
  const { m, n, k, batch } = definition;
  const tile = tileOf(definition);
  const type = typeOf(value.dtype);
  const columns = tile.n / tile.blockN;
  const [tilesM, tilesN] = [Math.ceil(m / tile.m), Math.ceil(n / tile.n)];
  const { count, size } = contractionGrid(definition, false);
  kernel.dispatch(count, size);

  const b = index("batch", 1, batch);
  const [i, j, p] = [index("m", 2, m), index("n", 2, n), index("k", 2, k)];
  const shared = {
    left: kernel.shared(type, tile.m * tile.k),
    right: kernel.shared(type, tile.n * tile.k),
  };

  const load = (
    side: "left" | "right",
    letter: "m" | "n",
    width: number,
    limit: number,
    element: () => string,
  ) => {
    const header = `for (var e = local; e < ${width * tile.k}u; e += ${size}u)`;
    kernel.block(header, 2, () => {
      const inMemory = definition.fast[side] === "k"; // neighbours load neighbours
      kernel.line(`let x = ${inMemory ? `e / ${tile.k}u` : `e % ${width}u`};`);
      kernel.line(`let y = ${inMemory ? `e % ${tile.k}u` : `e / ${width}u`};`);
      kernel.line(`let ${letter} = tile${letter.toUpperCase()} + x;`);
      kernel.line("let k = k0 + y;");
      kernel.line(`var element = ${type}(0);`);
      kernel.block(`if (${letter} < ${limit}u && k < ${k}u)`, 2, () => {
        kernel.line(`element = ${element()};`);
      });
      kernel.line(`${shared[side]}[y * ${width}u + x] = element;`);
    });
  };

  kernel.block("", 1, () => {
    kernel.line(`let tile = ${kernel.groupNumber};`);
    kernel.line(`let batch = tile / ${tilesM * tilesN}u;`);
    kernel.line(`let tileM = tile / ${tilesN}u % ${tilesM}u * ${tile.m}u;`);
    kernel.line(`let tileN = tile % ${tilesN}u * ${tile.n}u;`);
    kernel.line(`let inM = local / ${columns}u * ${tile.blockM}u;`);
    kernel.line(`let inN = local % ${columns}u * ${tile.blockN}u;`);
    kernel.line("let firstM = tileM + inM;");
    kernel.line("let firstN = tileN + inN;");
    const cells = Array.from(
      { length: tile.blockM },
      (_, r) => Array.from({ length: tile.blockN }, (_, c) => `sum${r}${c}`),
    ).flat();
    cells.forEach((cell) => kernel.line(`var ${cell} = ${type}(0);`));
    kernel.block(`for (var k0 = 0u; k0 < ${k}u; k0 += ${tile.k}u)`, 1, () => {
      load("left", "m", tile.m, m, () => kernel.text(definition.left(cluster.read, b, i, p)));
      load("right", "n", tile.n, n, () => kernel.text(definition.right(cluster.read, b, j, p)));
      kernel.line("workgroupBarrier();");
      kernel.block(`for (var y = 0u; y < ${tile.k}u; y++)`, 2, () => {
        for (let r = 0; r < tile.blockM; r++) {
          kernel.line(`let a${r} = ${shared.left}[y * ${tile.m}u + inM + ${r}u];`);
        }
        for (let c = 0; c < tile.blockN; c++) {
          kernel.line(`let c${c} = ${shared.right}[y * ${tile.n}u + inN + ${c}u];`);
        }
        for (let r = 0; r < tile.blockM; r++) {
          for (let c = 0; c < tile.blockN; c++) {
            kernel.line(`sum${r}${c} += a${r} * c${c};`);
          }
        }
      });
      kernel.line("workgroupBarrier();");
    });
    finishAll(kernel, finish, type, tile.blockM, tile.blockN);
  });
}

function writeBlocks(kernel: KernelWriter, cluster: ContractionCluster, finish: string): void {
  const { definition, value } = cluster;
  const { m, n, k, batch } = definition;
  const block = blockOf(definition);
  const type = typeOf(value.dtype);
  const [blocksM, blocksN] = [Math.ceil(m / block.m), Math.ceil(n / block.n)];
  const blocks = batch * blocksM * blocksN;
  const { count, size } = contractionGrid(definition, true);
  kernel.dispatch(count, size);
  const b = index("batch", 1, batch);
  const p = index("k", 2, k);
  const range = (length: number) => Array.from({ length }, (_, i) => i);
  const [rows, columns] = [range(block.m), range(block.n)];
  kernel.line(`let block = ${kernel.groupNumber} * ${size}u + local;`);
  kernel.block(`if (block < ${blocks}u)`, 1, () => {
    kernel.line(`let batch = block / ${blocksM * blocksN}u;`);
    kernel.line(`let firstM = block / ${blocksN}u % ${blocksM}u * ${block.m}u;`);
    kernel.line(`let firstN = block % ${blocksN}u * ${block.n}u;`);
    // The last block of a side may reach beyond it: it computes what is there twice, and drops it.
    const clamp = (x: string, size: number, side: number) =>
      size % side === 0 ? x : `min(${x}, ${size - 1}u)`;
    rows.forEach((r) => kernel.line(`let m${r} = ${clamp(`firstM + ${r}u`, m, block.m)};`));
    columns.forEach((c) => kernel.line(`let n${c} = ${clamp(`firstN + ${c}u`, n, block.n)};`));
    rows.forEach((r) => columns.forEach((c) => kernel.line(`var sum${r}${c} = ${type}(0);`)));
    kernel.block(`for (var k = 0u; k < ${k}u; k++)`, 2, () => {
      const left = rows.map((r) =>
        kernel.text(definition.left(cluster.read, b, index(`m${r}`, 1, m), p))
      );
      const right = columns.map((c) =>
        kernel.text(definition.right(cluster.read, b, index(`n${c}`, 1, n), p))
      );
      rows.forEach((r) =>
        columns.forEach((c) => kernel.line(`sum${r}${c} += ${left[r]} * ${right[c]};`))
      );
    });
    finishAll(kernel, finish, type, block.m, block.n);
  });
}

/** Finishes the sums of a block in a loop: written out, what follows from them would be compiled many times. */
function finishAll(
  kernel: KernelWriter,
  finish: string,
  type: string,
  rows: number,
  columns: number,
): void {
  const names = Array.from(
    { length: rows * columns },
    (_, i) => `sum${Math.floor(i / columns)}${i % columns}`,
  );
  kernel.line(`var sums = array<${type}, ${names.length}>(${names.join(", ")});`);
  kernel.block(`for (var i = 0u; i < ${names.length}u; i++)`, 2, () => {
    kernel.line(`${finish}(batch, firstM + i / ${columns}u, firstN + i % ${columns}u, sums[i]);`);
  });
}

/** The function that takes a sum to its place, and computes what follows from it. */
function finishing(
  kernel: KernelWriter,
  { definition, members, value }: ContractionCluster,
  stored: ReadonlySet<Value>,
): string {
  const { batch, m, n } = definition;
  const [b, i, j] = [index("batch", 1, batch), index("m", 2, m), index("n", 2, n)];
  const name = kernel.fresh("finish");
  const header = `fn ${name}(batch: u32, m: u32, n: u32, product: ${typeOf(value.dtype)})`;
  kernel.function(header, 3, () => {
    kernel.line(`if (m >= ${m}u || n >= ${n}u) { return; }`);
    kernel.line(`let place = ${kernel.text(flatten(definition.place(b, i, j), value.shape))};`);
    for (const member of members) {
      if (!stored.has(member.value)) continue;
      const { definition } = member.value;
      if (definition.kind === "pointwise" && definition.slice) {
        const { of, step } = definition.slice;
        kernel.store(of, slicePlace(step, member.value.size, member.place), member.expr);
      } else kernel.store(member.value, member.place, member.expr);
    }
  });
  return name;
}

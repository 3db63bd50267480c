/**
 * The kernels of a `ContractionCluster`. Every invocation keeps a small block of sums in registers, and
 * finishes them one by one. Operands are loaded through whatever index arithmetic defines them: on a GPU each
 * element once for a tile of the result, into memory that a workgroup shares; on a CPU, where that
 * would only be a copy, by every invocation for itself.
 */
import type { ContractionCluster } from "../cluster.ts";
import {
  countParts,
  type Expr,
  flatten,
  index as constantIndex,
  sum,
  typeOf,
  variable,
} from "../expression.ts";
import type { Value } from "../value.ts";
import { smallest } from "./lanes.ts";
import { blockOf, longest, plain, tileOf } from "./tile.ts";
import { type KernelWriter, slicePlace } from "./writer.ts";

/** The workgroups of the kernel, and the invocations of each. */
export function contractionGrid(
  cluster: ContractionCluster,
  software: boolean,
): { count: number; size: number } {
  const { definition } = cluster;
  const { batch, m, n } = definition;
  const pieces = (a: number, b: number) => batch * Math.ceil(m / a) * Math.ceil(n / b);
  if (software) {
    const block = blockOf(definition, operandsOf(cluster));
    return { count: Math.ceil(pieces(block.m, block.n) / smallest), size: smallest };
  }
  const tile = tileOf(definition);
  const size = (tile.m / tile.blockM) * (tile.n / tile.blockN);
  return { count: pieces(tile.m, tile.n), size };
}

/** Writes the kernel; `stored` are the members that need memory. */
export function writeContraction(
  kernel: KernelWriter,
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
  software: boolean,
): void {
  const { n } = cluster.definition;
  const width = software
    ? blockOf(cluster.definition, operandsOf(cluster)).n
    : tileOf(cluster.definition).blockN;
  const finish = finishing(kernel, cluster, stored, width % 4 === 0 && n % 4 === 0 ? 4 : 1);
  if (software) writeBlocks(kernel, cluster, finish);
  else writeTiles(kernel, cluster, finish);
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

const range = (length: number) => Array.from({ length }, (_, i) => i);
const index = (name: string, level: number, bound: number): Expr =>
  variable(name, "u32", { level, bound });

function writeTiles(kernel: KernelWriter, cluster: ContractionCluster, finish: Finish): void {
  const { definition, value } = cluster;
  const { m, n, k, batch } = definition;
  const tile = tileOf(definition);
  const type = typeOf(value.dtype);
  const columns = tile.n / tile.blockN;
  const [tilesM, tilesN] = [Math.ceil(m / tile.m), Math.ceil(n / tile.n)];
  const { count, size } = contractionGrid(cluster, false);
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
    const cells = range(tile.blockM).flatMap((r) => range(tile.blockN).map((c) => `sum${r}_${c}`));
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
            kernel.line(`sum${r}_${c} += a${r} * c${c};`);
          }
        }
      });
      kernel.line("workgroupBarrier();");
    });
    finishAll(kernel, finish, type, tile.blockM, tile.blockN);
  });
}

function writeBlocks(kernel: KernelWriter, cluster: ContractionCluster, finish: Finish): void {
  const { definition, value } = cluster;
  const { m, n, k, batch } = definition;
  const operands = operandsOf(cluster);
  const block = blockOf(definition, operands);
  const type = typeOf(value.dtype);
  const [blocksM, blocksN] = [Math.ceil(m / block.m), Math.ceil(n / block.n)];
  const blocks = batch * blocksM * blocksN;
  const { count, size } = contractionGrid(cluster, true);
  kernel.dispatch(count, size);
  const b = index("batch", 1, batch);
  const { fast } = definition;
  const deep = operands <= plain && k % 4 === 0 && (fast.left === "k" || fast.right === "k")
    ? 4
    : 1;
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
    rows.forEach((r) => columns.forEach((c) => kernel.line(`var sum${r}_${c} = ${type}(0);`)));
    kernel.loop("k", "0u", k / deep, 1, () => {
      for (let step = 0; step < deep; step++) {
        const p = sum([{ of: index("k", 2, k / deep), scale: deep }], step);
        const left = ms.map((i) => kernel.text(definition.left(cluster.read, b, i, p)));
        const right = ns.map((j) => kernel.text(definition.right(cluster.read, b, j, p)));
        rows.forEach((r) =>
          columns.forEach((c) => kernel.line(`sum${r}_${c} += ${left[r]} * ${right[c]};`))
        );
      }
    });
    finishAll(kernel, finish, type, block.m, block.n);
  });
}

/** A function that takes sums to their places, and computes what follows from them. */
interface Finish {
  readonly name: string;
  /** How many neighbours along n it takes. */
  readonly width: number;
  /** Whether it does next to nothing. */
  readonly short: boolean;
}

/** Finishes the sums of a block, in a loop where what follows from them would else be compiled many times. */
function finishAll(
  kernel: KernelWriter,
  { name, width, short }: Finish,
  type: string,
  rows: number,
  columns: number,
): void {
  const parts = columns / width;
  const sums = range(rows * parts).map((i) => {
    const [r, first] = [Math.floor(i / parts), i % parts * width];
    const names = range(width).map((c) => `sum${r}_${first + c}`);
    return width === 1 ? names[0]! : `vec4<${type}>(${names.join(", ")})`;
  });
  if (short) {
    sums.forEach((sum, i) => {
      const [m, n] = [Math.floor(i / parts), i % parts * width];
      kernel.line(`${name}(batch, firstM + ${m}u, firstN + ${n}u, ${sum});`);
    });
    return;
  }
  const element = width === 1 ? type : `vec4<${type}>`;
  kernel.line(`var sums = array<${element}, ${sums.length}>(${sums.join(", ")});`);
  kernel.loop("i", "0u", sums.length, 1, () => {
    const n = parts === 1 ? "firstN" : `firstN + i % ${parts}u * ${width}u`;
    kernel.line(`${name}(batch, firstM + i / ${parts}u, ${n}, sums[i]);`);
  });
}

/** Writes the function that finishes sums, so many neighbours at once. */
function finishing(
  kernel: KernelWriter,
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
  wanted: 1 | 4,
): Finish {
  const { definition, value } = cluster;
  const { batch, m, n } = definition;
  const type = typeOf(value.dtype);
  const [b, i] = [index("batch", 1, batch), index("m", 2, m)];
  const membersAt = (width: number) =>
    range(width).map((c) => {
      const j = width === 1
        ? index("n", 2, n)
        : sum([{ of: index("group", 2, n / width), scale: width }], c);
      const product = variable(width === 1 ? "product" : `product.${"xyzw"[c]}`, type, {
        level: 3,
      });
      return cluster.at(flatten(definition.place(b, i, j), value.shape), product);
    });
  let all = membersAt(wanted);
  const width = all.every((members) => members !== undefined) ? wanted : 1;
  if (width !== wanted) all = membersAt(1);
  const name = kernel.fresh("finish");
  const parameter = width === 1 ? type : `vec4<${type}>`;
  const header = `fn ${name}(batch: u32, m: u32, n: u32, product: ${parameter})`;
  kernel.function(header, 3, () => {
    kernel.line(`if (m >= ${m}u || n >= ${n}u) { return; }`);
    if (width > 1) kernel.line(`let group = n / ${width}u;`);
    all[0]!.forEach((member, at) => {
      if (!stored.has(member.value)) return;
      const { definition, size } = member.value;
      const same = all.map((members) => members![at]!);
      const xs = same.map((x) => x.expr);
      if (definition.kind === "pointwise" && definition.slice) {
        const { of, step } = definition.slice;
        kernel.store(of, same.map((x) => slicePlace(step, size, x.place)), xs);
      } else kernel.store(member.value, same.map((x) => x.place), xs);
    });
  });
  return { name, width, short: cluster.work <= definition.cost + 4 };
}

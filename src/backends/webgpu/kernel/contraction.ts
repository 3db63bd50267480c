/**
 * The kernel of a `ContractionCluster`: a workgroup computes a tile of the result. It loads slices of both
 * operands into its memory, each element once, through whatever index arithmetic defines them; every
 * invocation keeps a small block of sums in registers, and finishes them one by one.
 */
import type { ContractionCluster } from "../cluster.ts";
import { flatten, typeOf, variable } from "../expression.ts";
import type { Contraction, Value } from "../value.ts";
import { type Kernel, KernelWriter, slicePlace } from "./writer.ts";

/** The tile of a workgroup, and the block of an invocation. */
export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly blockM: number;
  readonly blockN: number;
}

const block = (side: number) => side >= 32 ? 4 : side / 8;

/** A tile that is neither much larger than the matrix nor too small to reuse what it loads. */
export function tileOf({ batch, m, n }: Pick<Contraction, "batch" | "m" | "n">): Tile {
  const side = (size: number) => size > 32 ? 64 : size > 16 ? 32 : size > 8 ? 16 : 8;
  let [tileM, tileN] = [side(m), side(n)];
  const tiles = () => batch * Math.ceil(m / tileM) * Math.ceil(n / tileN);
  if (tiles() < 64 && tileM === 64) tileM = 32;
  if (tiles() < 64 && tileN === 64) tileN = 32;
  return { m: tileM, n: tileN, k: 16, blockM: block(tileM), blockN: block(tileN) };
}

/** Writes the kernel; `stored` are the members that need memory. */
export function contractionKernel(
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
): Kernel {
  const { definition, members, value } = cluster;
  const { m, n, k, batch } = definition;
  const tile = tileOf(definition);
  const type = typeOf(value.dtype);
  const kernel = new KernelWriter();
  const [rows, columns] = [tile.m / tile.blockM, tile.n / tile.blockN];
  const size = rows * columns;
  const [tilesM, tilesN] = [Math.ceil(m / tile.m), Math.ceil(n / tile.n)];
  kernel.dispatch(batch * tilesM * tilesN, size);

  const index = (name: string, level: number, bound: number) =>
    variable(name, "u32", { level, bound });
  const b = index("batch", 1, batch);
  const [i, j, p] = [index("m", 2, m), index("n", 2, n), index("k", 2, k)];
  kernel.declare(`var<workgroup> left: array<${type}, ${tile.m * tile.k}>;`);
  kernel.declare(`var<workgroup> right: array<${type}, ${tile.n * tile.k}>;`);

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
      kernel.line(`let ${letter} = ${letter}0 + x;`);
      kernel.line("let k = k0 + y;");
      kernel.line(`var element = ${type}(0);`);
      kernel.block(`if (${letter} < ${limit}u && k < ${k}u)`, 2, () => {
        kernel.line(`element = ${element()};`);
      });
      kernel.line(`${side}[y * ${width}u + x] = element;`);
    });
  };

  kernel.block("", 1, () => {
    kernel.line(`let tile = ${kernel.groupNumber};`);
    kernel.line(`let batch = tile / ${tilesM * tilesN}u;`);
    kernel.line(`let m0 = tile / ${tilesN}u % ${tilesM}u * ${tile.m}u;`);
    kernel.line(`let n0 = tile % ${tilesN}u * ${tile.n}u;`);
    kernel.line(`let mine = local / ${columns}u * ${tile.blockM}u;`);
    kernel.line(`let mineN = local % ${columns}u * ${tile.blockN}u;`);
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
          kernel.line(`let a${r} = left[y * ${tile.m}u + mine + ${r}u];`);
        }
        for (let c = 0; c < tile.blockN; c++) {
          kernel.line(`let c${c} = right[y * ${tile.n}u + mineN + ${c}u];`);
        }
        for (let r = 0; r < tile.blockM; r++) {
          for (let c = 0; c < tile.blockN; c++) {
            kernel.line(`sum${r}${c} += a${r} * c${c};`);
          }
        }
      });
      kernel.line("workgroupBarrier();");
    });
    for (let r = 0; r < tile.blockM; r++) {
      for (let c = 0; c < tile.blockN; c++) {
        kernel.line(`finish(batch, m0 + mine + ${r}u, n0 + mineN + ${c}u, sum${r}${c});`);
      }
    }
  });

  kernel.function(`fn finish(batch: u32, m: u32, n: u32, product: ${type})`, 3, () => {
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
  return kernel.finish();
}

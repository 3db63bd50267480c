/** The end of a product's kernel: sums go to their places, and what follows from them is computed. */
import type { ContractionCluster } from "../cluster.ts";
import { flatten, slicePlace, sum, typeOf, variable } from "../expression.ts";
import type { Value } from "../value.ts";
import { index, range } from "./tile.ts";
import type { KernelWriter } from "./writer.ts";

/** The sums of an invocation. */
export interface Sums {
  readonly type: string;
  readonly rows: number;
  readonly columns: number;
  /** The strides of neighbouring rows and columns in the result. */
  readonly apart: { readonly m: number; readonly n: number };
  /** The place of the first. */
  readonly first: { readonly batch: string; readonly m: string; readonly n: string };
  /** So many of a row, from a column on. */
  at(row: number, column: number, width: number): string;
}

/** A function that takes sums to their places, and computes what follows from them. */
export interface Epilogue {
  readonly name: string;
  /** The number of neighbours along n it takes. */
  readonly width: number;
  /** True if it does next to nothing. */
  readonly short: boolean;
}

/** Finishes the sums of an invocation, in a loop where what follows from them would else be compiled many times. */
export function writeEpilogue(
  kernel: KernelWriter,
  { name, width, short }: Epilogue,
  sums: Sums,
): void {
  const { type, rows, columns, apart, first } = sums;
  const parts = columns / width;
  const step = width === 1 ? apart.n : width;
  const all = range(rows * parts).map((i) =>
    sums.at(Math.floor(i / parts), i % parts * width, width)
  );
  if (short) {
    all.forEach((sum, i) => {
      const [m, n] = [Math.floor(i / parts) * apart.m, i % parts * step];
      kernel.line(`${name}(${first.batch}, ${first.m} + ${m}u, ${first.n} + ${n}u, ${sum});`);
    });
    return;
  }
  const element = width === 1 ? type : `vec4<${type}>`;
  kernel.line(`var sums = array<${element}, ${all.length}>(${all.join(", ")});`);
  kernel.loop("i", "0u", all.length, 1, () => {
    const m = `${first.m} + i / ${parts}u * ${apart.m}u`;
    const n = parts === 1 ? first.n : `${first.n} + i % ${parts}u * ${step}u`;
    kernel.line(`${name}(${first.batch}, ${m}, ${n}, sums[i]);`);
  });
}

/** Writes the function that finishes sums, so many neighbours at once. */
export function epilogueOf(
  kernel: KernelWriter,
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
  wanted: 1 | 4,
): Epilogue {
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

/**
 * Products on a GPU. A workgroup computes a tile of the result, a few k at a time: it loads a panel of either operand,
 * each element once, into memory that it shares; then every invocation multiplies a vector along m with one along n,
 * for each k. The panels hold those vectors whole, and one invocation loads all of a vector: parts of one must not be
 * written by several.
 */
import type { ContractionCluster } from "../cluster.ts";
import {
  countParts,
  index as constantIndex,
  indexCode,
  sum,
  typeOf,
  unflatten,
} from "../expression.ts";
import type { Contraction, Expr, Value } from "../value.ts";
import { epilogueOf, writeEpilogue } from "./epilogue.ts";
import { index, range } from "./tile.ts";
import { longest, tileOf } from "./tile.ts";
import { PartialSums } from "./partialSums.ts";
import type { KernelWriter } from "./writer.ts";

/** The workgroups of the kernel, and the invocations of each. */
export function tileGrid(definition: Contraction): { count: number; size: number } {
  const { batch, m, n } = definition;
  const { block, ...tile } = tileOf(definition);
  return {
    count: batch * Math.ceil(m / tile.m) * Math.ceil(n / tile.n),
    size: (tile.m / block.m) * (tile.n / block.n),
  };
}

/** Writes the kernel; `stored` are the members that need memory. */
export function writeTiles(
  kernel: KernelWriter,
  cluster: ContractionCluster,
  stored: ReadonlySet<Value>,
): void {
  const { definition, value } = cluster;
  const { batch, k } = definition;
  const tile = tileOf(definition);
  const type = typeOf(value.dtype);
  const { count, size } = tileGrid(definition);
  kernel.dispatch(count, size);

  const tiles = { m: Math.ceil(definition.m / tile.m), n: Math.ceil(definition.n / tile.n) };
  const [b, tileM, tileN] = unflatten(index("tile", 1, count), [batch, tiles.m, tiles.n]);
  const left = new Panel(kernel, cluster, "left", b!, tileM!);
  const right = new Panel(kernel, cluster, "right", b!, tileN!);
  const [laneM, laneN] = unflatten(index("local", 1, size), [left.lanes, right.lanes]);
  const inFours = right.vector === 4 && right.apart === 1 && definition.n % 4 === 0;
  const finish = epilogueOf(kernel, cluster, stored, inFours ? 4 : 1);

  kernel.block("", 1, () => {
    kernel.line(`let tile = ${kernel.groupNumber};`);
    const rows = range(left.vector);
    const sums = new PartialSums(kernel, right.type, rows.map(String));
    const [i, j] = [kernel.text(laneM!), kernel.text(laneN!)];
    const step = () => {
      left.load(size);
      right.load(size);
      kernel.line("workgroupBarrier();");
      kernel.block(`for (var y = 0u; y < ${tile.k}u; y++)`, 2, () => {
        kernel.line(`let a = ${left.shared}[y * ${left.lanes}u + ${i}];`);
        kernel.line(`let b = ${right.shared}[y * ${right.lanes}u + ${j}];`);
        rows.forEach((r) => kernel.line(`${sums.at(r)} += ${part("a", r, left.vector)} * b;`));
      });
      kernel.line("workgroupBarrier();");
    };
    const pieces = Math.ceil(k / tile.k);
    kernel.loopInParts("piece", "0u", pieces, 1, step, {
      terms: tile.k,
      before: () => sums.begin(),
      after: () => sums.end(),
    });
    writeEpilogue(kernel, finish, {
      type,
      rows: left.vector,
      columns: right.vector,
      apart: { m: left.apart, n: right.apart },
      first: {
        batch: kernel.text(b!),
        m: kernel.text(left.first(laneM!)),
        n: kernel.text(right.first(laneN!)),
      },
      at: (row, column, width) =>
        width === 1 ? part(sums.at(row), column, right.vector) : sums.at(row),
    });
  });
}

const part = (vector: string, i: number, size: number) =>
  size === 1 ? vector : `${vector}.${"xyzw"[i]}`;

/** The part of an operand that a workgroup holds at a time: vectors along m or n, for each of a few k. */
class Panel {
  /** The number of elements of a vector, and its type. */
  readonly vector: number;
  readonly type: string;
  /** The number of vectors for each k. */
  readonly lanes: number;
  /**
   * The stride between the elements of a vector: 1 where memory is read or written four at a time, else chosen such that
   * neighbouring invocations read neighbours.
   */
  readonly apart: number;
  /** The memory. */
  readonly shared: string;
  readonly #element: (i: Expr, p: Expr) => Expr;
  readonly #width: number;
  readonly #limit: number;
  readonly #k: { readonly limit: number; readonly tile: number };
  /** The number of neighbours along k that an invocation loads, and a flag: the next one loads the next along k. */
  readonly #deep: number;
  readonly #alongK: boolean;
  /** True if an element is too long to write down for all of a vector. */
  readonly #long: boolean;

  constructor(
    private readonly kernel: KernelWriter,
    { definition, read, value }: ContractionCluster,
    side: "left" | "right",
    batch: Expr,
    private readonly tile: Expr,
  ) {
    const sizes = tileOf(definition);
    const letter = side === "left" ? "m" : "n";
    this.#element = (i, p) => definition[side](read, batch, i, p);
    this.#limit = definition[letter];
    this.#width = sizes[letter];
    this.#k = { limit: definition.k, tile: sizes.k };
    this.vector = sizes.block[letter];
    this.lanes = this.#width / this.vector;
    const scalar = typeOf(value.dtype);
    this.type = this.vector === 1 ? scalar : `vec${this.vector}<${scalar}>`;
    this.shared = kernel.shared(this.type, this.lanes * sizes.k);

    const [i, p] = [index(letter, 2, this.#limit), index("k", 2, definition.k)];
    this.#long = this.vector > 1 && countParts(this.#element(i, p), longest) === longest;
    const fast = definition.fast[side];
    const vectorized = {
      k: this.#inFours(definition.k, (four) => this.#element(i, four)),
      letter: this.vector === 4 && this.#inFours(this.#limit, (four) => this.#element(four, p)),
    };
    this.#deep = vectorized.k && (fast === "k" || !vectorized.letter) ? 4 : 1;
    this.#alongK = fast === "k" && this.#deep === 1 && !vectorized.letter;
    this.apart = vectorized.letter || this.#deep === 4 || this.#alongK ? 1 : this.lanes;
  }

  #inFours(size: number, element: (i: Expr) => Expr): boolean {
    if (this.#long || size % 4 !== 0) return false;
    const four = index("four", 2, size / 4);
    return this.kernel.reads(range(4).map((c) => element(sum([{ of: four, scale: 4 }], c))))
      .neighbours;
  }

  /** The index along m or n of the first element of a lane's vector; it may lie beyond the end. */
  first(lane: Expr): Expr {
    return sum([
      { of: this.tile, scale: this.#width },
      { of: lane, scale: this.apart === 1 ? this.vector : 1 },
    ]);
  }

  /** The place of an element of a lane's vector, or beyond the end of the last before it. */
  #place(lane: Expr, c: Expr): Expr {
    const [limit, vector] = [this.#limit, this.vector];
    const element = { of: c, scale: this.apart };
    const within = (size: number, i: Expr) => indexCode(size, `min($0, ${size - 1}u)`, i);
    if (limit % this.#width === 0) return sum([{ of: this.first(lane), scale: 1 }, element]);
    if (this.apart > 1 || limit % vector !== 0) {
      return within(limit, sum([{ of: this.first(lane), scale: 1 }, element]));
    }
    const group = sum([{ of: this.tile, scale: this.lanes }, { of: lane, scale: 1 }]);
    return sum([{ of: within(limit / vector, group), scale: vector }, element]);
  }

  /** Writes how so many invocations fill the memory with the present piece. */
  load(size: number): void {
    const { kernel, lanes } = this;
    const rows = this.#k.tile / this.#deep;
    const units = lanes * rows;
    for (let start = 0; start < units; start += size) {
      const unit = sum([{ of: index("local", 1, Math.min(size, units)), scale: 1 }], start);
      const [slow, quick] = unflatten(unit, this.#alongK ? [lanes, rows] : [rows, lanes]);
      const [lane, row] = this.#alongK ? [slow!, quick!] : [quick!, slow!];
      kernel.block(units < size ? `if (local < ${units}u)` : "", 2, () => this.#unit(lane, row));
    }
  }

  #unit(lane: Expr, row: Expr): void {
    const { kernel } = this;
    const [{ limit, tile }, deep] = [this.#k, this.#deep];
    const pieces = Math.ceil(limit / tile);
    const inside = sum([
      { of: index("piece", 2, pieces), scale: tile / deep },
      { of: row, scale: 1 },
    ]);
    const group = limit % tile === 0 ? inside : indexCode(limit / deep, "$0", inside);
    const store = (vectors: readonly string[]) =>
      vectors.forEach((text, c) => {
        const at = sum(
          [{ of: row, scale: deep * this.lanes }, { of: lane, scale: 1 }],
          c * this.lanes,
        );
        kernel.line(`${this.shared}[${kernel.text(at)}] = ${text};`);
      });
    const ps = range(deep).map((c) => sum([{ of: group, scale: deep }], c));
    const storeAll = () => store(this.#vectors(lane, ps));
    if (limit % tile === 0) return storeAll();
    kernel.block(`if (${kernel.text(inside)} < ${limit / deep}u)`, 2, storeAll);
    kernel.block("else", 2, () => store(ps.map(() => `${this.type}()`)));
  }

  /** A lane's vectors at some k. */
  #vectors(lane: Expr, ps: readonly Expr[]): string[] {
    const { kernel, vector } = this;
    const element = (c: Expr, p: Expr) => this.#element(this.#place(lane, c), p);
    if (!this.#long) {
      const elements = ps.flatMap((p) => range(vector).map((c) => element(constantIndex(c), p)));
      const texts = kernel.texts(elements);
      return ps.map((_, i) => `${this.type}(${texts.slice(i * vector, (i + 1) * vector)})`);
    }
    return ps.map((p) => {
      const name = kernel.fresh("vector");
      kernel.line(`var ${name}: ${this.type};`);
      kernel.block(`for (var c = 0u; c < ${vector}u; c++)`, 2, () => {
        kernel.line(`${name}[c] = ${kernel.text(element(index("c", 2, vector), p))};`);
      });
      return name;
    });
  }
}

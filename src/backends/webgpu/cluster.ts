/**
 * A cluster is what becomes one kernel: values computed together because they share a domain. Three kinds
 * exist: rows (element-wise values and reductions along the columns of one domain), a contraction with
 * the element-wise values that follow it, and kernels of their own shape.
 */
import type { Contraction, CustomKernel, Expr, Read, Value } from "./value.ts";
import { typeOf, unflatten, variable } from "./expression.ts";
import { lanesFor } from "./kernel/kernel.ts";
import type { Target } from "./target.ts";
import {
  anywhere,
  type Domain,
  domainOf,
  flatDomain,
  type Member,
  Reader,
  RowView,
  type Spot,
} from "./view.ts";

/**
 * Arithmetic per element of one kernel. Compilers of shaders take time that grows faster than the kernel (a program of
 * 3,000 additions takes ten times as long as one of 1,000), and from some hundred on, what is read and written between
 * two kernels takes no longer than what they compute.
 */
export const maxCost = 600;

/** The values that have memory, as decided so far. */
export interface Memory {
  readonly stored: ReadonlySet<Value>;
  /** The buffers that computing a value in place reads. */
  leaves(value: Value): ReadonlySet<Value>;
  /** The values that must be stored before a value is computed, whether it reads them or not. */
  after(value: Value): ReadonlySet<Value>;
  /** The stored values whose computation reads this one. */
  readers(value: Value): ReadonlySet<Value>;
  /** True if a value must keep its memory. */
  required(value: Value): boolean;
  cost(value: Value): number;
  readonly target: Target;
}

/** The common part of clusters: their members and costs. */
abstract class Base {
  readonly values = new Set<Value>();
  readonly reads = new Set<Value>();
  protected cost = 0;

  constructor(protected readonly memory: Memory) {}

  /** Arithmetic per element, in additions. */
  get work(): number {
    return this.cost;
  }

  protected readonly inPlace: Reader["inPlace"] = (v) =>
    !this.memory.stored.has(v) || this.values.has(v);

  /** True if a kernel with this value too stays within the device's limits. */
  protected fits(value: Value): boolean {
    if (this.values.size === 0) return true;
    const reads = new Set([...this.reads, ...this.memory.leaves(value)]);
    const values = new Set([...this.values, value]);
    let buffers = 0;
    for (const v of values) {
      reads.delete(v);
      if (this.memory.required(v) || !this.memory.readers(v).isSubsetOf(values)) buffers++;
    }
    return buffers + reads.size <= this.memory.target.maxBuffers &&
      this.cost + this.memory.cost(value) <= maxCost;
  }

  protected enter(value: Value): void {
    this.values.add(value);
    for (const v of this.memory.leaves(value)) this.reads.add(v);
    this.cost += this.memory.cost(value);
  }

  dependsOn(value: Value): boolean {
    for (const v of this.memory.leaves(value)) if (this.values.has(v)) return true;
    return false;
  }
}

/** Element-wise values and reductions over one domain of rows and columns. */
export class RowCluster extends Base {
  readonly kind = "rows";
  readonly #view: RowView;

  private constructor(memory: Memory, private readonly first: Value, readonly filled?: Value) {
    super(memory);
    this.#view = this.#viewAt(anywhere);
    if (filled) this.#view.fill(filled, first);
  }

  get domain(): Domain {
    return this.#view.domain;
  }

  get members(): readonly Member[] {
    return this.#view.members;
  }

  /** A cluster of these values; undefined if they have no common domain. */
  static of(values: readonly Value[], memory: Memory): RowCluster | undefined {
    const first = values.find((v) => v.definition.kind === "reduction") ?? values[0]!;
    const cluster = new RowCluster(memory, first);
    return values.every((v) => cluster.#add(v)) ? cluster : undefined;
  }

  /** A cluster that writes the elements of one value into the memory of another. */
  static filling(target: Value, source: Value, memory: Memory): RowCluster {
    return new RowCluster(memory, source, target);
  }

  /** Its members at another element; undefined if it is not known to be a single one. */
  at(spot: Spot): Pick<RowCluster, "members" | "domain"> | undefined {
    const view = this.#viewAt(spot);
    if (this.filled) {
      view.fill(this.filled, this.first);
      return view;
    }
    return this.members.every(({ value }) => view.add(value)) ? view : undefined;
  }

  #viewAt(spot: Spot): RowView {
    const { first, filled } = this;
    const domain = filled ? flatDomain(first.size, spot) : domainOf(first, spot);
    return new RowView(domain, spot.tag, this.inPlace);
  }

  /** The cluster with one more value; undefined if it does not belong. */
  with(value: Value): RowCluster | undefined {
    const { kind } = value.definition;
    if (kind !== "pointwise" && kind !== "reduction") return undefined;
    if (kind === "reduction" && !this.members.some((m) => m.result)) {
      const d = domainOf(value, anywhere);
      const { rows } = this.domain;
      // A loop over long rows would take the elements' parallelism away.
      if (!this.dependsOn(value) || (rows !== d.rows && rows !== d.rows * d.columns)) {
        return undefined;
      }
      return this.fits(value) ? RowCluster.of([...this.values, value], this.memory) : undefined;
    }
    return this.fits(value) && this.#add(value) ? this : undefined;
  }

  #add(value: Value): boolean {
    const { rows, columns } = this.domain;
    const single = value.definition.kind === "pointwise" && value.size !== rows;
    if (single && !isWide(rows, columns, this.memory.target.software)) return false;
    if (!this.#view.add(value)) return false;
    this.enter(value);
    return true;
  }
}

/** True if there are enough invocations to compute single elements here. */
function isWide(rows: number, columns: number, software: boolean): boolean {
  return rows * columns <= 16384 ||
    rows * lanesFor(rows, columns, software) >= (software ? 64 : 1024);
}

/** A product, and what is computed from it element by element. */
export class ContractionCluster extends Base {
  readonly kind = "contraction";
  readonly #reader: Reader;
  readonly #place: Expr;

  constructor(memory: Memory, readonly value: Value, readonly definition: Contraction) {
    super(memory);
    this.#place = variable("place", "u32", { level: 3, bound: value.size });
    this.#reader = this.#readerAt(
      this.#place,
      variable("product", typeOf(value.dtype), { level: 3 }),
    );
    this.enter(value);
  }

  /** Reads operands: only their own definitions, never results of this kernel. */
  get read(): Read {
    return this.#reader.read;
  }

  with(value: Value): ContractionCluster | undefined {
    const { definition, size } = value;
    if (definition.kind !== "pointwise" || size !== this.value.size) return undefined;
    if (!this.dependsOn(value) || !this.fits(value)) return undefined;
    if (!memberAt(value, this.#reader, this.#place)) return undefined;
    this.enter(value);
    return this;
  }

  /** Its members at a place, where the product is known; undefined if it is not known to be a single place. */
  at(place: Expr, product: Expr): Member[] | undefined {
    const reader = this.#readerAt(place, product);
    const members = [...this.values].map((v) =>
      v === this.value
        ? { value: v, expr: product, place, per: "element" as const }
        : memberAt(v, reader, place)
    );
    return members.every((m) => m !== undefined) ? members : undefined;
  }

  #readerAt(place: Expr, value: Expr): Reader {
    const reader = new Reader(this.inPlace);
    reader.define(this.value, { place, value });
    return reader;
  }
}

function memberAt(value: Value, reader: Reader, place: Expr): Member | undefined {
  reader.misaligned = false;
  const { definition, shape } = value;
  if (definition.kind !== "pointwise") return undefined;
  const expr = definition.element(reader.read, unflatten(place, shape));
  return reader.misaligned ? undefined : { value, expr, place, per: "element" };
}

/** A kernel of its own shape, alone. */
export class CustomCluster extends Base {
  readonly kind = "custom";

  constructor(memory: Memory, readonly value: Value, readonly definition: CustomKernel) {
    super(memory);
    this.enter(value);
    if (definition.initial) this.fill = RowCluster.filling(value, definition.initial, memory);
  }

  /** The cluster that fills its memory with initial elements. */
  readonly fill: RowCluster | undefined;

  readonly read: Read = new Reader(this.inPlace).read;

  with(_: Value): undefined {
    return undefined;
  }
}

/** A set of values that becomes one kernel. */
export type Cluster = RowCluster | ContractionCluster | CustomCluster;

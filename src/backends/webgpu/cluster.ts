/**
 * A cluster is what becomes one kernel: values computed together because they share a domain. Three kinds
 * exist: rows (element-wise values and reductions along the columns of one domain), a contraction with
 * the element-wise values that follow it, and kernels of their own shape.
 */
import { sizeOf } from "../../core/program.ts";
import {
  constant,
  type Expr,
  flatten,
  load,
  type Type,
  typeOf,
  unflatten,
  variable,
} from "./expression.ts";
import { lanesFor } from "./kernel/lanes.ts";
import type { Target } from "./target.ts";
import type { Contraction, Read, Reduction, Special, Value } from "./value.ts";

/** A value that a cluster computes, at one element of the cluster's domain. */
export interface Member {
  readonly value: Value;
  /** Its element (for a reduction: what is combined). */
  readonly expr: Expr;
  /** Where it goes in its own memory. */
  readonly place: Expr;
  /** Once for each row, or for each column of each row. */
  readonly per: "row" | "element";
}

/** The variables of a cluster's domain. */
export interface Domain {
  readonly rows: number;
  readonly columns: number;
  readonly row: Expr;
  readonly column: Expr;
  /** The number of the element at (row, column). */
  readonly place: Expr;
  /** Equal for reductions that run along the same elements. */
  readonly signature: string;
}

/** Elements beyond this are not inlined into one kernel. */
const maxCost = 3000;

/** Reads values for a cluster: results of its own, values computed in place, or loads. */
export class Reader {
  readonly results = new Map<Value, { readonly place: Expr; readonly value: Expr }>();
  readonly #memo = new Map<Value, Map<string, Expr>>();
  /** Set when a result of the cluster itself was read at another element than the present one. */
  misaligned = false;

  constructor(readonly inPlace: (value: Value) => boolean) {}

  readonly read: Read = (value, at) => {
    if (value.size === 0) return constant(0, typeOf(value.dtype));
    const result = this.results.get(value);
    if (result) {
      if (flatten(at, value.shape) !== result.place) this.misaligned = true;
      return result.value;
    }
    const { definition } = value;
    if (definition.kind !== "pointwise" || !this.inPlace(value)) {
      return load(value, flatten(at, value.shape));
    }
    let places = this.#memo.get(value);
    if (!places) this.#memo.set(value, places = new Map());
    const key = at.map((e) => e.id).join(" ");
    const known = places.get(key);
    if (known) return known;
    const found = definition.element(this.read, at);
    // What was found on a way that the cluster will not go must be asked again.
    if (!this.misaligned) places.set(key, found);
    return found;
  };

  /** Makes a result known; what was read before may have loaded it. */
  define(value: Value, result: { readonly place: Expr; readonly value: Expr }): void {
    this.results.set(value, result);
    this.#memo.clear();
  }
}

/** Which values have memory, as decided so far. */
export interface Memory {
  readonly stored: ReadonlySet<Value>;
  /** The buffers that computing a value in place reads. */
  leaves(value: Value): ReadonlySet<Value>;
  /** What must be stored before a value is computed, read or not. */
  after(value: Value): ReadonlySet<Value>;
  /** The stored values whose computation reads this one. */
  readers(value: Value): ReadonlySet<Value>;
  /** Whether a value must keep its memory. */
  required(value: Value): boolean;
  cost(value: Value): number;
  readonly target: Target;
}

/** What clusters have in common: who is in, and what it costs. */
abstract class Base {
  readonly values = new Set<Value>();
  readonly reads = new Set<Value>();
  protected cost = 0;

  constructor(protected readonly memory: Memory) {}

  protected readonly reader: Reader = new Reader((v) =>
    !this.memory.stored.has(v) || this.values.has(v)
  );

  /** Whether a kernel with this value too stays within the device's limits. */
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
  readonly members: Member[] = [];
  #domain: Domain;
  #reduces = false;

  private constructor(memory: Memory, domain: Domain) {
    super(memory);
    this.#domain = domain;
  }

  get domain(): Domain {
    return this.#domain;
  }

  /** A cluster of these values; undefined if they have no common domain. */
  static of(values: readonly Value[], memory: Memory): RowCluster | undefined {
    const first = values.find((v) => v.definition.kind === "reduction") ?? values[0]!;
    const cluster = new RowCluster(memory, domainOf(first));
    return values.every((v) => cluster.#place(v)) ? cluster : undefined;
  }

  /** A cluster that writes the elements of one value into the memory of another. */
  static filling(target: Value, source: Value, memory: Memory): RowCluster {
    const cluster = new RowCluster(memory, flatDomain(source.size));
    const { row } = cluster.#domain;
    const expr = cluster.reader.read(source, unflatten(row, source.shape));
    cluster.members.push({ value: target, expr, place: row, per: "row" });
    return cluster;
  }

  /** The cluster with one more value; undefined if it does not belong. */
  with(value: Value): RowCluster | undefined {
    const { kind } = value.definition;
    if (kind !== "pointwise" && kind !== "reduction") return undefined;
    if (kind === "reduction" && !this.#reduces) {
      const d = domainOf(value);
      const { rows } = this.#domain;
      // A loop over long rows would take the elements' parallelism away.
      if (!this.dependsOn(value) || (rows !== d.rows && rows !== d.rows * d.columns)) {
        return undefined;
      }
      return this.fits(value) ? RowCluster.of([...this.values, value], this.memory) : undefined;
    }
    return this.fits(value) && this.#place(value) ? this : undefined;
  }

  #place(value: Value): boolean {
    const { definition } = value;
    const { rows, columns, row, column, place, signature } = this.#domain;
    this.reader.misaligned = false;
    let member: Member;
    if (definition.kind === "reduction") {
      if (domainOf(value).signature !== signature) return false;
      // Its domain may have other axes than the cluster's, of one product.
      const at = indicesOf(definition, row, column);
      const expr = definition.element(this.reader.read, at);
      member = { value, expr, place: row, per: "row" };
    } else if (definition.kind === "pointwise") {
      if (value.size !== rows && (value.size !== rows * columns || !this.#wide())) return false;
      const per = value.size === rows ? "row" : "element";
      const flat = per === "row" ? row : place;
      // Its definition is asked, not the reader: the value may have memory.
      const expr = definition.element(this.reader.read, unflatten(flat, value.shape));
      member = { value, expr, place: flat, per };
    } else return false;
    if (this.reader.misaligned) return false;
    if (definition.kind === "reduction") {
      this.#reduces = true;
      const type: Type = definition.reducer.arg ? "i32" : typeOf(value.dtype);
      this.reader.define(value, {
        place: row,
        value: variable(`r${this.members.length}`, type, {
          level: 1,
          phase: member.expr.phase + 1,
        }),
      });
    }
    this.members.push(member);
    this.enter(value);
    return true;
  }

  /** Whether there are enough invocations to compute single elements here. */
  #wide(): boolean {
    const { rows, columns } = this.#domain;
    return rows * columns <= 16384 ||
      rows * lanesFor(rows, columns, this.memory.target.software) >= 1024;
  }
}

function flatDomain(size: number): Domain {
  const row = variable("row", "u32", { level: 1, bound: size });
  const column = variable("column", "u32", { level: 2, bound: 1 });
  return { rows: size, columns: 1, row, column, place: row, signature: `${size}` };
}

function domainOf({ definition, size }: Value): Domain {
  if (definition.kind !== "reduction") return flatDomain(size);
  const { domain, axes } = definition;
  const inner = domain.filter((_, i) => axes.includes(i));
  const outer = domain.filter((_, i) => !axes.includes(i));
  const [rows, columns] = [sizeOf(outer), sizeOf(inner)];
  const row = variable("row", "u32", { level: 1, bound: rows });
  const column = variable("column", "u32", { level: 2, bound: columns });
  return {
    rows,
    columns,
    row,
    column,
    place: flatten(indicesOf(definition, row, column), domain),
    signature: signatureOf(definition),
  };
}

/** The indices along the axes of a reduction's domain of the element in this row and column. */
function indicesOf({ domain, axes }: Reduction, row: Expr, column: Expr): Expr[] {
  const along = (reduced: boolean) => domain.filter((_, a) => axes.includes(a) === reduced);
  const [o, i] = [unflatten(row, along(false)).values(), unflatten(column, along(true)).values()];
  return domain.map((_, a) => (axes.includes(a) ? i : o).next().value!);
}

// Neighbouring axes of one fate count as one, axes of size 1 as none.
function signatureOf({ domain, axes }: Reduction): string {
  const runs: { reduced: boolean; size: number }[] = [];
  domain.forEach((size, a) => {
    if (size === 1) return;
    const reduced = axes.includes(a);
    const last = runs.at(-1);
    if (last?.reduced === reduced) last.size *= size;
    else runs.push({ reduced, size });
  });
  return runs.map((r) => `${r.reduced ? "r" : "k"}${r.size}`).join(" ");
}

/** A product, and what is computed from it element by element. */
export class ContractionCluster extends Base {
  readonly kind = "contraction";
  readonly members: Member[] = [];
  /** The number of the element, and the sum of products there. */
  readonly place: Expr;
  readonly product: Expr;

  constructor(memory: Memory, readonly value: Value, readonly definition: Contraction) {
    super(memory);
    this.place = variable("place", "u32", { level: 3, bound: value.size });
    this.product = variable("product", typeOf(value.dtype), { level: 3 });
    this.reader.define(value, { place: this.place, value: this.product });
    this.members.push({ value, expr: this.product, place: this.place, per: "element" });
    this.enter(value);
  }

  /** Reads operands: only their own definitions, never results of this kernel. */
  get read(): Read {
    return this.reader.read;
  }

  with(value: Value): ContractionCluster | undefined {
    const { definition, size, shape } = value;
    if (definition.kind !== "pointwise" || size !== this.value.size) return undefined;
    if (!this.dependsOn(value) || !this.fits(value)) return undefined;
    this.reader.misaligned = false;
    const expr = definition.element(this.reader.read, unflatten(this.place, shape));
    if (this.reader.misaligned) return undefined;
    this.members.push({ value, expr, place: this.place, per: "element" });
    this.enter(value);
    return this;
  }
}

/** A kernel of its own shape, alone. */
export class SpecialCluster extends Base {
  readonly kind = "special";

  constructor(memory: Memory, readonly value: Value, readonly definition: Special) {
    super(memory);
    this.enter(value);
    if (definition.initial) this.fill = RowCluster.filling(value, definition.initial, memory);
  }

  /** What puts the initial elements into its memory. */
  readonly fill: RowCluster | undefined;

  get read(): Read {
    return this.reader.read;
  }

  with(_: Value): undefined {
    return undefined;
  }
}

/** What becomes one kernel. */
export type Cluster = RowCluster | ContractionCluster | SpecialCluster;

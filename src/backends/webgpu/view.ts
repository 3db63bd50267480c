/**
 * The expressions that a row cluster computes at one element of its domain. An invocation that works on several
 * elements has one such view for each.
 */
import { sizeOf } from "../../core/aval.ts";
import { constant, countParts, flatten, load, typeOf, unflatten, variable } from "./expression.ts";
import type { Expr, Read, Reduction, Value } from "./value.ts";

/** A value that a cluster computes, at one element of the cluster's domain. */
export interface Member {
  readonly value: Value;
  /** Its element (for a reduction: what is combined). */
  readonly expr: Expr;
  /** The place of the element in its own memory. */
  readonly place: Expr;
  /** Once for each row, or for each column of each row. */
  readonly per: "row" | "element";
  /** The variable that a reduction's result is in. */
  readonly result?: Expr;
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
    // A result from an attempt that the cluster gives up must not be kept.
    if (!this.misaligned) places.set(key, found);
    return found;
  };

  /** Makes a result known; what was read before may have loaded it. */
  define(value: Value, result: { readonly place: Expr; readonly value: Expr }): void {
    this.results.set(value, result);
    this.#memo.clear();
  }
}

/** An element of a domain: expressions for its row and column, and what tells its variables from other elements'. */
export interface Spot {
  readonly row: (rows: number) => Expr;
  readonly column: (columns: number) => Expr;
  readonly tag: string;
}

/** Any element: its row and column are variables of these names. */
export const anywhere: Spot = {
  row: (bound) => variable("row", "u32", { level: 1, bound }),
  column: (bound) => variable("column", "u32", { level: 2, bound }),
  tag: "",
};

/** An expression of so many others joins no kernel. */
const longest = 1000;

/** The values of a row cluster at one element of its domain. */
export class RowView {
  readonly members: Member[] = [];
  readonly #reader: Reader;

  constructor(readonly domain: Domain, readonly tag: string, inPlace: Reader["inPlace"]) {
    this.#reader = new Reader(inPlace);
  }

  /** Adds a value; false if it has another domain, or reads elements that are not at hand. */
  add(value: Value): boolean {
    const { definition } = value;
    const { rows, columns, row, column, place, signature } = this.domain;
    const reader = this.#reader;
    reader.misaligned = false;
    if (definition.kind === "pointwise") {
      if (value.size !== rows && value.size !== rows * columns) return false;
      const per = value.size === rows ? "row" : "element";
      const flat = per === "row" ? row : place;
      // Its definition is asked, not the reader: the value may have memory.
      const expr = definition.element(reader.read, unflatten(flat, value.shape));
      if (reader.misaligned || this.#tooLong(expr)) return false;
      this.members.push({ value, expr, place: flat, per });
      return true;
    }
    if (definition.kind !== "reduction" || signatureOf(definition) !== signature) return false;
    // Its domain may have other axes than the cluster's, of one product.
    const expr = definition.element(reader.read, indicesOf(definition, row, column));
    if (reader.misaligned || this.#tooLong(expr)) return false;
    const result = variable(
      `r${this.members.length}${this.tag}`,
      definition.reducer.arg ? "i32" : typeOf(value.dtype),
      { level: 1, phase: expr.phase + 1 },
    );
    reader.define(value, { place: row, value: result });
    this.members.push({ value, expr, place: row, per: "row", result });
    return true;
  }

  // Members at other elements than the present one are computed again there, and so is what those read.
  #tooLong(expr: Expr): boolean {
    return this.members.length > 0 && countParts(expr, longest) === longest;
  }

  /** Adds elements of one value, to be written into the memory of another. */
  fill(target: Value, source: Value): void {
    const { row } = this.domain;
    const expr = this.#reader.read(source, unflatten(row, source.shape));
    this.members.push({ value: target, expr, place: row, per: "row" });
  }
}

/** So many rows of one element. */
export function flatDomain(size: number, spot: Spot): Domain {
  const [row, column] = [spot.row(size), spot.column(1)];
  return { rows: size, columns: 1, row, column, place: row, signature: `${size}` };
}

/** The domain that a value is computed over. */
export function domainOf({ definition, size }: Value, spot: Spot): Domain {
  if (definition.kind !== "reduction") return flatDomain(size, spot);
  const { domain, axes } = definition;
  const inner = domain.filter((_, i) => axes.includes(i));
  const outer = domain.filter((_, i) => !axes.includes(i));
  const [rows, columns] = [sizeOf(outer), sizeOf(inner)];
  const [row, column] = [spot.row(rows), spot.column(columns)];
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

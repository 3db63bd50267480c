/**
 * The kernel of a `RowCluster`: element-wise work, and reductions along rows. Several invocations ("lanes")
 * share a row; reductions that wait for each other take one loop over the columns each, so that
 * a softmax is one kernel of three loops.
 */
import type { Member, RowCluster } from "../cluster.ts";
import type { Reduction, Value } from "../value.ts";
import { type Expr, typeOf, variable } from "../expression.ts";
import { lanesFor } from "./lanes.ts";
import { type KernelWriter, slicePlace } from "./writer.ts";

const smallest = 64;

/** How many invocations work on a row. */
function rowLanes({ domain: { rows, columns }, members }: RowCluster, software: boolean): number {
  const reduces = members.some((m) => m.value.definition.kind === "reduction");
  return reduces ? lanesFor(rows, columns, software) : 1;
}

/** The workgroups of the kernel, and the invocations of each. */
export function rowGrid(cluster: RowCluster, software: boolean): { count: number; size: number } {
  const lanes = rowLanes(cluster, software);
  const size = Math.max(smallest, lanes);
  return { count: Math.ceil(cluster.domain.rows / (size / lanes)), size };
}

/** Writes the kernel; `stored` are the members that need memory. */
export function writeRows(
  kernel: KernelWriter,
  cluster: RowCluster,
  stored: ReadonlySet<Value>,
  software: boolean,
): void {
  const { domain, members } = cluster;
  const { rows, columns } = domain;
  const reductions = members.filter((m) => m.value.definition.kind === "reduction");
  const lanes = rowLanes(cluster, software);
  const { count, size: workgroupSize } = rowGrid(cluster, software);
  const rowsPerGroup = workgroupSize / lanes;
  kernel.dispatch(count, workgroupSize);

  const first = `${kernel.groupNumber} * ${rowsPerGroup}u`;
  const written = members.filter((m) => stored.has(m.value));
  const store = ({ value, place, expr }: Member) => {
    const { definition } = value;
    if (definition.kind === "reduction") {
      kernel.store(value, place, result(members, value));
    } else if (definition.kind === "pointwise" && definition.slice) {
      const { of, step } = definition.slice;
      kernel.store(of, slicePlace(step, value.size, place), expr);
    } else kernel.store(value, place, expr);
  };

  if (lanes === 1) {
    kernel.line(`let row = ${first} + local;`);
    kernel.block(`if (row < ${rows}u)`, 1, () => {
      loops("0u", 1);
      written.filter((m) => m.per === "row").forEach(store);
    });
    return;
  }
  kernel.block("", 1, () => {
    kernel.line(`let lane = local % ${lanes}u;`);
    kernel.line(`let wanted = ${first} + local / ${lanes}u;`);
    kernel.line(`let live = wanted < ${rows}u;`);
    kernel.line(`let row = min(wanted, ${rows - 1}u);`);
    loops("lane", lanes);
    const perRow = written.filter((m) => m.per === "row");
    if (perRow.length > 0) kernel.block("if (live && lane == 0u)", 1, () => perRow.forEach(store));
  });

  function loops(start: string, stride: number): void {
    const elements = written.filter((m) => m.per === "element");
    const phases = Math.max(
      reductions.reduce((p, m) => Math.max(p, m.expr.phase + 1), 0),
      elements.reduce((p, m) => Math.max(p, m.expr.phase + 1), 0),
    );
    for (let phase = 0; phase < phases; phase++) {
      const reduced = reductions.filter((m) => m.expr.phase === phase);
      const stores = elements.filter((m) => m.expr.phase === phase);
      const states = reduced.map((m) => new Accumulator(kernel, m, members.indexOf(m), domain));
      if (columns > 0 && (reduced.length > 0 || stores.length > 0)) {
        const header = columns === 1
          ? "for (var column = 0u; column < 1u; column++)"
          : `for (var column = ${start}; column < ${columns}u; column += ${stride}u)`;
        kernel.block(header, 2, () => {
          states.forEach((s) => s.step());
          if (stores.length === 0) return;
          if (lanes === 1) stores.forEach(store);
          else kernel.block("if (live)", 2, () => stores.forEach(store));
        });
      }
      states.forEach((s) => s.finish(lanes, workgroupSize));
    }
  }
}

/** The variable that holds a reduction's result. */
function result(members: readonly Member[], value: Value): Expr {
  const i = members.findIndex((m) => m.value === value);
  const { definition, dtype } = value;
  const type = definition.kind === "reduction" && definition.reducer.arg ? "i32" : typeOf(dtype);
  const member = members[i]!;
  return variable(`r${i}`, type, { level: 1, phase: member.expr.phase + 1 });
}

/** One reduction on its way. */
class Accumulator {
  readonly #name: string;
  readonly #type: string;
  readonly #reduction: Reduction;

  constructor(
    private readonly kernel: KernelWriter,
    private readonly member: Member,
    private readonly number: number,
    private readonly domain: RowCluster["domain"],
  ) {
    // Only reductions get here: the caller filtered them.
    this.#reduction = member.value.definition as Reduction;
    this.#type = member.expr.type;
    this.#name = kernel.fresh("sum");
    const { reducer } = this.#reduction;
    kernel.line(`var ${this.#name}: ${this.#type} = ${reducer.start(member.expr.type)};`);
    if (reducer.arg) kernel.line(`var ${this.#name}at = -1i;`);
  }

  step(): void {
    const { kernel, member } = this;
    const { reducer } = this.#reduction;
    const x = kernel.text(member.expr);
    const name = this.#name;
    if (!reducer.arg) {
      kernel.line(`${name} = ${reducer.combine(member.expr.type, name, x)};`);
      return;
    }
    const better = reducer.combine(member.expr.type, x, name);
    const column = kernel.text(this.domain.column);
    kernel.line(`if (${name}at < 0 || ${better}) { ${name} = ${x}; ${name}at = i32(${column}); }`);
  }

  /** Combines the lanes' results, and names what comes out. */
  finish(lanes: number, size: number): void {
    const { kernel, member } = this;
    const { reducer } = this.#reduction;
    const { type } = member.expr;
    const name = this.#name;
    const final = reducer.arg ? `${name}at` : name;
    if (lanes === 1) {
      kernel.line(`let r${this.number} = ${final};`);
      return;
    }
    const shared = kernel.shared(type, size);
    const places = reducer.arg ? kernel.shared("i32", size) : shared;
    kernel.line(`${shared}[local] = ${name};`);
    if (reducer.arg) kernel.line(`${places}[local] = ${final};`);
    kernel.line("workgroupBarrier();");
    kernel.block(`for (var half = ${lanes / 2}u; half > 0u; half /= 2u)`, 1, () => {
      kernel.block("if (lane < half)", 1, () => this.#merge(shared, places));
      kernel.line("workgroupBarrier();");
    });
    kernel.line(`let r${this.number} = ${places}[local - lane];`);
  }

  #merge(shared: string, places: string): void {
    const { kernel, member } = this;
    const { reducer } = this.#reduction;
    const { type } = member.expr;
    if (!reducer.arg) {
      const both = reducer.combine(type, `${shared}[local]`, `${shared}[local + half]`);
      kernel.line(`${shared}[local] = ${both};`);
      return;
    }
    kernel.line(`let a = ${shared}[local]; let i = ${places}[local];`);
    kernel.line(`let b = ${shared}[local + half]; let j = ${places}[local + half];`);
    const [better, worse] = [reducer.combine(type, "b", "a"), reducer.combine(type, "a", "b")];
    kernel.line(
      `if (j >= 0 && (i < 0 || ${better} || (!${worse} && j < i))) { ` +
        `${shared}[local] = b; ${places}[local] = j; }`,
    );
  }
}

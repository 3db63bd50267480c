/**
 * The kernel of a `RowCluster`: element-wise work, and reductions along rows. Several invocations ("lanes")
 * share a row; reductions that wait for each other take one loop over the columns each, so that
 * a softmax is one kernel of three loops.
 */
import type { RowCluster } from "../cluster.ts";
import type { Expr, Reduction, Value } from "../value.ts";
import { slicePlace, sum, variable } from "../expression.ts";
import type { Member } from "../view.ts";
import type { Target } from "../target.ts";
import { lanesFor, smallestWorkgroup } from "./kernel.ts";
import { KernelWriter } from "./writer.ts";

/** The numbers of rows and of neighbouring columns that an invocation takes at once. */
interface Block {
  readonly rows: number;
  readonly columns: number;
}

/** The division of the work of a cluster among invocations. */
interface Layout {
  readonly block: Block;
  /** Invocations that share a row. */
  readonly lanes: number;
}

const single: Block = { rows: 1, columns: 1 };
/** Kernels with more expressions than this are not written down four times: compilers take their time, too. */
const most = 150;

const layouts = new WeakMap<RowCluster, Layout>();

/** The layout that loads and stores least; `stored` are the members that need memory. */
function layoutOf(cluster: RowCluster, stored: ReadonlySet<Value>, target: Target): Layout {
  const { software } = target;
  let found = layouts.get(cluster);
  if (found) return found;
  const { rows, columns } = cluster.domain;
  const reduces = cluster.members.some((m) => m.result);
  const lanes = ({ rows: r, columns: c }: Block) =>
    reduces ? lanesFor(rows / r, columns / c, software) : 1;
  const enough = software ? 8 : 4096;
  const wide = { rows: 4, columns: 1 };
  const long = { rows: 1, columns: 4 };
  const blocks = [
    single,
    ...(rows % 4 === 0 && rows / 4 * lanes(wide) >= enough ? [wide] : []),
    ...(columns % 4 === 0 ? [long] : []),
  ];
  let [least, longer] = [Infinity, false];
  for (const block of blocks) {
    if (longer || !viewsOf(cluster, block)) continue;
    const layout = { block, lanes: lanes(block) };
    const trial = new KernelWriter(target);
    trial.part(() => write(trial, cluster, stored, layout));
    const perRow = (level: number) => level > 1 ? columns / block.columns : 1;
    const cost = trial.accesses[0]!.cost(perRow) / block.rows;
    longer = trial.names > most;
    if (cost > 0.8 * least) continue;
    least = cost;
    found = layout;
  }
  layouts.set(cluster, found!); // there is a single one at least
  return found!;
}

/** The workgroups of the kernel, and the invocations of each. */
export function rowGrid(
  cluster: RowCluster,
  stored: ReadonlySet<Value>,
  target: Target,
): { count: number; size: number } {
  return gridOf(cluster, layoutOf(cluster, stored, target));
}

function gridOf({ domain }: RowCluster, { block, lanes }: Layout): { count: number; size: number } {
  const size = Math.max(smallestWorkgroup, lanes);
  return { count: Math.ceil(domain.rows / block.rows / (size / lanes)), size };
}

/** Writes the kernel; `stored` are the members that need memory. */
export function writeRows(
  kernel: KernelWriter,
  cluster: RowCluster,
  stored: ReadonlySet<Value>,
  target: Target,
): void {
  write(kernel, cluster, stored, layoutOf(cluster, stored, target));
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

/** The results of an invocation: for each row of its block, the members at each column. */
type View = Pick<RowCluster, "members" | "domain">;

function viewsOf(cluster: RowCluster, block: Block): View[][] | undefined {
  if (block === single) return [[cluster]];
  const part = (name: string, level: number, bound: number, parts: number, i: number): Expr =>
    sum([{ of: variable(name, "u32", { level, bound: bound / parts }), scale: parts }], i);
  const views = range(block.rows).map((r) =>
    range(block.columns).map((c) =>
      cluster.at({
        row: (bound) => part("row", 1, bound, block.rows, r),
        column: (bound) => part("column", 2, bound, block.columns, c),
        tag: r === 0 ? "" : `_${r}`,
      })
    )
  );
  const all = views.filter((row): row is View[] => row.every((v) => v !== undefined));
  return all.length === block.rows ? all : undefined;
}

function write(
  kernel: KernelWriter,
  cluster: RowCluster,
  stored: ReadonlySet<Value>,
  { block, lanes }: Layout,
): void {
  const views = viewsOf(cluster, block)!;
  const rows = cluster.domain.rows / block.rows;
  const columns = cluster.domain.columns / block.columns;
  const { count, size } = gridOf(cluster, { block, lanes });
  const { members } = cluster;
  const written = range(members.length).filter((i) => stored.has(members[i]!.value));
  kernel.dispatch(count, size);

  const first = `${kernel.groupNumber} * ${size / lanes}u`;
  /** Writes a member at these views. */
  const store = (i: number, at: readonly View[]) => {
    const { value, result } = members[i]!;
    const all = at.map((v) => v.members[i]!);
    const xs = all.map((m) => m.result ?? m.expr);
    const { definition } = value;
    if (!result && definition.kind === "pointwise" && definition.slice) {
      const { of, step } = definition.slice;
      kernel.store(of, all.map((m) => slicePlace(step, value.size, m.place)), xs);
    } else kernel.store(value, all.map((m) => m.place), xs);
  };
  const storeRows = () =>
    written.filter((i) => members[i]!.per === "row")
      .forEach((i) => store(i, views.map((row) => row[0]!)));

  if (lanes === 1) {
    kernel.line(`let row = ${first} + local;`);
    kernel.block(`if (row < ${rows}u)`, 1, () => {
      loops("0u", 1);
      storeRows();
    });
    return;
  }
  kernel.block("", 1, () => {
    kernel.line(`let lane = local % ${lanes}u;`);
    kernel.line(`let wanted = ${first} + local / ${lanes}u;`);
    kernel.line(`let live = wanted < ${rows}u;`);
    kernel.line(`let row = min(wanted, ${rows - 1}u);`);
    loops("lane", lanes);
    if (written.some((i) => members[i]!.per === "row")) {
      kernel.block("if (live && lane == 0u)", 1, storeRows);
    }
  });

  function loops(start: string, stride: number): void {
    const phaseOf = (i: number) => members[i]!.expr.phase;
    const reductions = range(members.length).filter((i) => members[i]!.result);
    const elements = written.filter((i) => members[i]!.per === "element");
    const phases = Math.max(0, ...[...reductions, ...elements].map((i) => phaseOf(i) + 1));
    for (let phase = 0; phase < phases; phase++) {
      const stores = elements.filter((i) => phaseOf(i) === phase);
      const states = reductions.filter((i) => phaseOf(i) === phase).flatMap((i) =>
        views.map((row) =>
          new Accumulator(kernel, row.map((v) => v.members[i]!), row.map((v) => v.domain.column))
        )
      );
      if (columns > 0 && (states.length > 0 || stores.length > 0)) {
        const step = () => {
          states.forEach((s) => s.step());
          if (stores.length === 0) return;
          const storeAll = () =>
            stores.forEach((i) =>
              block.rows > 1
                ? range(block.columns).forEach((c) => store(i, views.map((row) => row[c]!)))
                : store(i, views[0]!)
            );
          if (lanes === 1) storeAll();
          else kernel.block("if (live)", 2, storeAll);
        };
        kernel.loopInParts("column", start, columns, stride, step, {
          terms: block.columns,
          before: () => states.forEach((s) => s.beginPart()),
          after: () => states.forEach((s) => s.endPart()),
        });
      }
      states.forEach((s) => s.finish(lanes, size));
    }
  }
}

/** One reduction on its way, over neighbouring columns at a time. */
class Accumulator {
  readonly #name: string;
  readonly #reduction: Reduction;
  readonly #result: string;
  /** Of parts that have begun, the latest first. */
  readonly #parts: string[] = [];

  constructor(
    private readonly kernel: KernelWriter,
    private readonly members: readonly Member[],
    private readonly columns: readonly Expr[],
  ) {
    const [member] = members;
    // Only reductions get here: the caller filtered them.
    this.#reduction = member!.value.definition as Reduction;
    this.#result = kernel.text(member!.result!);
    this.#name = kernel.fresh("sum");
    const { reducer } = this.#reduction;
    const { type } = this;
    kernel.line(`var ${this.#name}: ${type} = ${reducer.start(type)};`);
    if (reducer.arg) kernel.line(`var ${this.#name}at = -1i;`);
  }

  get type(): Expr["type"] {
    return this.members[0]!.expr.type;
  }

  /** The next elements are combined by themselves first: a long sum keeps more digits as a sum of sums. */
  beginPart(): void {
    const { reducer } = this.#reduction;
    if (reducer.arg) return;
    const part = this.kernel.fresh("part");
    this.#parts.unshift(part);
    this.kernel.line(`var ${part}: ${this.type} = ${reducer.start(this.type)};`);
  }

  endPart(): void {
    const { reducer } = this.#reduction;
    const part = this.#parts.shift();
    if (part === undefined) return;
    const [into = this.#name] = this.#parts;
    this.kernel.line(`${into} = ${reducer.combine(this.type, into, part)};`);
  }

  step(): void {
    const { kernel, type } = this;
    const { reducer } = this.#reduction;
    const [name = this.#name] = this.#parts;
    this.members.forEach(({ expr }, i) => {
      const x = kernel.text(expr);
      if (!reducer.arg) {
        kernel.line(`${name} = ${reducer.combine(type, name, x)};`);
        return;
      }
      const better = reducer.combine(type, x, name);
      const column = kernel.text(this.columns[i]!);
      kernel.line(
        `if (${name}at < 0 || ${better}) { ${name} = ${x}; ${name}at = i32(${column}); }`,
      );
    });
  }

  /** Combines the lanes' results, and names what comes out. */
  finish(lanes: number, size: number): void {
    const { kernel, type } = this;
    const { reducer } = this.#reduction;
    const name = this.#name;
    const final = reducer.arg ? `${name}at` : name;
    if (lanes === 1) {
      kernel.line(`let ${this.#result} = ${final};`);
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
    kernel.line(`let ${this.#result} = ${places}[local - lane];`);
  }

  #merge(shared: string, places: string): void {
    const { kernel, type } = this;
    const { reducer } = this.#reduction;
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

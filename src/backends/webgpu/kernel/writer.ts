/**
 * Writes the text of one kernel. Expressions become `let` statements, each once, in the outermost loop that
 * knows everything they depend on: that is what hoists a row's mean out of the loop over its columns.
 */
import { InternalError } from "../../../core/errors.ts";
import type { Expr, KernelBody, Value } from "../value.ts";
import { areFour, loadFour, quarter } from "../expression.ts";
import { literal, storageType, type Type } from "./wgsl.ts";
import type { Target } from "../target.ts";
import { Accesses, vectorize } from "./vectorize.ts";
import { type Binding, gridOf, type Kernel } from "./kernel.ts";
import { libraryFor } from "./library.ts";

/**
 * The number of terms of a sum that are added up one by one. Roundings of equal terms may agree: then those of n terms make up n/3
 * units in the last place, so that chains of 32 and, of their sums, of at most 64 stay below 4 log₂ n of them.
 */
const chain = 32;

interface Scope {
  readonly level: number;
  readonly lines: string[];
  readonly names: Map<Expr, string>;
}

interface Part {
  readonly workgroups: number;
  readonly lines: readonly string[];
}

/**
 * A kernel being written. It may have several parts, which have nothing to do with each other: each workgroup
 * belongs to one of them.
 */
export class KernelWriter implements KernelBody {
  readonly #bindings: Binding[] = [];
  readonly #names = { one: new Map<Value, string>(), four: new Map<Value, string>() };
  readonly #declarations: string[] = [];
  readonly #functions: string[] = [];
  readonly #loops = new Set<number>();
  readonly #scopes: Scope[] = [];
  readonly #parts: Part[] = [];
  readonly #shared = new Map<string, { readonly type: string; readonly size: number }>();
  /** The accesses of each part to its values. */
  readonly accesses: Accesses[] = [];
  #taken = new Map<string, number>();
  #count = 0;
  #workgroups = 0;
  #workgroupSize = 0;

  /** `vectorized` are the values that each part takes four elements at a time. */
  constructor(
    private readonly target: Target,
    private readonly vectorized: readonly ReadonlySet<Value>[] = [],
  ) {}

  /** The text that `write` writes, as vectors of four where that pays. */
  static kernel(target: Target, write: (kernel: KernelWriter) => void): Kernel {
    const single = new KernelWriter(target);
    write(single);
    const vectorized = vectorize(single.accesses, target.maxBuffers - single.#bindings.length);
    if (vectorized.every((f) => f.size === 0)) return single.finish();
    const kernel = new KernelWriter(target, vectorized);
    write(kernel);
    return kernel.finish();
  }

  /** Writes one part; it calls `dispatch` first. */
  part(write: () => void): void {
    const scope: Scope = { level: 0, lines: [], names: new Map() };
    this.#scopes.push(scope);
    this.#taken = new Map();
    this.accesses.push(new Accesses());
    write();
    this.#scopes.pop();
    this.#parts.push({ workgroups: this.#workgroups, lines: scope.lines });
  }

  /** The number of workgroups of the part, and of invocations in each; all parts agree on the latter. */
  dispatch(workgroups: number, workgroupSize: number): void {
    this.#workgroups = workgroups;
    this.#workgroupSize = workgroupSize;
  }

  /** The number of the workgroup within its part. */
  get groupNumber(): string {
    const before = this.#parts.reduce((sum, p) => sum + p.workgroups, 0);
    return before === 0 ? "number" : `(number - ${before}u)`;
  }

  /** Memory that the workgroup shares. Parts take turns: none sees what another had in it. */
  shared(type: string, size: number): string {
    const taken = this.#taken.get(type) ?? 0;
    this.#taken.set(type, taken + 1);
    const name = ["shared", ...type.match(/\w+/g)!, taken].join("_");
    const most = Math.max(this.#shared.get(name)?.size ?? 0, size);
    this.#shared.set(name, { type, size: most });
    return name;
  }

  /** The stored values that are read to compute these. */
  reads(xs: readonly Expr[]): Accesses {
    const trial = new KernelWriter(this.target);
    trial.part(() => trial.block("", 2, () => trial.texts(xs)));
    return trial.accesses[0]!;
  }

  /** The number of names it has given, which measures its length. */
  get names(): number {
    return this.#count;
  }

  /** A name that nothing else has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#count++}`;
  }

  /** A statement in the innermost block. */
  line(text: string): void {
    this.#scopes.at(-1)!.lines.push(text);
  }

  /** A block; what depends on variables of `level` stays inside. */
  block(header: string, level: number, body: () => void): void {
    const scope: Scope = { level, lines: [], names: new Map() };
    this.#scopes.push(scope);
    body();
    this.#scopes.pop();
    this.line(`${header} {`);
    scope.lines.forEach((l) => this.line(`  ${l}`));
    this.line("}");
  }

  /**
   * A loop that counts. Mesa would write one of up to 32 steps out, and then take seconds to compile it: on a CPU it
   * is not told the number of steps.
   */
  loop(name: string, start: string, end: number, stride: number, body: () => void): void {
    const limit = this.target.software && end <= 32 * stride ? `${end}u * groups.z` : `${end}u`;
    const step = stride === 1 ? `${name}++` : `${name} += ${stride}u`;
    this.block(`for (var ${name} = ${start}; ${name} < ${limit}; ${step})`, 2, body);
  }

  /**
   * The same in parts, and parts of parts, if it is long: what is added up one by one loses digits. No chain is longer
   * than twice `chain` terms, of which a step adds so many; see `chain` for why.
   */
  loopInParts(
    name: string,
    start: string,
    end: number,
    stride: number,
    body: () => void,
    part: { readonly terms: number; readonly before: () => void; readonly after: () => void },
  ): void {
    const widths: number[] = [];
    const innermost = stride * Math.max(1, chain / part.terms);
    for (let width = innermost; end / width > 2; width *= chain) widths.unshift(width);
    if (widths.length === 0) return this.loop(name, start, end, stride, body);
    const inside = (from: string, limit: string, [width, ...rest]: readonly number[]): void => {
      if (width === undefined) {
        const step = stride === 1 ? `${name}++` : `${name} += ${stride}u`;
        this.block(`for (var ${name} = ${from}; ${name} < ${limit}; ${step})`, 2, body);
        return;
      }
      const next = this.fresh("from");
      const header = `for (var ${next} = ${from}; ${next} < ${limit}; ${next} += ${width}u)`;
      this.block(header, 2, () => {
        part.before();
        inside(next, `min(${next} + ${width}u, ${end}u)`, rest);
        part.after();
      });
    };
    inside(start, `${end}u`, widths);
  }

  /** A function in addition to the main one; everything in it depends on its parameters alone. */
  function(header: string, level: number, body: () => void): void {
    const scope: Scope = { level, lines: [], names: new Map() };
    const outside = this.#scopes.splice(0, Infinity, scope);
    body();
    this.#scopes.splice(0, Infinity, ...outside);
    this.#functions.push(`${header} {\n${scope.lines.map((l) => `  ${l}`).join("\n")}\n}`);
  }

  /** The name of a value's buffer, for code that addresses its elements by itself. */
  buffer(value: Value, access: Binding["access"], element = storageType(value)): string {
    this.accesses.at(-1)!.single(value);
    return this.#buffer(value, access, element);
  }

  #buffer(value: Value, access: Binding["access"], element: string): string {
    const names = this.#names[element.startsWith("vec4") ? "four" : "one"];
    let name = names.get(value);
    if (name === undefined) {
      name = `b${this.#bindings.length}`;
      names.set(value, name);
      this.#declarations.push(
        `@group(0) @binding(${this.#bindings.length}) var<storage, ${access}> ${name}: array<${element}>;`,
      );
      this.#bindings.push({ value, access });
    }
    if (this.#bindings.some((b) => b.value === value && b.access !== access)) {
      throw new InternalError("a kernel reads and writes one buffer");
    }
    return name;
  }

  #inFours(value: Value): boolean {
    return this.vectorized[this.#parts.length]?.has(value) ?? false;
  }

  /** Writes elements of a value. */
  store(value: Value, places: readonly Expr[], xs: readonly Expr[]): void {
    const type = storageType(value);
    const four = `vec4<${type}>`;
    const inFours = this.#inFours(value);
    const name = this.#buffer(value, "read_write", inFours ? four : type);
    const texts = this.texts(xs).map((text, i) =>
      xs[i]!.type === "bool" ? `select(0u, 1u, ${text})` : text
    );
    places.forEach((at) => this.accesses.at(-1)!.add(value, at, this.#scopes.at(-1)!));
    if (inFours && areFour(places)) {
      const at = this.text(quarter(places[0]!)!.of);
      this.line(`${name}[${at}] = ${four}(${texts.join(", ")});`);
      return;
    }
    places.forEach((at, i) => {
      const q = inFours ? quarter(at) : undefined;
      const element = q ? `${this.text(q.of)}][${q.rest}` : this.text(at);
      this.line(`${name}[${element}] = ${texts[i]!};`);
    });
  }

  /** An element of a value's buffer, or four. */
  #load(from: Value, at: Expr, type: Type, scope: Scope): string {
    const stored = storageType(from);
    if (type.startsWith("vec4")) {
      return `${this.#buffer(from, "read", `vec4<${stored}>`)}[${this.text(at)}]`;
    }
    this.accesses.at(-1)!.add(from, at, scope);
    const q = this.#inFours(from) ? quarter(at) : undefined;
    const element = q
      ? `${this.text(loadFour(from, q.of))}.${"xyzw"[q.rest]}`
      : `${this.#buffer(from, "read", stored)}[${this.text(at)}]`;
    return from.dtype === "bool" ? `${element} != 0u` : element;
  }

  #step(name: string): void {
    const loop = /^step(\d+)$/.exec(name);
    if (loop) this.#loops.add(Number(loop[1]));
  }

  /** The WGSL for an expression, computed by now. */
  text(x: Expr): string {
    const { node } = x;
    if (node.kind === "constant") return literal(node.value, x.type);
    if (node.kind === "variable") {
      this.#step(node.name);
      return node.name;
    }
    const scope = this.#scopeOf(x);
    const known = this.#known(x);
    if (known !== undefined) return known;
    if (node.kind === "branch") return this.#choose(node.condition, [x], scope)[0]!;
    const name = this.fresh("v");
    const value = this.#expression(x, scope);
    // Operands may open their own blocks in the same scope, so this line comes after theirs.
    scope.lines.push(`let ${name} = ${value};`);
    scope.names.set(x, name);
    return name;
  }

  /** Several expressions: what is chosen by one condition is chosen together, and neighbours are read together. */
  texts(xs: readonly Expr[]): string[] {
    const choices = Map.groupBy(
      xs.filter((x) => this.#known(x) === undefined),
      ({ node }) => node.kind === "branch" ? node.condition : undefined,
    );
    for (const [condition, all] of choices) {
      if (!condition) continue;
      for (const [scope, same] of Map.groupBy(new Set(all), (x) => this.#scopeOf(x))) {
        this.#choose(condition, same, scope);
      }
    }
    return xs.map((x) => this.text(x));
  }

  /** Expressions that choose by the same condition. */
  #choose(condition: Expr, xs: readonly Expr[], scope: Scope): string[] {
    const names = xs.map(() => this.fresh("v"));
    const chosen = this.text(condition);
    const arm = (which: "yes" | "no"): string[] => {
      const inner: Scope = { level: scope.level, lines: [], names: new Map() };
      const depth = this.#scopes.indexOf(scope);
      const suspended = this.#scopes.splice(depth + 1);
      this.#scopes.push(inner);
      const results = this.texts(
        xs.flatMap(({ node }) => node.kind === "branch" ? node[which] : []),
      );
      this.#scopes.pop();
      this.#scopes.push(...suspended);
      return [...inner.lines, ...names.map((name, i) => `${name} = ${results[i]};`)];
    };
    const [yes, no] = [arm("yes"), arm("no")];
    const indented = (lines: readonly string[]) => lines.map((l) => `  ${l}`);
    scope.lines.push(
      ...names.map((name, i) => `var ${name}: ${xs[i]!.type};`),
      `if (${chosen}) {`,
      ...indented(yes),
      "} else {",
      ...indented(no),
      "}",
    );
    xs.forEach((x, i) => scope.names.set(x, names[i]!));
    return names;
  }

  #known(x: Expr): string | undefined {
    for (const { names } of this.#scopes.toReversed()) {
      const name = names.get(x);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /** The innermost of the outermost blocks that know the expression's variables. */
  #scopeOf(x: Expr): Scope {
    const levels = this.#scopes.map((s) => s.level).filter((l) => l >= x.level);
    if (levels.length === 0) {
      throw new InternalError(`an expression of level ${x.level} outside its loop`);
    }
    const level = Math.min(...levels);
    return this.#scopes.findLast((s) => s.level === level)!;
  }

  #expression({ node, type }: Expr, scope: Scope): string {
    switch (node.kind) {
      case "load":
        return this.#load(node.from, node.index, type, scope);
      case "sum": {
        const terms = node.terms.map(({ of, scale }) =>
          scale === 1 ? this.text(of) : `${this.text(of)} * ${scale}u`
        );
        return [...terms, ...(node.offset === 0 ? [] : [`${node.offset}u`])].join(" + ");
      }
      case "digit": {
        const { of, stride, size } = node;
        const quotient = stride === 1 ? this.text(of) : `${this.text(of)} / ${stride}u`;
        return Math.ceil(of.bound / stride) <= size ? quotient : `(${quotient}) % ${size}u`;
      }
      case "code": {
        const args = node.args.map((a) => this.text(a));
        return node.text.replace(/\$(\d)/g, (_, i) => args[Number(i)]!);
      }
      default:
        throw new InternalError(`no text for ${node.kind}`);
    }
  }

  /** The finished kernel. */
  finish(): Kernel {
    const workgroups = this.#parts.reduce((sum, p) => sum + p.workgroups, 0);
    const [x, y] = gridOf(workgroups);
    const lines = [`let number = ${y === 1 ? "group.x" : `group.y * ${x}u + group.x`};`];
    let end = 0;
    for (const part of this.#parts) {
      end += part.workgroups;
      // There may be a few more workgroups than parts ask for, to fill the grid.
      if (this.#parts.length === 1 && x * y === workgroups) lines.push(...part.lines);
      else {
        const head = end === part.workgroups ? "if" : "else if";
        lines.push(`${head} (number < ${end}u) {`, ...part.lines.map((l) => `  ${l}`), "}");
      }
    }
    const body = lines.map((l) => `  ${l}`).join("\n");
    const loops = [...this.#loops].sort((a, b) => a - b);
    const steps = loops.map((loop, i) => `@group(1) @binding(${i}) var<uniform> step${loop}: u32;`);
    const shared = [...this.#shared].map(([name, { type, size }]) =>
      `var<workgroup> ${name}: array<${type}, ${size}>;`
    );
    const head = [...this.#declarations, ...steps, ...shared, ...this.#functions].join("\n");
    const builtins = {
      group: "@builtin(workgroup_id) group: vec3<u32>",
      local: "@builtin(local_invocation_index) local: u32",
      groups: "@builtin(num_workgroups) groups: vec3<u32>",
    };
    const parameters = Object.entries(builtins)
      .flatMap(([name, text]) => new RegExp(`\\b${name}\\b`).test(body) ? [text] : []).join(", ");
    const text = `${libraryFor(`${head}\n${body}`)}\n${head}
@compute @workgroup_size(${this.#workgroupSize})
fn main(${parameters}) {
${body}
}
`;
    return { text, bindings: this.#bindings, loops, workgroups };
  }
}

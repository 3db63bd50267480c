/**
 * The expressions that kernels are made of: scalars computed from loads, constants and loop variables.
 *
 * Equal expressions are one object (hash-consing), so that common subexpressions are found by identity and
 * "is this the element I am at?" is `===`. Indices are kept as sums of digits, where
 * `digit(x, s, n) = ⌊x / s⌋ mod n`: broadcasts, reshapes, transposes and slices then cancel without
 * a simplifier of their own.
 */
import { InternalError } from "../../core/errors.ts";
import type { DType } from "../../core/dtype.ts";
import type { Shape } from "../../core/aval.ts";
import type { Scalar, Type } from "./kernel/wgsl.ts";
import type { Expr, Node, Term, Value } from "./value.ts";

let table = new Map<string, Expr>();
let count = 0;

/** Runs `f` with a table of expressions of its own, forgotten afterwards. */
export function withExpressions<R>(f: () => R): R {
  const outer = table;
  table = new Map();
  try {
    return f();
  } finally {
    table = outer;
  }
}

const unbounded = Infinity;

function intern(
  key: string,
  type: Type,
  node: Node,
  args: readonly Expr[],
  extra: { bound?: number; level?: number; phase?: number } = {},
): Expr {
  const full = `${type} ${key}`;
  let found = table.get(full);
  if (!found) {
    let { bound = unbounded, level = 0, phase = 0 } = extra;
    for (const a of args) {
      level = Math.max(level, a.level);
      phase = Math.max(phase, a.phase);
    }
    table.set(full, found = { id: count++, type, node, level, phase, bound });
  }
  return found;
}

/** The WGSL type of a value's elements inside a kernel. */
export function typeOf(dtype: DType): Scalar {
  switch (dtype) {
    case "float32":
      return "f32";
    case "int32":
      return "i32";
    case "uint32":
      return "u32";
    case "bool":
      return "bool";
    case "float64":
      throw new InternalError("float64 reached the webgpu backend");
  }
}

/** A constant. */
export function constant(value: number, type: Type): Expr {
  const key = Object.is(value, -0) ? "-0" : String(value);
  const bound = type === "u32" ? value + 1 : unbounded;
  return intern(`=${key}`, type, { kind: "constant", value }, [], { bound });
}

/** An index constant. */
export function index(value: number): Expr {
  return constant(value, "u32");
}

/** A name that the kernel's text defines. */
export function variable(
  name: string,
  type: Type,
  { level, bound = unbounded, phase = 0 }: { level: number; bound?: number; phase?: number },
): Expr {
  const key = `${name} ${level} ${phase} ${bound}`;
  return intern(key, type, { kind: "variable", name }, [], { level, bound, phase });
}

/** An element of a value's buffer. */
export function load(from: Value, at: Expr): Expr {
  return intern(`[${from.id} ${at.id}]`, typeOf(from.dtype), { kind: "load", from, index: at }, [
    at,
  ]);
}

/** Four elements of a value's buffer, the first of which is at four times the index. */
export function loadFour(from: Value, at: Expr): Expr {
  const type = typeOf(from.dtype);
  const four = type === "bool" ? "vec4<u32>" : `vec4<${type}>` as const;
  return intern(`[[${from.id} ${at.id}]]`, four, { kind: "load", from, index: at }, [at]);
}

/** The index as four times another, and what is left over, where that is the same wherever it is used. */
export function quarter({ node }: Expr): { readonly of: Expr; readonly rest: number } | undefined {
  const [terms, offset] = node.kind === "sum"
    ? [node.terms, node.offset]
    : node.kind === "constant"
    ? [[], node.value]
    : [undefined, 0];
  if (!terms?.every((t) => t.scale % 4 === 0)) return undefined;
  const of = sum(terms.map((t) => ({ of: t.of, scale: t.scale / 4 })), Math.floor(offset / 4));
  return { of, rest: offset % 4 };
}

/** WGSL text, with `$0`, `$1` … for the arguments. */
export function code(type: Type, text: string, ...args: readonly Expr[]): Expr {
  const key = `${text} ${args.map((a) => a.id).join(" ")}`;
  return intern(key, type, { kind: "code", text, args }, args);
}

/** An index as WGSL text; it is below `bound` wherever it is used. */
export function indexCode(bound: number, text: string, ...args: readonly Expr[]): Expr {
  const key = `${text} <${bound} ${args.map((a) => a.id).join(" ")}`;
  return intern(key, "u32", { kind: "code", text, args }, args, { bound });
}

/** `condition ? yes : no`, only one of which is computed. */
export function branch(condition: Expr, yes: Expr, no: Expr): Expr {
  if (yes === no) return yes;
  const { node } = condition;
  if (node.kind === "constant") return node.value ? yes : no;
  const args = [condition, yes, no];
  return intern(`? ${args.map((a) => a.id).join(" ")}`, yes.type, {
    kind: "branch",
    condition,
    yes,
    no,
  }, args);
}

/** ⌊x / stride⌋ mod size. */
export function digit(of: Expr, stride: number, size: number): Expr {
  if (size <= 1 || stride >= of.bound) return index(0);
  const { node } = of;
  if (node.kind === "constant") return index(Math.floor(node.value / stride) % size);
  if (stride === 1 && of.bound <= size) return of;
  if (node.kind === "digit" && node.size % stride === 0) {
    const above = node.size / stride;
    if (size >= above) return digit(node.of, node.stride * stride, above);
    if (above % size === 0) return digit(node.of, node.stride * stride, size);
  }
  if (node.kind === "sum") {
    const short = digitOfSum(node.terms, node.offset, stride, size);
    if (short) return short;
  }
  const bound = Math.min(size, Math.ceil(of.bound / stride));
  return intern(`/ ${of.id} ${stride} ${size}`, "u32", { kind: "digit", of, stride, size }, [of], {
    bound,
  });
}

// Multiples of stride·size vanish. In g·high + low with low < g, low vanishes if g divides the stride; if the stride
// divides g, and g divides stride·size, each part has a digit of its own.
function digitOfSum(
  terms: readonly Term[],
  offset: number,
  stride: number,
  size: number,
): Expr | undefined {
  const period = stride * size;
  const rest = terms.filter((t) => t.scale % period !== 0);
  if (rest.length < terms.length || offset >= period) {
    return digit(sum(rest, offset % period), stride, size);
  }
  for (let cut = terms.length; cut > 0; cut--) {
    const common = terms.slice(0, cut).reduce((g, t) => gcd(g, t.scale), stride);
    if (common === 1 || most(terms.slice(cut)) + offset % common >= common) continue;
    const high = terms.slice(0, cut).map((t) => ({ of: t.of, scale: t.scale / common }));
    return digit(sum(high, Math.floor(offset / common)), stride / common, size);
  }
  for (let cut = terms.length; cut > 0; cut--) {
    const common = terms.slice(0, cut).reduce((g, t) => gcd(g, t.scale), stride * size);
    const low = terms.slice(cut);
    if (common % stride !== 0 || common === stride || most(low) + offset % common >= common) {
      continue;
    }
    const high = terms.slice(0, cut).map((t) => ({ of: t.of, scale: t.scale / common }));
    return sum([
      {
        of: digit(sum(high, Math.floor(offset / common)), 1, stride * size / common),
        scale: common / stride,
      },
      { of: digit(sum(low, offset % common), stride, common / stride), scale: 1 },
    ]);
  }
  return undefined;
}

const gcd = (a: number, b: number): number => b === 0 ? a : gcd(b, a % b);

const most = (terms: readonly Term[]) =>
  terms.reduce((total, t) => total + t.scale * (t.of.bound - 1), 0);

/** Σ scale · index + offset, with neighbouring digits of one index put together again. */
export function sum(terms: readonly Term[], offset = 0): Expr {
  let flat: Term[] = [];
  const addTerm = ({ of, scale }: Term) => {
    const { node } = of;
    if (scale === 0) return;
    if (node.kind === "constant") offset += node.value * scale;
    else if (node.kind === "sum") {
      offset += node.offset * scale;
      node.terms.forEach((t) => addTerm({ of: t.of, scale: t.scale * scale }));
    } else flat.push({ of, scale });
  };
  terms.forEach(addTerm);
  flat.sort((a, b) => b.scale - a.scale);
  for (let i = 0; i + 1 < flat.length;) {
    const joined = join(flat[i]!, flat[i + 1]!);
    if (!joined) i++;
    else {
      flat = [...flat.slice(0, i), joined, ...flat.slice(i + 2)];
      if (i > 0) i--;
    }
  }
  if (flat.length === 0) return index(offset);
  if (flat.length === 1 && flat[0]!.scale === 1 && offset === 0) return flat[0]!.of;
  const key = flat.map((t) => `${t.scale}*${t.of.id}`).join("+");
  return intern(
    `${key}+${offset}`,
    "u32",
    { kind: "sum", terms: flat, offset },
    flat.map((t) => t.of),
    { bound: most(flat) + offset + 1 },
  );
}

// a: digit(x, s·n, m) with scale k·n, b: digit(x, s, n) with scale k  →  digit(x, s, n·m) with scale k.
function join(a: Term, b: Term): Term | undefined {
  const low = b.of.node;
  if (low.kind !== "digit") return undefined;
  if (a.scale !== b.scale * low.size) return undefined;
  const high = a.of.node;
  // The highest digit of an index may have lost its `mod`, or its division.
  const [of, stride, size] = high.kind === "digit"
    ? [high.of, high.stride, high.size]
    : [a.of, 1, a.of.bound];
  if (of !== low.of || stride !== low.stride * low.size) return undefined;
  return { of: digit(of, low.stride, low.size * size), scale: b.scale };
}

/** Row-major strides of a shape. */
export function stridesOf(shape: Shape): number[] {
  let stride = 1;
  return shape.map((_, i) => {
    const axis = shape.length - 1 - i;
    const mine = stride;
    stride *= shape[axis]!;
    return mine;
  }).reverse();
}

/** The place of an element in a row-major buffer. */
export function flatten(at: readonly Expr[], shape: Shape): Expr {
  const strides = stridesOf(shape);
  return sum(at.map((of, i) => ({ of, scale: shape[i] === 1 ? 0 : strides[i]! })));
}

/** The indices along each axis of the element at a place. */
export function unflatten(flat: Expr, shape: Shape): Expr[] {
  const strides = stridesOf(shape);
  return shape.map((n, i) => digit(flat, strides[i]!, n));
}

/**
 * The number of statements that compute an expression, or `most` if there are more. Subexpressions of both arms of a
 * branch are computed in each.
 */
export function countParts(x: Expr, most: number): number {
  let count = 0;
  const visit = (e: Expr, known: readonly Set<Expr>[]): void => {
    if (count >= most || known.some((k) => k.has(e))) return;
    count++;
    known.at(-1)!.add(e);
    const { node } = e;
    if (node.kind !== "branch") return partsOf(node).forEach((part) => visit(part, known));
    visit(node.condition, known);
    visit(node.yes, [...known, new Set()]);
    visit(node.no, [...known, new Set()]);
  };
  visit(x, [new Set()]);
  return count;
}

function partsOf(node: Node): readonly Expr[] {
  switch (node.kind) {
    case "sum":
      return node.terms.map((t) => t.of);
    case "digit":
      return [node.of];
    case "load":
      return [node.index];
    case "code":
      return node.args;
    default:
      return [];
  }
}

/** True if these are the places of four neighbours in order, the first a multiple of four. */
export function areFour(places: readonly Expr[]): boolean {
  const found = places.map(quarter);
  return found.length === 4 && found.every((q, i) => q?.of === found[0]?.of && q?.rest === i);
}

/** The place of an element inside one slice of a stack. */
export function slicePlace(step: Expr, size: number, flat: Expr): Expr {
  return sum([{ of: step, scale: size }, { of: flat, scale: 1 }]);
}

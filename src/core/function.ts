/** Functions of trees as programs: all transformations begin and end here. */
import { coerce } from "./dtype.ts";
import { TreeError } from "./errors.ts";
import { describeValue } from "./describeValue.ts";
import type { Aval } from "./aval.ts";
import type { Program } from "./program.ts";
import { literal, Tensor } from "./tensor.ts";
import { assertReachable, trace } from "./trace.ts";
import { flatten, paths, type Structure, unflatten } from "./tree.ts";

/** A function of trees, traced on its arguments. */
export interface TracedFunction {
  /** Takes the captured tensors, then the leaves of all arguments. */
  readonly program: Program;
  readonly captured: readonly Tensor[];
  /** The leaves of all arguments, in order. */
  readonly leaves: readonly Tensor[];
  /** The number of leaves each argument has. */
  readonly counts: readonly number[];
  readonly structures: readonly Structure[];
  readonly output: Structure;
}

// Beyond it float32 skips whole numbers.
const largestExact = 2 ** 24;

/**
 * A leaf as a tensor: bare numbers are weak float32 scalars, or weak int32 ones where float32 would lose
 * something; booleans are bool.
 */
export function toTensor(leaf: unknown, where: string): Tensor {
  if (leaf instanceof Tensor) {
    // A function that only hands a tensor on would not notice that its trace has ended.
    assertReachable(leaf);
    return leaf;
  }
  if (typeof leaf === "number") {
    const large = Number.isInteger(leaf) && Math.abs(leaf) > largestExact;
    const exact = large && coerce(leaf, "int32") === leaf;
    return exact ? literal(leaf, "int32", true, true) : literal(leaf, "float32", true);
  }
  if (typeof leaf === "boolean") return literal(leaf ? 1 : 0, "bool");
  throw new TreeError(
    `${where} is ${describeValue(leaf)}, not a tensor`,
    leaf instanceof Promise
      ? "await it first"
      : "leaves are tensors, numbers, booleans or null: convert arrays with np.array; pass strings and " +
        "functions as static arguments, or close over them",
  );
}

/** The leaves of a tree as tensors, and its structure. */
export function tensorLeaves(tree: unknown, what: string): [Tensor[], Structure] {
  const [leaves, structure] = flatten(tree);
  if (leaves.every((leaf) => leaf instanceof Tensor)) {
    for (const x of leaves) assertReachable(x);
    return [leaves, structure];
  }
  const names = paths(structure);
  return [leaves.map((leaf, i) => toTensor(leaf, `${what}${names[i]}`)), structure];
}

/** Throws where a tensor among some arguments is one whose trace has ended. */
export function refuseEscaped(args: readonly unknown[]): void {
  for (const leaf of flatten(args)[0]) if (leaf instanceof Tensor) assertReachable(leaf);
}

// A function of trees; what it takes and gives is the caller's to know.
// deno-lint-ignore no-explicit-any
export type AnyFunction = (...args: any[]) => unknown;

/**
 * Traces a function on the leaves of these arguments. In those that `real` names, bare numbers are reals, since
 * the function is differentiated in them.
 */
export function traceFunction(
  f: AnyFunction,
  args: readonly unknown[],
  name: string,
  real: (argument: number) => boolean = () => false,
): TracedFunction {
  const flat = args.map((arg, i) => tensorLeaves(arg, `${name}: argument ${i}`));
  const leaves = flat.flatMap(([xs], i) => real(i) ? xs.map(asReal) : xs);
  const avals = flat.flatMap(([xs], i) =>
    xs.map((x) => real(i) ? { ...asReal(x).aval, whole: false } : x.aval)
  );
  const structures = flat.map(([, structure]) => structure);
  const { program, captured, output } = traceLeaves(
    f,
    structures,
    avals,
    name,
  );
  return { program, captured, leaves, structures, counts: flat.map(([xs]) => xs.length), output };
}

/** Traces a function of trees of these structures and abstract values. */
export function traceLeaves(
  f: AnyFunction,
  structures: readonly Structure[],
  avals: readonly Aval[],
  name: string,
): { program: Program; captured: readonly Tensor[]; output: Structure } {
  let output: Structure = { kind: "null" };
  const { program, captured } = trace((...inputs) => {
    const result = f(...unflattenAll(structures, inputs));
    // A promise is refused by the tracer, which knows what to say.
    if (result instanceof Promise) return result as unknown as Tensor[];
    const [xs, structure] = tensorLeaves(result, `${name}: the result`);
    output = structure;
    return xs;
  }, avals);
  return { program, captured, output };
}

/** A bare whole number as a real one. */
function asReal(x: Tensor): Tensor {
  if (!x.aval.whole || x.source.kind !== "literal") return x;
  return literal(x.source.value, "float32", true, false);
}

/** Arguments from the leaves of all of them. */
export function unflattenAll(
  structures: readonly Structure[],
  leaves: readonly unknown[],
): unknown[] {
  return unflatten({ kind: "array", children: structures }, leaves);
}

/** Programs that captured different tensors, as programs that take all of them first. */
export function shareCaptured(
  traced: readonly { readonly program: Program; readonly captured: readonly Tensor[] }[],
): { consts: Tensor[]; programs: Program[] } {
  const consts = [...new Set(traced.flatMap((t) => t.captured))];
  const programs = traced.map(({ program, captured }) => {
    const places = new Map(captured.map((x, k) => [x, k]));
    const own = program.inputs.slice(captured.length);
    const placeholders = withInputs(consts.map((x) => x.aval));
    const shared = consts.map((x, i) => {
      const k = places.get(x);
      return k === undefined ? placeholders[i]! : program.inputs[k]!;
    });
    return { ...program, inputs: [...shared, ...own] };
  });
  return { consts, programs };
}

function withInputs(avals: readonly Aval[]) {
  return trace(() => [], avals).program.inputs;
}

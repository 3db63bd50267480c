/**
 * What loops carry: a step is traced until the carry it gives has the types of the carry it takes.
 * Weak types adapt as in JAX: a bare number at the start takes the type that the step gives, and a bare
 * number that the step gives takes the type of the carry.
 */
import { isInteger, promoteTypes, type Typed } from "../core/dtype.ts";
import { DTypeError, ShapeError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { type AnyFunction, traceLeaves } from "../core/function.ts";
import {
  type Atom,
  type Aval,
  formatAval,
  inputAvals,
  Literal,
  outputAvals,
  type Program,
  sameShape,
} from "../core/program.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { currentTrace, rewrite } from "../core/trace.ts";
import { paths, type Structure } from "../core/tree.ts";
import { convert } from "../primitives/index.ts";

/** A traced step: its program takes captured tensors, the carry, and what else the step takes. */
export interface Step {
  readonly program: Program;
  readonly captured: readonly Tensor[];
  /** The carry's types, in which the initial carry must be given. */
  readonly carry: readonly Aval[];
  readonly output: Structure;
}

/** A loop's carry: its structure, the values it starts with, and what to call it in errors. */
export interface Carry {
  readonly structure: Structure;
  readonly init: readonly Tensor[];
  readonly name: string;
}

/**
 * Traces `f(carry, ...rest)`, whose first outputs are the next carry; `check` looks at the structure
 * of what it returns.
 *
 * @throws ShapeError or DTypeError when the step gives another carry than it takes, naming the path.
 */
export function traceStep(
  f: AnyFunction,
  { structure, init, name }: Carry,
  rest: { readonly structures: readonly Structure[]; readonly avals: readonly Aval[] },
  check: (output: Structure) => void,
): Step {
  const names = paths(structure);
  let carry = init.map((x) => x.aval);
  for (;;) {
    const { program, captured, output } = traceLeaves(
      f,
      [structure, ...rest.structures],
      [...carry, ...rest.avals],
      name,
    );
    check(output);
    const given = outputAvals(program).slice(0, carry.length);
    const settled = carry.map((c, i) =>
      settle(c, given[i]!, `${name}: the carry${where(names[i]!)}`, {
        before: wholeNumber(init[i]!),
        after: wholeLiteral(program.outputs[i]!),
      })
    );
    // Types only ever grow, so this ends.
    if (settled.every((s, i) => s.dtype === carry[i]!.dtype && s.weak === carry[i]!.weak)) {
      return { program: converted(program, settled), captured, carry: settled, output };
    }
    carry = settled;
  }
}

/** ` at .w[0]`, or nothing at the root. */
export function where(path: string): string {
  return path === "" ? "" : ` at ${path}`;
}

/** The carry's type after looking at what the step gives. */
function settle(taken: Aval, given: Aval, what: string, whole: Whole): Aval {
  const mismatch = `${what} is ${formatAval(taken)} before the step and ${
    formatAval(given)
  } after it`;
  if (!sameShape(taken.shape, given.shape)) {
    throw new ShapeError(
      mismatch,
      "the step must give a carry of the shape it takes: broadcast the initial carry to that shape",
    );
  }
  const type = meet(taken, given, whole);
  if (type) return { ...taken, ...type };
  throw new DTypeError(
    mismatch,
    `the step must give a carry of the type it takes: convert the initial carry with ` +
      `astype("${given.dtype}"), or the step's result with astype("${taken.dtype}")`,
  );
}

/** Whether the carry is a bare whole number: at home among integers, as in all of the array language. */
interface Whole {
  readonly before: boolean;
  readonly after: boolean;
}

function meet(taken: Aval, given: Aval, whole: Whole): Typed | undefined {
  const { dtype } = promoteTypes(taken, given);
  if (taken.dtype === given.dtype) return { dtype, weak: taken.weak && given.weak };
  if (taken.weak && (dtype === given.dtype || (whole.before && isInteger(given.dtype)))) {
    return { dtype: given.dtype, weak: given.weak };
  }
  const adapts = given.weak && (dtype === taken.dtype || (whole.after && isInteger(taken.dtype)));
  return adapts ? taken : undefined;
}

/** Whether a program gives a bare whole number. */
export function wholeLiteral(atom: Atom): boolean {
  return atom instanceof Literal && atom.aval.weak && Number.isInteger(atom.value);
}

function wholeNumber({ source, aval }: Tensor): boolean {
  return aval.weak && source.kind === "literal" && Number.isInteger(source.value);
}

/** The program with its first outputs in these types. */
export function converted(program: Program, types: readonly Typed[]): Program {
  const fits = types.every((t, i) => program.outputs[i]!.aval.dtype === t.dtype);
  if (fits) return program;
  return rewrite(
    (...xs) => evaluate(program, xs).map((y, i) => types[i] ? convert(y, types[i].dtype) : y),
    inputAvals(program),
  );
}

/** Runs `f` on the tensors in these types; what was converted on the way is freed. */
export function withTypes<R>(
  xs: readonly Tensor[],
  types: readonly Typed[],
  f: (xs: readonly Tensor[]) => R,
): R {
  const inTypes = xs.map((x, i) => inType(x, types[i]!));
  const result = f(inTypes);
  if (!currentTrace()) inTypes.forEach((x, i) => x === xs[i] || x.dispose());
  return result;
}

function inType(x: Tensor, { dtype }: Typed): Tensor {
  if (x.dtype === dtype) return x;
  return x.source.kind === "literal" ? literal(x.source.value, dtype) : convert(x, dtype);
}

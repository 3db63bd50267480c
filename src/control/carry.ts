/**
 * The carries of loops: a step is traced until the carry it gives has the types of the carry it takes.
 * Weak types adapt as in JAX: a bare number at the start takes the type that the step gives, and a bare
 * number that the step gives takes the type of the carry.
 */
import { promoteTypes, type Typed } from "../core/dtype.ts";
import { DTypeError, ShapeError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { type AnyFunction, traceLeaves } from "../core/function.ts";
import { type Aval, formatAval, sameShape } from "../core/aval.ts";
import { inputAvals, outputAvals, type Program } from "../core/program.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { currentTrace, traceClosed } from "../core/trace.ts";
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
  /** Its name in errors; "the carry" unless given. */
  readonly what?: string;
}

/**
 * Traces `f(carry, ...rest)`, whose first outputs are the next carry; `check` looks at the structure
 * of what it returns.
 *
 * @throws ShapeError or DTypeError when the step gives another carry than it takes, naming the path.
 */
export function traceStep(
  f: AnyFunction,
  { structure, init, name, what = "the carry" }: Carry,
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
      settle(c, given[i]!, `${name}: ${what}${where(names[i]!)}`)
    );
    // Types only ever grow, so this ends.
    if (settled.every((s, i) => formatAval(s) === formatAval(carry[i]!))) {
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
function settle(taken: Aval, given: Aval, what: string): Aval {
  const mismatch = `${what} is ${formatAval(taken)} before the step and ${
    formatAval(given)
  } after it`;
  if (!sameShape(taken.shape, given.shape)) {
    throw new ShapeError(
      mismatch,
      "the step must give the shape it takes: broadcast the initial value to that shape",
    );
  }
  const type = meet(taken, given);
  if (type) return { ...taken, ...type };
  throw new DTypeError(
    mismatch,
    `the step must give the type it takes: convert the initial value with ` +
      `astype("${given.dtype}"), or the step's result with astype("${taken.dtype}")`,
  );
}

function meet(taken: Aval, given: Aval): Typed | undefined {
  const type = promoteTypes(taken, given);
  if (taken.dtype === given.dtype) {
    const weak = taken.weak && given.weak;
    return { dtype: taken.dtype, weak, whole: weak && taken.whole && given.whole };
  }
  if (taken.weak && type.dtype === given.dtype) return given;
  return given.weak && type.dtype === taken.dtype ? taken : undefined;
}

/** The program with its first outputs in these types. */
export function converted(program: Program, types: readonly Typed[]): Program {
  const fits = types.every((t, i) => program.outputs[i]!.aval.dtype === t.dtype);
  if (fits) return program;
  return traceClosed(
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

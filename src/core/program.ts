/**
 * Programs: what a function becomes when it is traced, and what every transformation maps to
 * another of its kind. A program is a list of equations in single-assignment form. It is closed:
 * whatever it needs comes in through `inputs`.
 */
import { checkDType, type DType, type Typed } from "./dtype.ts";
import { type CallSite, InternalError } from "./errors.ts";
import { type Params, type Primitive, row } from "./primitive.ts";

/** A shape: the size of each axis. */
export type Shape = readonly number[];

/** What is known of a value before it exists. */
export interface Aval extends Typed {
  /** The size of each axis. */
  readonly shape: Shape;
}

let count = 0;

/** A value inside a program, defined once: by the inputs or by one equation. */
export class Var {
  /** A number of its own. */
  readonly id: number = count++;

  /** A new variable. */
  constructor(
    /** What is known of its value. */
    readonly aval: Aval,
  ) {}
}

/** A scalar constant inside a program. */
export class Literal {
  /** A number of this type; its shape is []. */
  constructor(
    /** The number. */
    readonly value: number,
    /** Its type. */
    readonly aval: Aval,
  ) {}
}

/** What an equation reads. */
export type Atom = Var | Literal;

/** One instruction: `outputs = primitive[params](inputs)`. */
export interface Equation {
  /** What is done. */
  // The parameters belong to the primitive beside it: the pair was checked where it was bound.
  // deno-lint-ignore no-explicit-any
  readonly primitive: Primitive<any>;
  /** How: axes, shapes, programs. */
  readonly params: Params;
  /** What is read. */
  readonly inputs: readonly Atom[];
  /** What is defined. */
  readonly outputs: readonly Var[];
  /** Where the user called it. */
  readonly site?: CallSite | undefined;
}

/** A function of tensors in single-assignment form. */
export interface Program {
  /** What it takes. */
  readonly inputs: readonly Var[];
  /** What it does, in order. */
  readonly equations: readonly Equation[];
  /** What it gives. */
  readonly outputs: readonly Atom[];
}

/** The number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** An abstract value; strong unless said otherwise. */
export function aval(shape: Shape, dtype: DType, weak = false): Aval {
  checkDType(dtype);
  return { shape, dtype, weak };
}

/** `float32[2,3]`, with a star for a weak type, and two for that of a whole number. */
export function formatAval(a: Aval): string {
  return `${a.dtype}${a.weak ? a.whole ? "**" : "*" : ""}[${a.shape.join(",")}]`;
}

/** Abstract values of what a program takes. */
export function inputAvals(program: Program): Aval[] {
  return program.inputs.map((v) => v.aval);
}

/** Abstract values of what a program gives. */
export function outputAvals(program: Program): Aval[] {
  return program.outputs.map((a) => a.aval);
}

/** Whether a parameter is itself a program. */
export function isProgram(value: unknown): value is Program {
  return typeof value === "object" && value !== null && "equations" in value;
}

/** The programs inside an equation's parameters: loop bodies, branches, custom rules. */
export function subprograms(params: Params): Program[] {
  return Object.values(params).flatMap((value) =>
    isProgram(value) ? [value] : Array.isArray(value) ? value.filter(isProgram) : []
  );
}

/** Parameters with every program in them replaced. */
export function mapSubprograms(params: Params, f: (program: Program) => Program): Params {
  const holds = (value: unknown) =>
    isProgram(value) || (Array.isArray(value) && value.some(isProgram));
  if (!Object.values(params).some(holds)) return params;
  const map = (value: unknown): unknown =>
    isProgram(value) ? f(value) : Array.isArray(value) ? value.map(map) : value;
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, map(value)]));
}

/**
 * A program that does not know where its equations come from. A call site keeps the functions alive that were
 * running, and they the tensors that they close over: what is kept for long does without.
 */
export function withoutSites(program: Program): Program {
  const equations = program.equations.map(({ site: _, params, ...rest }) => ({
    ...rest,
    params: mapSubprograms(params, withoutSites),
  }));
  return { ...program, equations };
}

/**
 * A program without the equations on which no output and no effect depends.
 * Inputs stay, so that callers need not change.
 */
export function eliminateDeadCode(program: Program): Program {
  const needed = new Set<Atom>(program.outputs);
  const kept: Equation[] = [];
  for (const equation of program.equations.toReversed()) {
    if (!hasEffect(equation) && !equation.outputs.some((v) => needed.has(v))) continue;
    equation.inputs.forEach((a) => needed.add(a));
    kept.push(equation);
  }
  if (kept.length === program.equations.length) return program;
  return { ...program, equations: kept.reverse() };
}

/** Whether an equation does something beside computing its outputs. Calls that nobody needs do not. */
export function hasEffect(equation: Equation): boolean {
  if (equation.primitive.inline) return false;
  return equation.primitive.effect === true ||
    subprograms(equation.params).some((p) => p.equations.some(hasEffect));
}

/**
 * Checks that a program is well formed: every variable is defined once and before its use, and every
 * equation's outputs have the abstract values that its primitive gives them.
 *
 * @throws InternalError naming the equation.
 */
export function validateProgram(program: Program): void {
  const defined = new Set<Var>();
  const define = (v: Var, where: string) => {
    if (defined.has(v)) throw new InternalError(`variable ${v.id} is defined twice, in ${where}`);
    defined.add(v);
  };
  const use = (a: Atom, where: string) => {
    if (a instanceof Var && !defined.has(a)) {
      throw new InternalError(`variable ${a.id} is used before it is defined, in ${where}`);
    }
  };
  program.inputs.forEach((v) => define(v, "inputs"));
  program.equations.forEach((equation, i) => {
    const where = `equation ${i} (${equation.primitive.name})`;
    equation.inputs.forEach((a) => use(a, where));
    const expected = equation.primitive.shape(
      row(equation.inputs.map((a) => a.aval)),
      equation.params,
    );
    if (expected.length !== equation.outputs.length) {
      throw new InternalError(
        `${where} has ${equation.outputs.length} outputs, not ${expected.length}`,
      );
    }
    equation.outputs.forEach((v, k) => {
      const e = expected[k]!;
      if (e.dtype !== v.aval.dtype || !sameShape(e.shape, v.aval.shape)) {
        throw new InternalError(
          `${where} gives ${formatAval(e)}, but its output says ${formatAval(v.aval)}`,
        );
      }
      define(v, where);
    });
    subprograms(equation.params).forEach(validateProgram);
  });
  program.outputs.forEach((a) => use(a, "outputs"));
}

/**
 * A program as text, one equation a line, variables named in order of appearance:
 *
 * ```text
 * { a:float32[3] b:float32[3] =>
 *   c:float32[3] = mul a b
 *   d:float32[] = reduceSum[axes=0] c
 *   (d) }
 * ```
 */
export function formatProgram(program: Program, indent = ""): string {
  const names = new Map<Var, string>();
  const name = (v: Var): string => {
    let found = names.get(v);
    if (found === undefined) names.set(v, found = letters(names.size));
    return found;
  };
  const atom = (a: Atom) => a instanceof Var ? name(a) : `${a.value}:${formatAval(a.aval)}`;
  const typed = (v: Var) => `${name(v)}:${formatAval(v.aval)}`;
  const lines = [`{ ${[...program.inputs.map(typed), "=>"].join(" ")}`];
  for (const { primitive, params, inputs, outputs } of program.equations) {
    const head = `${primitive.name}${formatParams(params, `${indent}    `)}`;
    lines.push(`  ${[...outputs.map(typed), "=", head, ...inputs.map(atom)].join(" ")}`);
  }
  lines.push(`  (${program.outputs.map(atom).join(", ")}) }`);
  return lines.join(`\n${indent}`);
}

/** Parameters as text: equal parameters have equal texts. */
export function formatParams(params: Params, indent = ""): string {
  const fields = Object.entries(params).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${formatParam(value, indent)}`);
  return fields.length === 0 ? "" : `[${fields.join(" ")}]`;
}

const functionNumbers = new WeakMap<object, number>();
let functionCount = 0;

function formatParam(value: unknown, indent: string): string {
  if (isProgram(value)) return formatProgram(value, indent);
  if (Array.isArray(value)) return `(${value.map((v) => formatParam(v, indent)).join(",")})`;
  if (typeof value === "function") {
    // Functions are compared by identity, so the text must tell two of the same name apart.
    let number = functionNumbers.get(value);
    if (number === undefined) functionNumbers.set(value, number = functionCount++);
    return `${value.name || "function"}#${number}`;
  }
  if (typeof value === "object" && value !== null) return formatParams(value as Params, indent);
  return Object.is(value, -0) ? "-0" : String(value);
}

function letters(n: number): string {
  const letter = String.fromCharCode(97 + n % 26);
  return n < 26 ? letter : letters(Math.floor(n / 26) - 1) + letter;
}

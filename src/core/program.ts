/**
 * Programs: what a function becomes when it is traced, and what every transformation maps to another program. A
 * program is a list of equations in single-assignment form. It is closed: everything that it needs comes in through
 * `inputs`.
 *
 * Each equation applies a primitive. A primitive is a name and all its rules, side by side in one object; a rule that
 * does not exist is an explicit `null`, so that none can be forgotten. Rules are written with other primitives
 * on tensors and run while a new program is being traced. Both are defined here because primitives hold
 * programs (bodies of loops, branches) and programs hold primitives.
 */
import type { Atom, Aval, Var } from "./aval.ts";
import type { TypedArray } from "./dtype.ts";
import type { CallSite } from "./errors.ts";
import type { Tensor } from "./tensor.ts";

/** The static parameters of an instruction: axes, shapes, programs. */
export type Params = object;

/** An instruction without parameters. */
export type NoParams = Record<never, never>;

/** The place of an input in which an equation is linear: its value is not known, only its type. */
export class LinearInput {
  /** The place of a value of this type. */
  constructor(
    /** The abstract value: shape and element type. */
    readonly aval: Aval,
  ) {}
}

/**
 * The operands of rules, one entry for each input: a tuple, because a rule knows how many inputs its
 * primitive has (`abstractEval` checked them), and may take them apart by position.
 */
export type Operands<T> = readonly [T, T, T, T, ...T[]];

/** The result of a `jvp` rule: outputs, and their tangents (`null` is a symbolic zero). */
export interface Tangents {
  /** The outputs. */
  readonly outputs: readonly Tensor[];
  /** Their tangents. */
  readonly tangents: readonly (Tensor | null)[];
}

/** The axis of a batch: one level of `vmap`. */
export interface MappedAxis {
  /** The number of elements. */
  readonly size: number;
  /** The name that its collective operations use, if it has one. */
  readonly name?: string | undefined;
}

/** A list taken as a row. The list has as many entries as the primitive has inputs. */
export function asOperands<T>(list: readonly T[]): Operands<T> {
  // Positions beyond the primitive's inputs are never read: `abstractEval` refuses other numbers of them.
  return list as readonly unknown[] as Operands<T>;
}

/** An instruction with all its rules. */
export interface Primitive<P extends Params = NoParams> {
  /** The name in programs and tables. */
  readonly name: string;

  /** The outputs' abstract values; throws when the inputs do not fit. Weakness is not its concern. */
  abstractEval(inputs: Operands<Aval>, params: P): Aval[];

  /**
   * Forward rule: outputs and their tangents from the inputs and theirs. It is called only when some
   * tangent is present. It must keep apart what depends on tangents from what does not: that is how
   * reverse mode splits a program.
   */
  jvp(primals: Operands<Tensor>, tangents: Operands<Tensor | null>, params: P): Tangents;

  /**
   * Transpose rule: cotangents of the `LinearInput` inputs from those of the outputs; `null` where
   * the primitive is not linear.
   */
  readonly transpose:
    | ((
      cotangents: Operands<Tensor | null>,
      inputs: Operands<Tensor | LinearInput>,
      params: P,
    ) => (Tensor | null)[])
    | null;

  /**
   * Batching rule: batched inputs carry the batch as axis 0. Gives the outputs, and which of them
   * are batched (all, when left out).
   */
  batch(
    inputs: Operands<Tensor>,
    batched: Operands<boolean>,
    params: P,
    axis: MappedAxis,
  ): { outputs: readonly Tensor[]; batched?: readonly boolean[] };

  /** A call: the program it stands for wherever its rules are no longer needed. */
  readonly inline?: (params: P) => Program;

  /** The name of the batch axis along which it exchanges values: gone once that axis has been batched. */
  readonly alongAxis?: (params: P) => string;

  /** Its `abstractEval` decides about weakness too; otherwise outputs are weak when all inputs are. */
  readonly ownWeakness?: boolean;

  /** Of whole numbers it makes whole numbers. */
  readonly keepsWholes?: boolean;

  /** A loop that stacks what each step gives: its body, and how to run it with a body that gives more. */
  readonly loop?: (params: P) => {
    readonly body: Program;
    readonly length: number;
    readonly reverse: boolean;
    withBody(body: Program): P;
  };

  /** A choice by its first input: its branches, and how to choose among branches that give more, each its own. */
  readonly branches?: (params: P) => {
    readonly branches: readonly Program[];
    withBranches(branches: readonly Program[]): P;
  };

  /** The same as a loop that stacks, if it can be written as one. */
  readonly asScan?: (
    inputs: readonly Aval[],
    params: P,
    // The parameters belong to the primitive in the same equation.
    // deno-lint-ignore no-explicit-any
  ) => { readonly primitive: Primitive<any>; readonly params: Params } | undefined;

  /** Of a bare number it makes a tensor of that number. */
  readonly isFill?: boolean;

  /** It has an effect besides its outputs, so it is never removed. */
  readonly effect?: boolean;

  /** The host computes it: the function from the values of the inputs to those of the outputs. */
  readonly host?: (params: P) => HostFunction;

  /** Its steps, one after the other: they are taken where a program inside it calls the host. */
  readonly stepwise?: (inputs: readonly Tensor[], params: P, host: Stepping) => Tensor[];
}

/** A function of the host, whose results have the sizes of the outputs. */
export type HostFunction = (
  values: readonly TypedArray[],
  avals: readonly Aval[],
) => readonly TypedArray[];

/** The part of the host between the steps of a loop. */
export interface Stepping {
  /** Runs a program of the loop. */
  run(program: Program, inputs: readonly Tensor[]): Tensor[];
  /** The value of a scalar. @throws BackendError on a backend whose values the host cannot see without waiting. */
  look(x: Tensor): number;
}

/** One instruction: `outputs = primitive[params](inputs)`. */
export interface Equation {
  /** The instruction. */
  // The parameters belong to the primitive in the same equation: the pair was checked when it was bound.
  // deno-lint-ignore no-explicit-any
  readonly primitive: Primitive<any>;
  /** Its static parameters: axes, shapes, programs. */
  readonly params: Params;
  /** The operands. */
  readonly inputs: readonly Atom[];
  /** The variables that it defines. */
  readonly outputs: readonly Var[];
  /** The place in the user's code that called it. */
  readonly site?: CallSite | undefined;
}

/** A function of tensors in single-assignment form. */
export interface Program {
  /** The inputs. */
  readonly inputs: readonly Var[];
  /** The equations, in order. */
  readonly equations: readonly Equation[];
  /** The outputs. */
  readonly outputs: readonly Atom[];
}

/** A rewriting of programs: it gives one that computes the same. */
export interface Pass {
  /** The name, by which stages of compilation are distinguished. */
  readonly name: string;
  /** The rewriting. */
  run(program: Program): Program;
}

/** A host function that sees values. It must be quick. */
export type HostCallback = (values: readonly TypedArray[], avals: readonly Aval[]) => void;

/** Parameters of a primitive with an effect. */
export interface EffectParams extends Params {
  readonly callback: HostCallback;
  /** True if an error that it throws fails the run: its results then reject. */
  readonly fatal: boolean;
}

/** Abstract values of what a program takes. */
export function inputAvals(program: Program): Aval[] {
  return program.inputs.map((v) => v.aval);
}

/** Abstract values of what a program gives. */
export function outputAvals(program: Program): Aval[] {
  return program.outputs.map((a) => a.aval);
}

/** True if a parameter is itself a program. */
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

const effectful = new WeakMap<Program, boolean>();

/** True if an equation has an effect besides its outputs. Calls whose results are not needed have none. */
export function hasEffect(equation: Equation): boolean {
  if (equation.primitive.inline) return false;
  return equation.primitive.effect === true || subprograms(equation.params).some(hasEffects);
}

/** Each program is looked at once, however deep it is in others. */
function hasEffects(program: Program): boolean {
  let found = effectful.get(program);
  if (found === undefined) effectful.set(program, found = program.equations.some(hasEffect));
  return found;
}

const calling = new WeakMap<Program, boolean>();

/** True if the host computes an equation, or one inside its programs. */
export function callsHost({ primitive, params }: Pick<Equation, "primitive" | "params">): boolean {
  return primitive.host !== undefined || subprograms(params).some(programCallsHost);
}

/** True if the host computes a part of a program. */
export function programCallsHost(program: Program): boolean {
  let found = calling.get(program);
  if (found === undefined) calling.set(program, found = program.equations.some(callsHost));
  return found;
}

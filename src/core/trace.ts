/**
 * Tracing: running a function on tensors without values, to write down what it does.
 *
 * `bind` is the only way to apply a primitive. While a trace is open it adds an equation; otherwise it
 * runs the primitive at once. A tensor from outside the open trace (an outer trace's, or one with a
 * value) becomes a hidden input of the program: that is what lets transformations nest and
 * close over each other's values freely.
 */
import { ArgumentError, CallSite, EscapedTensorError, InternalError } from "./errors.ts";
import { runtime } from "./dispatch.ts";
import {
  asOperands,
  eliminateDeadCode,
  type Equation,
  type Operands,
  type Params,
  type Primitive,
  type Program,
} from "./program.ts";
import { type Atom, type Aval, Literal, Var } from "./aval.ts";
import type { OpenTrace } from "./source.ts";
import { Tensor } from "./tensor.ts";

/** A program being written. */
export class Trace implements OpenTrace {
  readonly inputs: Var[] = [];
  readonly equations: Equation[] = [];
  /** Tensors from outside, and the hidden inputs that stand for them. */
  readonly captured = new Map<Tensor, Var>();
  /** Tensors of other traces, and the inputs of this one that are used in their place: see `traceDeferred`. */
  readonly substitutes = new Map<object, Var>();
  open = true;

  constructor(readonly parent: Trace | undefined) {}

  /** A new input. */
  input(aval: Aval): Tensor {
    const variable = new Var(aval);
    this.inputs.push(variable);
    return this.tensor(variable);
  }

  /** The tensor that stands for a variable of this trace. */
  tensor(variable: Var): Tensor {
    return new Tensor(variable.aval, { kind: "traced", trace: this, variable });
  }

  /** The atom by which this program refers to a tensor. */
  atom(x: Tensor): Atom {
    const { source } = x;
    if (source.kind === "literal") return new Literal(source.value, x.aval);
    if (source.kind === "traced") {
      if (source.trace === this) return source.variable;
      assertReachable(x, this);
    } else {
      x.storageRef?.storage; // throws when disposed
    }
    let variable = this.substitutes.get(x) ?? this.captured.get(x);
    if (!variable) this.captured.set(x, variable = new Var(x.aval));
    return variable;
  }
}

/** Throws unless a tensor has a value, belongs to an open trace, or something stands in for it. */
export function assertReachable(x: Tensor, from: Trace | undefined = current): void {
  if (x.source.kind !== "traced" || x.source.trace.open) return;
  for (let t = from; t; t = t.parent) if (t.substitutes.has(x)) return;
  throw escaped();
}

function escaped(): EscapedTensorError {
  return new EscapedTensorError(
    "a tensor was used outside the function in which it was traced",
    "return it from the traced function instead of storing it elsewhere",
  );
}

let current: Trace | undefined;
let site: CallSite | undefined;

/** Runs `f` with all equations withSourceLocation to one place: that of the equation being rewritten. */
export function withSourceLocation<R>(place: CallSite | undefined, f: () => R): R {
  const outer = site;
  site = place ?? outer;
  try {
    return f();
  } finally {
    site = outer;
  }
}

/** The trace that equations go to; undefined when operations run at once. */
export function currentTrace(): Trace | undefined {
  return current;
}

/** Applies a primitive to tensors: adds an equation to the open trace, or runs it at once. */
export function bind<P extends Params>(
  primitive: Primitive<P>,
  inputs: readonly Tensor[],
  params: P,
): Operands<Tensor> {
  // A tensor that got out of its trace is refused before its shape misleads anyone.
  for (const x of inputs) assertReachable(x, current);
  const weak = !primitive.ownWeakness && inputs.length > 0 && inputs.every((x) => x.aval.weak);
  const whole = weak && primitive.keepsWholes && inputs.every((x) => x.aval.whole);
  const avals = primitive.abstractEval(asOperands(inputs.map((x) => x.aval)), params)
    .map((a) => weak && a.dtype === inputs[0]!.dtype ? { ...a, weak, whole } : a);
  if (!current) return asOperands(runtime().run(primitive, inputs, params, avals));
  const trace = current;
  const atoms = inputs.map((x) => trace.atom(x));
  const outputs = avals.map((a) => new Var(a));
  trace.equations.push({ primitive, params, inputs: atoms, outputs, site: site ?? new CallSite() });
  return asOperands(outputs.map((v) => trace.tensor(v)));
}

/** A traced function: its program takes the captured tensors first, then the arguments. */
export interface Traced {
  readonly program: Program;
  readonly captured: readonly Tensor[];
}

/** Writes down what `f` does to tensors of these abstract values. */
export function trace(
  f: (...inputs: Tensor[]) => readonly Tensor[],
  avals: readonly Aval[],
): Traced {
  const t = current = new Trace(current);
  try {
    const inputs = avals.map((a) => t.input(a));
    const results = f(...inputs);
    if (results instanceof Promise) {
      results.catch(() => {}); // what goes wrong in it follows from this
      throw new ArgumentError(
        "a function that returns a promise cannot be traced",
        "give a function that returns tensors at once, and await outside",
      );
    }
    const outputs = results.map((x) => t.atom(x));
    const captured = [...t.captured];
    return {
      program: eliminateDeadCode({
        inputs: [...captured.map(([, v]) => v), ...t.inputs],
        equations: t.equations,
        outputs,
      }),
      captured: captured.map(([x]) => x),
    };
  } finally {
    t.open = false;
    current = t.parent;
  }
}

/** Tells of tensors of the open trace if they were computed from some of these; equations are followed as they come. */
export function dependents(on: readonly Tensor[]): (x: Tensor) => boolean {
  const writing = current;
  if (!writing) throw new InternalError("dependents: no trace is open");
  const found = new Set(on.map((x) => writing.atom(x)));
  let followed = writing.equations.length;
  return (x) => {
    for (; followed < writing.equations.length; followed++) {
      const { inputs, outputs } = writing.equations[followed]!;
      if (inputs.some((a) => found.has(a))) outputs.forEach((v) => found.add(v));
    }
    return found.has(writing.atom(x));
  };
}

/** Traces a function that must not capture anything: rules, and rewrites of programs. */
export function traceClosed(
  f: (...inputs: Tensor[]) => readonly Tensor[],
  avals: readonly Aval[],
): Program {
  const { program, captured } = trace(f, avals);
  if (captured.length > 0) throw escaped();
  return program;
}

/**
 * Traces a function later than it was called: tensors that it closes over may be of traces that have ended
 * since. The first inputs of the new program stand in for them.
 */
export function traceDeferred(
  f: (...inputs: Tensor[]) => readonly Tensor[],
  avals: readonly Aval[],
  closedOver: readonly Tensor[],
): Program {
  return traceClosed((...inputs) => {
    closedOver.forEach((x, i) => {
      const { source } = inputs[i]!;
      if (source.kind === "traced") source.trace.substitutes.set(x, source.variable);
    });
    return f(...inputs.slice(closedOver.length));
  }, [...closedOver.map((x) => x.aval), ...avals]);
}

/** Runs `f` with operations executed at once even if a trace is open. */
export function untraced<R>(f: () => R): R {
  const outer = current;
  current = undefined;
  try {
    return f();
  } finally {
    current = outer;
  }
}

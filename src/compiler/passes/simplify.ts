/**
 * Algebra: instructions that others make superfluous. Each rule looks at one equation and those that define its
 * operands, and gives a simpler equation, or an atom that already has the value. All rules are exact
 * (up to the sign of zero), also for NaN and infinities.
 */
import { type Atom, Literal, sameShape, Var } from "../../core/aval.ts";
import { type Equation, mapSubprograms, type Program } from "../../core/program.ts";
import type { DotParams } from "../../primitives/dot.ts";
import { primitives } from "../../primitives/index.ts";
import type { BroadcastParams } from "../../primitives/broadcast.ts";
import type { ConcatenateParams, SliceParams, TransposeParams } from "../../primitives/shape.ts";

/** What a rule may look at. */
interface Context {
  /** The equation that defines an atom, if one does. */
  definition(a: Atom | undefined): Equation | undefined;
  /** The number that an atom has in all its elements, if that is known. */
  constant(a: Atom | undefined): number | undefined;
  /** True if what reads an atom does so alone. */
  soleReader(a: Atom): boolean;
}

/** An equation without its outputs. */
type Replacement = Pick<Equation, "primitive" | "params" | "inputs">;
type Rule = (equation: Equation, context: Context) => Atom | Replacement | undefined;

const named = (e: Equation | undefined, name: string) => e?.primitive.name === name ? e : undefined;

const foldable: Record<string, (x: number, y: number) => number> = {
  neg: (x) => -x,
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
};

const rules: Record<string, Rule> = {
  stopGradient: ({ inputs }) => inputs[0],
  neg: ({ inputs }, { definition }) => named(definition(inputs[0]), "neg")?.inputs[0],
  add({ inputs: [x, y] }, { constant, definition }) {
    if (constant(y) === 0) return x;
    if (constant(x) === 0) return y;
    const negated = named(definition(y), "neg");
    if (negated) return { primitive: primitives.sub, params: {}, inputs: [x!, negated.inputs[0]!] };
    const other = named(definition(x), "neg");
    return other && { primitive: primitives.sub, params: {}, inputs: [y!, other.inputs[0]!] };
  },
  sub({ inputs: [x, y] }, { constant, definition }) {
    if (constant(y) === 0) return x;
    const negated = named(definition(y), "neg");
    return negated && { primitive: primitives.add, params: {}, inputs: [x!, negated.inputs[0]!] };
  },
  mul({ inputs: [x, y] }, { constant }) {
    if (constant(y) === 1) return x;
    if (constant(x) === 1) return y;
    return undefined;
  },
  div: ({ inputs: [x, y] }, { constant }) => constant(y) === 1 ? x : undefined,
  select: ({ inputs: [, a, b] }) => a === b ? a : undefined,
  reshape(equation, { definition }) {
    const [x] = equation.inputs;
    const inner = named(definition(x), "reshape");
    const source = inner ? inner.inputs[0]! : x!;
    if (sameShape(source.aval.shape, equation.outputs[0]!.aval.shape)) return source;
    return inner && { ...equation, inputs: [source] };
  },
  transpose(equation, { definition, soleReader }) {
    const product = named(definition(equation.inputs[0]), "dot");
    if (product && soleReader(equation.inputs[0]!)) {
      return exchanged(product, (equation.params as TransposeParams).permutation);
    }
    const inner = named(definition(equation.inputs[0]), "transpose");
    if (!inner) return undefined;
    // Equations of this name have these parameters.
    const [outer, first] = [equation.params as TransposeParams, inner.params as TransposeParams];
    const permutation = outer.permutation.map((a) => first.permutation[a]!);
    if (permutation.every((a, i) => a === i)) return inner.inputs[0];
    return { ...equation, params: { permutation }, inputs: [inner.inputs[0]!] };
  },
  slice(equation, { definition }) {
    const [x] = equation.inputs;
    // Equations of this name have these parameters.
    const { start, limit, strides } = equation.params as SliceParams;
    const whole = (a: number) => start[a] === 0 && limit[a] === x!.aval.shape[a];
    if (strides.some((s) => s !== 1)) return undefined;
    if (start.every((_, a) => whole(a))) return x;
    const joined = named(definition(x), "concatenate");
    if (!joined) return undefined;
    // A cut along a seam is a piece.
    const { axis } = joined.params as ConcatenateParams;
    if (!start.every((_, a) => a === axis || whole(a))) return undefined;
    let at = 0;
    for (const piece of joined.inputs) {
      const end = at + piece.aval.shape[axis]!;
      if (start[axis] === at && limit[axis] === end) return piece;
      at = end;
    }
    return undefined;
  },
  broadcast(equation, { definition }) {
    const inner = named(definition(equation.inputs[0]), "broadcast");
    if (!inner) return undefined;
    const [outer, first] = [equation.params as BroadcastParams, inner.params as BroadcastParams];
    const axes = first.axes.map((a) => outer.axes[a]!);
    return { ...equation, params: { shape: outer.shape, axes }, inputs: [inner.inputs[0]!] };
  },
};

/** (x y)ᵀ = yᵀ xᵀ: a product whose operands' axes trade places is the product of the operands exchanged. */
function exchanged({ primitive, params, inputs }: Equation, permutation: readonly number[]) {
  const { lhsContract, lhsBatch, rhsContract, rhsBatch } = params as DotParams; // it is a dot
  const [lhs, rhs] = inputs as [Atom, Atom];
  const batch = lhsBatch.length;
  const rows = lhs.aval.shape.length - lhsContract.length - batch;
  const columns = rhs.aval.shape.length - rhsContract.length - batch;
  const source = (a: number) => a < batch ? a : a < batch + columns ? a + rows : a - columns;
  if (!permutation.every((p, a) => p === source(a))) return undefined;
  const turned: DotParams = {
    lhsContract: rhsContract,
    rhsContract: lhsContract,
    lhsBatch: rhsBatch,
    rhsBatch: lhsBatch,
  };
  return { primitive, params: turned, inputs: [rhs, lhs] };
}

/** The program with every rule applied where it fits. Dead equations are left to their own pass. */
export function simplify(program: Program): Program {
  const definitions = new Map<Atom, Equation>();
  const renamed = new Map<Var, Atom>();
  const resolve = (a: Atom): Atom => a instanceof Var ? renamed.get(a) ?? a : a;
  const readers = readersOf(program);
  const context: Context = {
    soleReader: (a) => readers.get(a) === 1,
    definition: (a) => a && definitions.get(a),
    constant(a) {
      if (a instanceof Literal) return a.value;
      const source = named(a && definitions.get(a), "broadcast")?.inputs[0];
      return source instanceof Literal ? source.value : undefined;
    },
  };
  const equations: Equation[] = [];
  for (const original of program.equations) {
    let equation: Equation = {
      ...original,
      inputs: original.inputs.map(resolve),
      params: mapSubprograms(original.params, simplify),
    };
    const replaced = fold(equation, context) ?? rules[equation.primitive.name]?.(equation, context);
    if (replaced instanceof Var || replaced instanceof Literal) {
      renamed.set(equation.outputs[0]!, replaced);
      continue;
    }
    if (replaced) equation = { ...equation, ...replaced, outputs: equation.outputs };
    equation.outputs.forEach((v) => definitions.set(v, equation));
    equations.push(equation);
  }
  return { inputs: program.inputs, equations, outputs: program.outputs.map(resolve) };
}

/** How often each atom is read, as an operand or as an output. */
export function readersOf(program: Program): ReadonlyMap<Atom, number> {
  const readers = new Map<Atom, number>();
  for (const a of [...program.equations.flatMap((e) => e.inputs), ...program.outputs]) {
    readers.set(a, (readers.get(a) ?? 0) + 1);
  }
  return readers;
}

/** Arithmetic on known constants: the result is a constant, broadcast if it has axes. */
function fold(equation: Equation, { constant }: Context): Atom | Replacement | undefined {
  const compute = foldable[equation.primitive.name];
  const { aval } = equation.outputs[0] ?? {};
  if (!compute || !aval || (aval.dtype !== "float32" && aval.dtype !== "float64")) return undefined;
  const [x, y = 0] = equation.inputs.map(constant);
  if (x === undefined || equation.inputs.some((a) => constant(a) === undefined)) return undefined;
  const value = compute(x, y);
  const rounded = aval.dtype === "float32" ? Math.fround(value) : value;
  const scalar = new Literal(rounded, { ...aval, shape: [] });
  if (aval.shape.length === 0) return scalar;
  const params: BroadcastParams = { shape: aval.shape, axes: [] };
  return { primitive: primitives.broadcast, params, inputs: [scalar] };
}

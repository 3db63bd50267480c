/**
 * Algebra: instructions that others make superfluous. Each rule looks at one equation and those that define its
 * operands, and gives a simpler equation, or an atom that already has the value. All rules are exact
 * (up to the sign of zero), also for NaN and infinities.
 */
import { type Atom, Literal, sameShape, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import type { BroadcastParams } from "../../primitives/broadcast.ts";
import type { DotParams } from "../../primitives/dot.ts";
import { type PrimitiveName, primitives } from "../../primitives/index.ts";
import { type EquationOf, isEquation, readersOf, rewrite } from "../rewrite.ts";

/** The facts about a program that a rule may use. */
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
type Rule<E extends Equation> = (equation: E, context: Context) => Atom | Replacement | undefined;

function named<Name extends PrimitiveName>(e: Equation | undefined, name: Name) {
  return isEquation(e, name) ? e : undefined;
}

const foldable: Record<string, (x: number, y: number) => number> = {
  neg: (x) => -x,
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
};

const rules: { readonly [Name in PrimitiveName]?: Rule<EquationOf<Name>> } = {
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
      return exchanged(product, equation.params.permutation);
    }
    const inner = named(definition(equation.inputs[0]), "transpose");
    if (!inner) return undefined;
    const permutation = equation.params.permutation.map((a) => inner.params.permutation[a]!);
    if (permutation.every((a, i) => a === i)) return inner.inputs[0];
    return { ...equation, params: { permutation }, inputs: [inner.inputs[0]!] };
  },
  slice(equation, { definition }) {
    const [x] = equation.inputs;
    const { start, limit, strides } = equation.params;
    const whole = (a: number) => start[a] === 0 && limit[a] === x!.aval.shape[a];
    if (strides.some((s) => s !== 1)) return undefined;
    if (start.every((_, a) => whole(a))) return x;
    const joined = named(definition(x), "concatenate");
    if (!joined) return undefined;
    // A cut along a seam is a piece.
    const { axis } = joined.params;
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
    const { shape, axes: outer } = equation.params;
    const axes = inner.params.axes.map((a) => outer[a]!);
    return { ...equation, params: { shape, axes }, inputs: [inner.inputs[0]!] };
  },
};

/** (x y)ᵀ = yᵀ xᵀ: a product whose operands' axes trade places is the product of the operands exchanged. */
function exchanged(
  { primitive, params, inputs }: EquationOf<"dot">,
  permutation: readonly number[],
): Replacement | undefined {
  const { lhsContract, lhsBatch, rhsContract, rhsBatch } = params;
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
  return rewrite(program, simplify, (equation, values) => {
    // The table has for each name a rule for equations of this name.
    const rule = rules[equation.primitive.name as PrimitiveName] as Rule<Equation> | undefined;
    const replaced = fold(equation, context) ?? rule?.(equation, context);
    if (replaced instanceof Var || replaced instanceof Literal) {
      values.set(equation.outputs, [replaced]);
      return [];
    }
    const simpler = replaced ? { ...equation, ...replaced, outputs: equation.outputs } : equation;
    simpler.outputs.forEach((v) => definitions.set(v, simpler));
    return [simpler];
  });
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

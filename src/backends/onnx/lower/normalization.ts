/**
 * Layer normalization, for which ONNX has one node in place of ten:
 *
 *     c / √(mean c² + ε) · w + b,   c = x - mean x
 *
 * ONNX Runtime's node takes the mean off first, as the pieces do, and is as exact as they are far from 0, which a test
 * watches. A reciprocal root that more than this reads, as gradients do, is made anyway, and the pieces stay.
 */
import { type Atom, Literal, sameShape } from "../../../core/aval.ts";
import type { Equation, Program } from "../../../core/program.ts";
import {
  type Definitions,
  definitionsOf,
  type EquationOf,
  isEquation,
  readersOf,
} from "../../../compiler/rewrite.ts";
import { Float, type Graph } from "../graph.ts";
import { full, type Operand, operand } from "../operand.ts";
import { reshape } from "../values.ts";

/** Rows, and what is done to them. */
export interface Normalization {
  /** The rows along the last axis of this. */
  readonly rows: Atom;
  readonly epsilon: number;
  /** A number for each element of a row. */
  readonly scale?: Atom;
  readonly offset?: Atom;
}

// The longest rows for which the node was found to be as exact as the pieces.
const longest = 4096;

/** The layer normalizations of a program, by the equations whose results they are. */
export function normalizationsOf(program: Program): ReadonlyMap<Equation, Normalization> {
  const found = new Map<Atom, { readonly equation: Equation; readonly is: Normalization }>();
  if (!program.equations.some((e) => isEquation(e, "rsqrt"))) return new Map();
  const definitions = definitionsOf(program.equations);
  const readers = readersOf(program);
  const alone = (a: Atom) => readers.get(a) === 1;
  for (const equation of program.equations) {
    const isProduct = isEquation(equation, "mul");
    if (!isProduct && !isEquation(equation, "add")) continue;
    const [y] = equation.outputs as [Atom]; // as primitives of numbers have
    const [a, b] = equation.inputs as [Atom, Atom]; // both of them have two
    for (const [x, other] of [[a, b], [b, a]] as const) {
      const plain = isProduct ? plainly(definitions, alone, x, other) : undefined;
      if (plain) found.set(y, { equation, is: plain });
      const before = found.get(x)?.is;
      const row = before && alone(x) && rowOf(definitions, other);
      if (!row || before.offset) continue;
      if (isProduct && !before.scale) found.set(y, { equation, is: { ...before, scale: row } });
      else if (!isProduct) found.set(y, { equation, is: { ...before, offset: row } });
      else continue;
      found.delete(x);
    }
  }
  return new Map([...found.values()].map(({ equation, is }) => [equation, is]));
}

/** The node of a normalization. */
export function lowerNormalization(
  g: Graph,
  { rows, epsilon, scale, offset }: Normalization,
  read: (a: Atom) => Operand,
): Operand {
  const x = full(g, read(rows));
  const size = [x.shape.at(-1)!];
  const row = (a: Atom) => reshape(g, full(g, read(a)), size);
  const inputs = [
    x,
    scale ? row(scale) : g.constant("float32", size, Array<number>(size[0]!).fill(1)),
    ...offset ? [row(offset)] : [],
  ];
  return operand(
    g.node("LayerNormalization", inputs, x, { axis: -1, epsilon: new Float(epsilon) }),
  );
}

/** c · 1/√(mean c² + ε) with c = x - mean x, where nothing else reads the factor. */
function plainly(
  definitions: Definitions,
  alone: (a: Atom) => boolean,
  centered: Atom,
  factor: Atom,
): Normalization | undefined {
  const { shape, dtype } = centered.aval;
  const length = shape.at(-1);
  if (dtype !== "float32" || length === undefined || length < 2 || length > longest) return;
  const root = ofRows(definitions, factor, shape, alone);
  if (!isEquation(root, "rsqrt") || !alone(root.outputs[0]!)) return;
  const sum = definitions.get(root.inputs[0]!);
  if (!isEquation(sum, "add")) return;
  const epsilon = numberOf(definitions, sum.inputs[1]!) ?? numberOf(definitions, sum.inputs[0]!);
  const variance = sum.inputs[numberOf(definitions, sum.inputs[1]!) === undefined ? 1 : 0]!;
  const square = meanOf(definitions, variance, shape);
  const product = square && definitions.get(square);
  if (epsilon === undefined || !isEquation(product, "mul")) return;
  if (!product.inputs.every((a) => a === centered)) return;
  const difference = definitions.get(centered);
  if (!isEquation(difference, "sub")) return;
  const [x, mean] = difference.inputs as [Atom, Atom]; // a difference has two
  return meanOf(definitions, mean, shape) === x ? { rows: x, epsilon } : undefined;
}

/** The rows of a shape whose means, one for each, an atom holds. */
function meanOf(definitions: Definitions, a: Atom, shape: readonly number[]): Atom | undefined {
  const mean = ofRows(definitions, a, shape);
  if (!isEquation(mean, "div") || numberOf(definitions, mean.inputs[1]!) !== shape.at(-1)) return;
  const sum: EquationOf<"reduceSum"> | Equation | undefined = definitions.get(mean.inputs[0]!);
  if (!isEquation(sum, "reduceSum")) return;
  const [rows] = sum.inputs as [Atom]; // a sum has one
  return sameShape(rows.aval.shape, shape) && sameShape(sum.params.axes, [shape.length - 1])
    ? rows
    : undefined;
}

/** The equation that makes a number for each row of a shape, which an atom repeats along the rows. */
function ofRows(
  definitions: Definitions,
  a: Atom,
  shape: readonly number[],
  reads: (a: Atom) => boolean = () => true,
): Equation | undefined {
  const e = definitions.get(a);
  if (!isEquation(e, "broadcast") && !isEquation(e, "reshape")) return e;
  const [source] = e.inputs as [Atom]; // a view has one
  const rows = shape.slice(0, -1);
  const fits = [rows, [...rows, 1]].some((s) => sameShape(s, source.aval.shape));
  const inPlace = isEquation(e, "reshape") || e.params.axes.every((axis, i) => axis === i);
  const held = sameShape(a.aval.shape.slice(0, rows.length), rows);
  return fits && inPlace && held && reads(a)
    ? ofRows(definitions, source, shape, reads)
    : undefined;
}

/** The number that an atom holds everywhere. */
function numberOf(definitions: Definitions, a: Atom): number | undefined {
  if (a instanceof Literal) return a.value;
  const e = definitions.get(a);
  return isEquation(e, "broadcast") ? numberOf(definitions, e.inputs[0]!) : undefined;
}

/** The row of numbers that an atom repeats along all axes but the last. */
function rowOf(definitions: Definitions, a: Atom): Atom | undefined {
  const { shape } = a.aval;
  const e = definitions.get(a);
  if (!isEquation(e, "broadcast") || !sameShape(e.params.axes, [shape.length - 1])) return;
  const [row] = e.inputs as [Atom]; // a view has one
  return row.aval.shape[0] === shape.at(-1) ? row : undefined;
}

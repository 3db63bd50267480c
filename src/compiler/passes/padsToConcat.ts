/**
 * Sums of padded pieces become concatenations. The gradient of cutting a tensor up (a GRU's gates, the slices of a
 * split) is a sum of pieces, each padded with zeros to the whole: if the pieces tile it, it is they, side by side.
 */
import { type Atom, Literal, sameShape, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { primitives } from "../../primitives/index.ts";
import { isEquation, rewrite } from "../rewrite.ts";
import { Sums } from "./sums.ts";

/** A piece, and where along an axis it lies. */
interface Piece {
  readonly value: Atom;
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

/** The program with sums of pieces that tile their whole joined; their padding is left as dead code. */
export function padsToConcat(program: Program): Program {
  const sums = new Sums(program);
  return rewrite(program, padsToConcat, (equation) => {
    const all = sums.termsOf(equation);
    if (!all) return [equation];
    const [out] = equation.outputs;
    const pieces = all.map((a) => pieceOf(sums.definition(a)));
    const tiling = tile(pieces.filter((p) => p !== undefined), out!.aval.shape);
    if (!tiling) return [equation];
    const rest = all.filter((_, i) => pieces[i] === undefined);
    return sum(tiling, rest, equation);
  });
}

/** The joined pieces, and the other terms added to them one after the other. */
function sum(pieces: readonly Piece[], rest: readonly Atom[], total: Equation): Equation[] {
  const [out] = total.outputs;
  const fresh = () => new Var(out!.aval);
  const made: Equation[] = [];
  let sofar: Atom = rest.length === 0 ? out! : fresh();
  made.push({
    ...total,
    primitive: primitives.concatenate,
    params: { axis: pieces[0]!.axis },
    inputs: pieces.map((p) => p.value),
    outputs: [sofar as Var], // made just above
  });
  rest.forEach((term, i) => {
    const next = i === rest.length - 1 ? out! : fresh();
    made.push({ ...total, inputs: [sofar, term], outputs: [next] });
    sofar = next;
  });
  return made;
}

/** The value that an equation pads with zeros along one axis; undefined for other equations. */
function pieceOf(equation: Equation | undefined): Piece | undefined {
  if (!isEquation(equation, "pad")) return undefined;
  const [value, filling] = equation.inputs;
  const { low, high, interior } = equation.params;
  const axes = low.flatMap((n, a) => n > 0 || high[a]! > 0 ? [a] : []);
  const zero = filling instanceof Literal && filling.value === 0;
  if (!zero || axes.length !== 1 || interior.some((n) => n !== 0)) return undefined;
  const axis = axes[0]!;
  return { value: value!, axis, start: low[axis]!, end: low[axis]! + value!.aval.shape[axis]! };
}

/** The pieces in order, if they cover the shape exactly once. */
function tile(pieces: readonly Piece[], shape: readonly number[]): Piece[] | undefined {
  const [first] = pieces;
  if (!first || pieces.length < 2) return undefined;
  const across = (p: Piece) => p.value.aval.shape.map((n, a) => a === first.axis ? 0 : n);
  const fits = pieces.every((p) => p.axis === first.axis && sameShape(across(p), across(first)));
  if (!fits) return undefined;
  const ordered = [...pieces].sort((a, b) => a.start - b.start);
  let end = 0;
  for (const p of ordered) {
    if (p.start !== end) return undefined;
    end = p.end;
  }
  return end === shape[first.axis] ? ordered : undefined;
}

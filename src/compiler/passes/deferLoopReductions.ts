/**
 * Loops that only add up. What every step uses gets its derivative as a carry to which each step adds a product that
 * nothing else reads. Where the product's operands are smaller than the sum, they are stacked instead, and one
 * product after the loop sums over the steps as well: less to carry, and to add.
 */
import { type Atom, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import type { ScanParams } from "../../primitives/control/scan.ts";
import type { DotParams } from "../../primitives/dot.ts";
import { primitives } from "../../primitives/index.ts";
import type { ReduceParams } from "../../primitives/reduction.ts";
import { bytesOf } from "../liveness.ts";
import { definitionsOf, type EquationOf, isEquation, readersOf, rewrite } from "../rewrite.ts";

/** The program with sums over steps taken out of `scan`s. */
export function deferLoopReductions(program: Program): Program {
  return rewrite(
    program,
    deferLoopReductions,
    (equation) => isEquation(equation, "scan") ? defer(equation) : [equation],
  );
}

/** An equation of which the results can be summed along with what it sums itself. */
type Term = EquationOf<"dot"> | EquationOf<"reduceSum">;

/** A carry that is a sum over the steps. */
interface Sum {
  readonly carry: number;
  /** The equation of the term that each step adds, and the addition. */
  readonly term: Term;
  readonly step: Equation;
}

function defer(scan: EquationOf<"scan">): Equation[] {
  const { params } = scan;
  const { body, consts, carry, length } = params;
  const sums = sumsOf(params);
  const slices = new Map<Atom, Atom>();
  body.inputs.slice(consts + carry).forEach((v, i) => {
    slices.set(v, scan.inputs[consts + carry + i]!);
  });
  body.outputs.slice(carry).forEach((a, i) => slices.set(a, scan.outputs[carry + i]!));
  const fixed = new Set<Atom>(body.inputs.slice(0, consts));
  const stacked: { inner: Var; out: Var }[] = [];
  const sunk = sums.filter(({ term }) => {
    const missing = new Set(term.inputs.filter((a) => !slices.has(a)));
    if (![...missing].every((a) => a instanceof Var && !fixed.has(a))) return false;
    // A carry takes its memory twice, once for what a step reads and once for what it writes.
    const bytes = [...missing].reduce((total, a) => total + length * bytesOf(a.aval), 0);
    if (bytes > 2 * bytesOf(term.outputs[0]!.aval)) return false;
    for (const inner of missing) {
      const out = new Var({ ...inner.aval, shape: [length, ...inner.aval.shape] });
      slices.set(inner, out);
      stacked.push({ inner: inner as Var, out });
    }
    return true;
  });
  if (sunk.length === 0) return [scan];
  const gone = new Set(sunk.map((s) => s.carry));
  const superfluous = new Set(sunk.flatMap((s) => [s.term, s.step]));
  const kept = <T>(items: readonly T[], offset = 0) =>
    items.filter((_, i) => !gone.has(i - offset));
  return [
    {
      ...scan,
      params: {
        ...params,
        carry: carry - gone.size,
        body: {
          ...body,
          inputs: kept(body.inputs, consts),
          equations: body.equations.filter((e) => !superfluous.has(e)),
          outputs: [...kept(body.outputs), ...stacked.map((s) => s.inner)],
        },
      },
      inputs: kept(scan.inputs, consts),
      outputs: [...kept(scan.outputs), ...stacked.map((s) => s.out)],
    },
    ...sunk.flatMap(({ carry, term }) => {
      const total = new Var(term.outputs[0]!.aval);
      return [
        {
          ...term,
          params: overSteps(term),
          inputs: term.inputs.map((a) => slices.get(a)!),
          outputs: [total],
        },
        {
          primitive: primitives.add,
          params: {},
          inputs: [scan.inputs[consts + carry]!, total],
          outputs: [scan.outputs[carry]!],
          site: scan.site,
        },
      ];
    }),
  ];
}

/** The carries to which steps only add; those that add products come first, which may stack what others sum. */
function sumsOf({ body, consts, carry }: ScanParams): Sum[] {
  const readers = readersOf(body);
  const definitions = definitionsOf(body.equations);
  const [products, reductions]: [Sum[], Sum[]] = [[], []];
  body.outputs.slice(0, carry).forEach((out, i) => {
    const before = body.inputs[consts + i]!;
    const step = definitions.get(out);
    if (!isEquation(step, "add") || readers.get(out) !== 1) return;
    if (readers.get(before) !== 1 || !step.inputs.includes(before)) return;
    const added = step.inputs.find((a) => a !== before);
    const term = added && readers.get(added) === 1 ? definitions.get(added) : undefined;
    if (isEquation(term, "dot")) products.push({ carry: i, term, step });
    if (isEquation(term, "reduceSum")) reductions.push({ carry: i, term, step });
  });
  return [...products, ...reductions];
}

/** The parameters of a sum that is also one over a new first axis. */
function overSteps(term: Term): DotParams | ReduceParams {
  const later = (axes: readonly number[]) => axes.map((a) => a + 1);
  if (isEquation(term, "reduceSum")) return { axes: [0, ...later(term.params.axes)] };
  const { lhsContract, rhsContract, lhsBatch, rhsBatch } = term.params;
  return {
    lhsContract: [0, ...later(lhsContract)],
    rhsContract: [0, ...later(rhsContract)],
    lhsBatch: later(lhsBatch),
    rhsBatch: later(rhsBatch),
  };
}
